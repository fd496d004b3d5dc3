#include <criterion/criterion.h>
#include <stdio.h>

#include "base/clock.h"
#include "node/memory.h"
#include "node/tree.h"

enum { MB = 1000000 };

static struct tree tree;
static struct unit *svc;
static struct err err;

static void start(void)
{
	tree_init(&tree);
	svc = tree_add_service(&tree, "svc", 0);
	svc->dynamic = true;
	svc->main_alive = true;
	for (int i = 0; i < LIMIT_COUNT; i++)
		svc->limits.v[i] = LIMIT_NONE;
}

static void end(void)
{
	tree_clear(&tree);
}

TestSuite(memory, .init = start, .fini = end);

static struct unit *child(struct unit *parent, int64_t bytes)
{
	struct spawn_want want = { 0 };

	for (int i = 0; i < LIMIT_COUNT; i++)
		want.limits.v[i] = LIMIT_NONE;
	struct unit *u = tree_admit(&tree, parent, &want, 0, &err);
	if (u) {
		u->main_alive = true;
		u->memory = bytes;
	}
	return u;
}

static struct unit *victim(void)
{
	const struct unit *holder;

	memory_sum(svc);
	return memory_victim(svc, &holder);
}

Test(memory, the_largest_child_goes_and_never_the_service)
{
	svc->limits.v[LIMIT_TOTAL_MEMORY] = 100 * MB;
	svc->memory = 60 * MB;
	struct unit *a = child(svc, 10 * MB), *b = child(a, 20 * MB), *c = child(svc, 10 * MB);
	(void)c;
	cr_expect_null(victim(), "100 of 100 is not past it");
	svc->memory++;
	cr_expect_eq(victim(), b);
	svc->memory = 200 * MB;
	b->cause = a->cause = c->cause = CAUSE_MEMORY;
	cr_expect_null(victim(), "nothing is left but the service");
}

Test(memory, of_equals_the_younger_goes)
{
	svc->limits.v[LIMIT_TOTAL_MEMORY] = 10 * MB;
	(void)child(svc, 4 * MB);
	(void)child(svc, 4 * MB);
	struct unit *c = child(svc, 4 * MB);
	(void)child(svc, 3 * MB);
	cr_expect_eq(victim(), c);
}

Test(memory, no_more_go_than_have_to)
{
	svc->limits.v[LIMIT_TOTAL_MEMORY] = 100 * MB;
	struct unit *a = child(svc, 60 * MB), *b = child(svc, 50 * MB);
	cr_assert_eq(victim(), a);
	a->cause = CAUSE_MEMORY;
	cr_expect_null(victim(), "what is going doesn't count");
	cr_expect_eq(svc->memory_tree, 110 * MB);
	cr_expect_eq(svc->memory_stays, 50 * MB);
	cr_expect_not(memory_urgent(svc), "110 of 100: a tenth");
	b->memory++;
	(void)victim();
	cr_expect(memory_urgent(svc));
}

Test(memory, child_memory_is_of_one_child_with_its_tree)
{
	svc->limits.v[LIMIT_CHILD_MEMORY] = 30 * MB;
	svc->memory = 500 * MB;
	struct unit *a = child(svc, 10 * MB), *b = child(a, 20 * MB);
	(void)child(svc, 30 * MB);
	cr_expect_null(victim());
	a->memory++;
	cr_expect_eq(victim(), b, "the larger of both");
	b->memory = 0;
	a->memory = 30 * MB + 1;
	cr_expect_eq(victim(), a);
	cr_expect_eq(memory_least(svc), 30 * MB);
}

Test(memory, a_limit_of_a_child_holds_for_its_own_tree)
{
	struct unit *a = child(svc, 10 * MB), *b = child(svc, 90 * MB);
	(void)b;
	a->limits.v[LIMIT_TOTAL_MEMORY] = 5 * MB;
	cr_expect_eq(victim(), a);
}

