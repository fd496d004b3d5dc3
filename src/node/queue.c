#include "node/queue.h"

void queue_init(struct queue *q)
{
	*q = (struct queue){ 0 };
	list_init(&q->waiting);
}

int queue_add(struct queue *q, struct queued *r, struct err *err)
{
	if (q->n >= CAP_QUEUED) {
		(void)err_set(err, ERR_QUEUE, 0, "%d spawns wait in the tree of %s already",
			CAP_QUEUED, r->parent->root->name);
		return err_help(err, "sysg tree %s", r->parent->root->name);
	}
	list_add_tail(&q->waiting, &r->link);
	q->n++;
	r->parent->queued++;
	return 0;
}

void queue_del(struct queue *q, struct queued *r)
{
	list_del(&r->link);
	q->n--;
	r->parent->queued--;
}

/* What one unit can't have now none of its later requests can either. */
struct queued *queue_next(const struct queue *q, int64_t now_ns, int64_t *ret_at_ns)
{
	const struct unit *no_room = NULL;
	struct full f;
	int64_t at_ns;

	*ret_at_ns = INT64_MAX;
	list_each(it, (struct list *)(uintptr_t)&q->waiting)
	{
		struct queued *r = list_entry(it, struct queued, link);

		if (r->parent == no_room)
			continue;
		if (tree_closed(r->parent) || !tree_full(r->parent, now_ns, &f, &at_ns))
			return r;
		no_room = r->parent;
		if (at_ns < *ret_at_ns)
			*ret_at_ns = at_ns;
	}
	return NULL;
}

void queue_look(struct queue *q)
{
	q->round++;
}

void queue_stuck(const struct queue *q, struct unit *u)
{
	u->stuck = q->round;
}

bool queue_is_stuck(const struct queue *q, const struct unit *u)
{
	return u->stuck == q->round;
}

bool queue_waits_for(const struct queue *q, struct unit *who, const struct unit *whom)
{
	if (who->root != whom->root || whom->stuck != q->round || who->stuck == q->round)
		return false;
	queue_stuck(q, who);
	return true;
}

static bool kids_stuck(const struct queue *q, const struct unit *top)
{
	list_each(it, (struct list *)(uintptr_t)&top->kids)
	{
		const struct unit *u = list_entry(it, struct unit, sibling);
		if (!u->ended && !u->orphan && u->stuck != q->round)
			return false;
	}
	return true;
}

static bool tree_stuck(const struct queue *q, struct unit *top)
{
	for (struct unit *u = NULL; (u = tree_walk(top, u));)
		if (u->stuck != q->round)
			return false;
	return true;
}

static int for_ever(const struct unit *holder, enum limit_key key, struct err *err)
{
	char path[UNIT_PATH_MAX];

	(void)err_set(err, ERR_DEADLOCK, 0,
		"it would wait for ever: all that the %s limit of %s allows wait themselves",
		limit_rows[key].key, unit_path(holder, path, sizeof path));
	return err_help(err, "sysg tree %s", holder->root->name);
}

int queue_deadlock(const struct queue *q, struct unit *parent, struct err *err)
{
	for (struct unit *a = parent; a; a = a->parent) {
		int64_t children = a->limits.v[LIMIT_CHILDREN],
			all = a->limits.v[LIMIT_DESCENDANTS];

		if (children != LIMIT_NONE && parent->live_children >= children &&
			kids_stuck(q, parent))
			return for_ever(a, LIMIT_CHILDREN, err);
		if (all != LIMIT_NONE && a->descendants >= all && !a->orphans && tree_stuck(q, a))
			return for_ever(a, LIMIT_DESCENDANTS, err);
	}
	return 0;
}
