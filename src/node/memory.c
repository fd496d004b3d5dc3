#include "node/memory.h"

#include "base/clock.h"
#include "node/tree.h"

#define LOOK_MIN (50 * NS_PER_MS)
#define LOOK_MAX (2 * NS_PER_SEC)

static struct unit *orphan_from(struct unit *root, struct list *at)
{
	for (; at != &root->kids; at = at->next) {
		struct unit *u = list_entry(at, struct unit, sibling);
		if (!u->ended && u->orphan)
			return u;
	}
	return NULL;
}

struct unit *memory_walk(struct unit *root, struct unit *at)
{
	struct unit *top = at, *next;

	while (top != root && top->parent != root)
		top = top->parent;
	if (top != root && top->orphan) {
		next = tree_walk(top, at == top ? NULL : at);
		return next ? next : orphan_from(root, top->sibling.next);
	}
	next = tree_walk(root, at == root ? NULL : at);
	return next ? next : orphan_from(root, root->kids.next);
}

// NOLINTBEGIN(bugprone-macro-parentheses): a name can't stand in them
#define EACH(root, u)                                                                              \
	for (struct unit *u = (struct unit *)(uintptr_t)(root); u;                                 \
		u = memory_walk((struct unit *)(uintptr_t)(root), u))
// NOLINTEND(bugprone-macro-parentheses)

void memory_sum(struct unit *root)
{
	EACH(root, u) u->memory_tree = u->memory_stays = 0;
	EACH(root, u)
	for (struct unit *a = u; a; a = a->parent) {
		a->memory_tree += u->memory;
		a->memory_stays += u->cause == CAUSE_NONE ? u->memory : 0;
	}
}

static int64_t lesser(int64_t a, int64_t b)
{
	return a == LIMIT_NONE || (b != LIMIT_NONE && b < a) ? b : a;
}

void memory_gone(struct unit *u)
{
	int64_t held = u->memory;

	u->memory = u->rss_bytes = 0;
	for (; u; u = u->parent)
		u->memory_tree -= held < u->memory_tree ? held : u->memory_tree;
}

int64_t memory_limit(const struct unit *u)
{
	int64_t v =
		lesser(u->limits.v[LIMIT_TOTAL_MEMORY], u->memory_max ? u->memory_max : LIMIT_NONE);

	for (const struct unit *a = u->parent; a; a = a->parent)
		v = lesser(v, a->limits.v[LIMIT_CHILD_MEMORY]);
	return v;
}

int64_t memory_least(const struct unit *root)
{
	int64_t least = INT64_MAX;

	EACH(root, u)
	{
		int64_t limit = memory_limit(u);
		least = limit != LIMIT_NONE && limit < least ? limit : least;
	}
	return least;
}

static bool over(int64_t use, int64_t limit)
{
	return limit != LIMIT_NONE && use > limit;
}

static struct unit *largest(struct unit *of)
{
	struct unit *most = NULL;

	EACH(of, u)
	if (unit_spawned(u) && u->cause == CAUSE_NONE && u->main_alive &&
		(!most || u->memory > most->memory ||
			(u->memory == most->memory && u->id > most->id)))
		most = u;
	return most;
}

struct unit *memory_victim(struct unit *root, const struct unit **ret_holder)
{
	*ret_holder = root;
	if (root->memory_max && root->memory_stays > root->memory_max && root->main_alive &&
		root->cause == CAUSE_NONE)
		return root;
	*ret_holder = NULL;
	EACH(root, u)
	{
		if (!over(u->memory_stays, memory_limit(u)))
			continue;
		struct unit *victim = largest(u);
		*ret_holder = u;
		if (victim)
			return victim;
	}
	return NULL;
}

bool memory_urgent(const struct unit *root)
{
	EACH(root, u)
	{
		int64_t limit = memory_limit(u);
		if (u->memory_tree > u->memory_stays && over(u->memory_tree - limit / 10, limit))
			return true;
	}
	return false;
}

int64_t memory_slack(const struct unit *root)
{
	int64_t least = INT64_MAX;

	EACH(root, u)
	{
		int64_t limit = memory_limit(u), left = limit - u->memory_tree;
		if (limit != LIMIT_NONE && left < least)
			least = left > 0 ? left : 0;
	}
	return least;
}

int64_t memory_next(int64_t slack, int64_t growth, int64_t took_ns)
{
	int64_t most = growth > MEMORY_GROWTH ? growth : MEMORY_GROWTH;
	int64_t least = 4 * took_ns > LOOK_MIN ? 4 * took_ns : LOOK_MIN;
	int64_t ns = slack / most >= 2 ? LOOK_MAX : slack * 1000 / most * NS_PER_MS;

	return ns < least ? least : ns > LOOK_MAX ? LOOK_MAX : ns;
}

bool memory_near(int64_t use, int64_t limit)
{
	return limit != LIMIT_NONE && use >= limit - limit / 10;
}