Test(memory, past_limits_memory_the_service_goes)
{
	svc->memory_max = 50 * MB;
	struct unit *a = child(svc, 50 * MB);
	cr_expect_null(victim());
	a->memory++;
	cr_expect_eq(victim(), svc);
	svc->cause = CAUSE_MEMORY;
	cr_expect_eq(victim(), a, "and what it spawned goes with it");
}

Test(memory, without_a_limit_nothing_is_looked_at)
{
	(void)child(svc, INT64_MAX / 4);
	cr_expect_null(victim());
	cr_expect_eq(memory_least(svc), INT64_MAX);
	cr_expect_eq(memory_slack(svc), INT64_MAX);
}

Test(memory, the_next_look_is_when_the_limit_could_be_reached)
{
	cr_expect_eq(memory_next(0, 0, 0), 50 * NS_PER_MS);
	cr_expect_eq(memory_next(100 * MB, 0, 0), 500 * NS_PER_MS, "at 200 MB a second");
	cr_expect_eq(memory_next(100 * MB, 1000 * (int64_t)MB, 0), 100 * NS_PER_MS);
	cr_expect_eq(memory_next(400 * MB, 0, 0), 2 * NS_PER_SEC);
	cr_expect_eq(memory_next(INT64_MAX, 0, 0), 2 * NS_PER_SEC);
	cr_expect_eq(memory_next(0, 0, 30 * NS_PER_MS), 120 * NS_PER_MS, "a fifth of a processor");
}

Test(memory, a_spawn_is_refused_from_nine_tenths_on)
{
	svc->limits.v[LIMIT_TOTAL_MEMORY] = 100 * MB;
	svc->memory = 90 * MB - 1;
	memory_sum(svc);
	struct unit *a = child(svc, 0);
	cr_assert_not_null(a);
	svc->memory++;
	memory_sum(svc);
	cr_expect_null(child(svc, 0));
	cr_expect_eq(err.code, ERR_MEMORY);
	cr_expect(strstr(err.msg, "total_memory limit of svc reached: 90000000 of 100000000"), "%s",
		err.msg);
	cr_expect_null(child(a, 0), "of every ancestor");
}

Test(memory, a_spawn_below_a_child_that_is_near_its_own_limit_is_refused)
{
	struct unit *a = child(svc, 27 * MB), *b = child(a, 0), *c = child(svc, 0);
	svc->limits.v[LIMIT_CHILD_MEMORY] = 30 * MB;
	svc->memory = 500 * MB;
	memory_sum(svc);
	cr_expect_null(child(b, 0));
	cr_expect_eq(err.code, ERR_MEMORY);
	cr_expect_not_null(child(c, 0));
	cr_expect_not_null(child(svc, 0), "its own use is none of a child's");
}

Test(memory, an_orphan_counts_with_its_tree_and_may_be_the_one_to_go)
{
	svc->limits.v[LIMIT_TOTAL_MEMORY] = 100 * MB;
	struct unit *a = child(svc, 10 * MB), *b = child(a, 80 * MB), *c = child(b, 20 * MB);
	b->policy = POLICY_ORPHAN;
	tree_adopt(b, NULL);
	cr_expect_eq(victim(), b);
	cr_expect_eq(svc->memory_tree, 110 * MB);
	cr_expect_eq(a->memory_tree, 10 * MB);
	c->cause = b->cause = CAUSE_MEMORY;
	cr_expect_null(victim());
}

Test(memory, what_is_gone_is_held_by_nobody_above_it_from_then_on)
{
	svc->limits.v[LIMIT_TOTAL_MEMORY] = 100 * MB;
	svc->memory = 20 * MB;
	struct unit *a = child(svc, 30 * MB), *b = child(a, 60 * MB);
	memory_sum(svc);
	cr_expect_null(child(svc, 0));
	memory_gone(b);
	cr_expect_eq(svc->memory_tree, 50 * MB);
	cr_expect_eq(a->memory_tree, 30 * MB);
	cr_expect_eq(b->memory, 0);
	cr_expect_not_null(child(svc, 0));
	svc->memory_tree = 10 * MB; /* the kernel said less meanwhile */
	memory_gone(a);
	cr_expect_eq(svc->memory_tree, 0);
}
