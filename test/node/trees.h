/* trees.h - small trees of units for the tests. */
#ifndef TEST_NODE_TREES_H
#define TEST_NODE_TREES_H

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#include "node/tree.h"

static struct tree t;
static struct err err;

static inline struct unit *a_service(const char *name)
{
	if (!t.all.next)
		tree_init(&t);
	struct unit *u = tree_add_service(&t, name, 0);
	cr_assert_not_null(u);
	u->dynamic = true;
	u->policy = POLICY_DRAIN;
	return u;
}

static inline struct spawn_want a_want(const char *name)
{
	struct spawn_want w = { .name = name };

	for (int i = 0; i < LIMIT_COUNT; i++)
		w.limits.v[i] = LIMIT_NONE;
	return w;
}

static inline struct unit *try_spawn(struct unit *parent, const char *name)
{
	struct spawn_want w = a_want(name);

	err = (struct err){ 0 };
	return tree_admit(&t, parent, &w, 0, &err);
}

static inline struct unit *spawn(struct unit *parent, const char *name)
{
	struct unit *u = try_spawn(parent, name);

	cr_assert_not_null(u, "%s: %s", name ? name : "(no name)", err.msg);
	return u;
}

/* A chain of n units below parent; the last of them. */
static inline struct unit *chain(struct unit *parent, int n)
{
	while (n--)
		parent = spawn(parent, NULL);
	return parent;
}

static inline void end_of(struct unit *u, int64_t when_ns)
{
	u->exit.known = true;
	u->exit.ended_ns = when_ns;
	tree_end(&t, u);
}

#endif
