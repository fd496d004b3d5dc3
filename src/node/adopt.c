/* A parent ended for good under reparent or orphan: where its children go. */
#include <string.h>

#include "node/mailbox.h"
#include "node/tree.h"

static void lower(int64_t *limit, int64_t v)
{
	if (*limit == LIMIT_NONE || *limit > v)
		*limit = v;
}

/* What bounded all below the parent bounds each child now, so that an end frees nobody of a limit. */
static void keep_limits(struct unit *u, const struct unit *old)
{
	for (int key = 0; key < LIMIT_COUNT && old != old->root; key++) {
		int64_t v = old->limits.v[key];
		if (v == LIMIT_NONE)
			continue;
		if (key == LIMIT_DEPTH)
			v--; /* a level less is left below the child */
		if (key == LIMIT_EVER)
			v += (int64_t)u->ever - (int64_t)old->ever; /* what is left of it */
		lower(&u->limits.v[key], v);
		if (key == LIMIT_CHILD_MEMORY)
			lower(&u->limits.v[LIMIT_TOTAL_MEMORY],
				v); /* it was one of those children */
	}
}

/* The log goes on in the file that it began with. Without memory it is looked for at the new path. */
static void keep_log(struct unit *u)
{
	char path[UNIT_PATH_MAX];

	if (!u->logged_as)
		u->logged_as = strdup(unit_log_path(u, path, sizeof path));
}

static void count(struct unit *u, struct unit *parent, int sign)
{
	unsigned n = (u->descendants + 1) * (unsigned)sign, one = (unsigned)sign;

	*(u->orphan ? &parent->orphans : &parent->live_children) += one;
	for (; parent; parent = parent->parent)
		parent->descendants += n;
}

static void rise(struct unit *u, unsigned levels)
{
	u->depth -= levels;
	list_each(it, &u->kids)
	{
		struct unit *kid = list_entry(it, struct unit, sibling);
		if (kid->ended)
			kid->depth -= levels;
	}
}

/* In the order of the ids, as everywhere. */
static void put(struct unit *u, struct unit *parent)
{
	struct list *at = parent->kids.prev;

	while (at != &parent->kids && list_entry(at, struct unit, sibling)->id > u->id)
		at = at->prev;
	list_add_tail(at->next, &u->sibling);
	u->parent = parent;
}

void tree_adopt(struct unit *u, struct unit *to)
{
	struct unit *old = u->parent, *parent = to ? to : u->root;
	unsigned levels = u->depth - parent->depth - 1;

	for (struct unit *d = u; d; d = tree_walk(u, d == u ? NULL : d)) {
		keep_log(d);
		rise(d, levels);
	}
	keep_limits(u, old);
	count(u, old, -1);
	list_del(&u->sibling);
	u->orphan = !to;
	notice_move(u, to);
	u->rate_charge_ns = 0; /* it was the other's bucket */
	tree_name(parent, u->name, u->id);
	put(u, parent);
	count(u, parent, 1);
}

void tree_bequeath(struct unit *u, struct unit *to, uint64_t number)
{
	int64_t over = (int64_t)u->kept + (int64_t)to->kept - tree_results_max(to);

	to->lost += u->lost;
	list_each(it, &u->results)
	{
		struct unit *kid = list_entry(it, struct unit, result);
		if (over-- > 0) {
			to->lost++;
			continue;
		}
		list_del(&kid->sibling);
		list_del(it);
		list_del(&kid->notice);
		put(kid, to);
		kid->root = to;
		kid->notice_number = number;
		list_add_tail(&to->results, it);
		list_add_tail(&to->notices, &kid->notice);
		to->kept++;
		u->kept--;
	}
}
