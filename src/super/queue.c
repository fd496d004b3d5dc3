/* Spawns that wait for room: who is next says node/queue.h; here are their connections, the moments at which something
 * may have changed, and the timer of a rate. */
#include <stdlib.h>

#include "base/clock.h"
#include "node/keep.h"
#include "super/birth.h"

struct tree_queue {
	struct queue q;
	struct super *s;
	struct timer timer; /* when a rate has room */
	bool dirty;         /* something may have changed since it was looked at */
};

static struct tree_queue *queue_of(const struct unit *root)
{
	return root->rt ? job_of(root)->queue : NULL;
}

static void touch(struct tree_queue *t)
{
	t->dirty = t->s->queue_dirty = true;
}

void queue_touch(const struct unit *u)
{
	struct tree_queue *t = queue_of(u->root);

	if (t && t->q.n)
		touch(t);
}

void queue_free(struct super *s, struct job *j)
{
	if (j->queue)
		timer_del(s, &j->queue->timer);
	free(j->queue);
	j->queue = NULL;
}

/* --- leaving --- */

static void leave(struct tree_queue *t, struct birth *b)
{
	queue_del(&t->q, &b->q);
	keep_sub(b->q.parent, b->size + b->will_bytes);
	b->asker->birth = NULL;
}

void queue_leave(struct conn *c)
{
	struct birth *b = c->birth;

	if (!b)
		return;
	leave(queue_of(b->q.parent->root), b);
	birth_free(c->s, b);
}

/* It has had its time in the queue. */
static void answer(struct super *s, struct tree_queue *t, struct birth *b)
{
	leave(t, b);
	b->queue_ns = 0;
	birth_now(s, b);
}

void queue_forget(struct super *s, struct unit *u)
{
	struct tree_queue *t = u->queued ? queue_of(u->root) : NULL;

	if (!t)
		return;
	u->closed = true;
	list_each(it, &t->q.waiting)
	{
		struct birth *b = list_entry(it, struct birth, q.link);
		if (b->q.parent == u)
			answer(s, t, b);
	}
}

/* --- being served --- */

static bool more_next_turn(struct super *s, struct tree_queue *t)
{
	touch(t);
	return s->again = true;
}

/* Those who came while others were still to be served are now where they would have been at once. */
static bool take_late(struct super *s, struct tree_queue *t)
{
	bool any = false;

	list_each(it, &t->q.waiting)
	{
		struct birth *b = list_entry(it, struct birth, q.link);
		if (!b->late)
			continue;
		if (any && turn_spent(s))
			return more_next_turn(s, t);
		any = true;
		b->late = false;
		leave(t, b);
		birth_now(s, b);
	}
	return false;
}

static void room_again(struct super *s, struct timer *timer)
{
	(void)s;
	touch(container_of(timer, struct tree_queue, timer));
}

/* true: there are more of them, for the next turn. */
static bool serve(struct super *s, struct tree_queue *t)
{
	int64_t now = clock_mono_ns(), at;
	struct queued *r;

	t->dirty = false;
	for (int n = 0; (r = queue_next(&t->q, now, &at)); n++) {
		if (s->starts >= STARTS_A_TURN || (n && turn_spent(s)))
			return more_next_turn(s, t);
		answer(s, t, list_entry(r, struct birth, q));
	}
	if (at == INT64_MAX)
		timer_del(s, &t->timer);
	else
		timer_set(s, &t->timer, at, room_again);
	return take_late(s, t);
}

bool queues_serve(struct super *s)
{
	int starts = s->starts;

	s->queue_dirty = false;
	list_each(it, &s->tree.services)
	{
		struct tree_queue *t = queue_of(list_entry(it, struct unit, sibling));
		if (t && t->dirty)
			(void)serve(s, t);
	}
	return s->starts != starts;
}

/* --- joining --- */

/* At one request: a tree that makes more of it than a few milliseconds' work waits, be it for ever. */
enum { LOOKS_MAX = 500000 };

static bool waits_for_ends(const struct conn *c)
{
	return !c->gone && c->unit && (c->wait == WAIT_EXIT || (c->wait == WAIT_ENDS && !c->any));
}

/* One pass over those who wait for ends. whoever: as if all of those units were stuck. true: one more is, and it may be
 * looked on. */
static bool pass(struct super *s, struct queue *q, bool whoever, int *left)
{
	bool more = false;

	list_each(it, &s->conns)
	{
		struct conn *c = list_entry(it, struct conn, link);
		if (!waits_for_ends(c) || queue_is_stuck(q, c->unit))
			continue;
		if (whoever)
			queue_stuck(q, c->unit);
		for (size_t i = 0; !whoever && i < c->nunits && --*left > 0; i++) {
			const struct unit *u = tree_by_id(&s->tree, c->units[i].id);
			more |= u && !c->units[i].over && queue_waits_for(q, c->unit, u);
		}
	}
	return more && *left > 0;
}

static void look(struct super *s, struct queue *q, const struct birth *b, bool whoever)
{
	int left = LOOKS_MAX;

	queue_look(q);
	list_each(it, &q->waiting)
	{
		const struct birth *o = list_entry(it, struct birth, q.link);
		if (o->asker->unit && !o->late)
			queue_stuck(q, o->asker->unit);
	}
	if (b->asker->unit)
		queue_stuck(q, b->asker->unit);
	while (pass(s, q, whoever, &left))
		;
}

/* First as if every unit that waits for another were stuck: that there is no deadlock even so is told quickly. */
static int deadlock(struct super *s, struct queue *q, const struct birth *b, struct err *err)
{
	look(s, q, b, true);
	if (queue_deadlock(q, b->q.parent, err) == 0)
		return 0;
	look(s, q, b, false);
	return queue_deadlock(q, b->q.parent, err);
}

static struct tree_queue *make(struct super *s, struct unit *root)
{
	struct job *j = job_of(root);

	if (!j->queue && (j->queue = calloc(1, sizeof *j->queue))) {
		queue_init(&j->queue->q);
		j->queue->s = s;
	}
	return j->queue;
}

static int join(struct tree_queue *t, struct birth *b, struct err *err)
{
	struct unit *root = b->q.parent->root;

	if (keep_add(root, b->size + b->will_bytes, ERR_QUEUE, err) < 0)
		return -1;
	if (queue_add(&t->q, &b->q, err) < 0) {
		keep_sub(root, b->size + b->will_bytes);
		return -1;
	}
	b->asker->birth = b;
	if (!b->asker->tagged) /* else it waits for those, too */
		conn_waits(b->asker, WAIT_QUEUE);
	touch(t); /* a rate's timer */
	return 0;
}

int queue_birth(struct super *s, struct birth *b, struct err *err)
{
	struct tree_queue *t = make(s, b->q.parent->root);

	if (!t)
		return err_no_memory(err);
	if (deadlock(s, &t->q, b, err) < 0 || join(t, b, err) < 0)
		return -1;
	if (b->queue_ns >= 0)
		conn_wait_until(b->asker, clock_mono_ns() + b->queue_ns);
	return 0;
}

int queue_before(struct super *s, struct birth *b, struct err *err)
{
	struct tree_queue *t = queue_of(b->q.parent->root);

	if (!t || !t->q.n || !serve(s, t))
		return 0;
	b->late = true;
	if (join(t, b, err) == 0)
		return 1;
	b->late = false;
	return -1;
}
