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

static void answer(struct super *s, struct tree_queue *t, struct birth *b)
{
	struct conn *c = b->asker;
	struct err err;

	leave(t, b);
	struct unit *u = birth_admit(s, b, &err);
	if (u) {
		birth_begin(c, u);
	} else {
		event_add(s, EVENT_REFUSED, b->q.parent, err.code, "spawn: %s", err.msg);
		conn_waits(c, WAIT_NOTHING);
		conn_fail(c, &err);
	}
	birth_free(s, b);
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

static void room_again(struct super *s, struct timer *timer)
{
	(void)s;
	touch(container_of(timer, struct tree_queue, timer));
}

static void serve(struct super *s, struct tree_queue *t, bool all)
{
	int64_t now = clock_mono_ns(), at;
	struct queued *r;

	t->dirty = false;
	for (int n = 0; (r = queue_next(&t->q, now, &at)); n++) {
		if (!all && (s->starts >= STARTS_A_TURN || (n && turn_spent(s)))) {
			touch(t);
			s->again = true;
			return;
		}
		answer(s, t, list_entry(r, struct birth, q));
	}
	if (at == INT64_MAX)
		timer_del(s, &t->timer);
	else
		timer_set(s, &t->timer, at, room_again);
}

bool queues_serve(struct super *s)
{
	int starts = s->starts;

	s->queue_dirty = false;
	list_each(it, &s->tree.services)
	{
		struct tree_queue *t = queue_of(list_entry(it, struct unit, sibling));
		if (t && t->dirty)
			serve(s, t, false);
	}
	return s->starts != starts;
}

/* Whatever it takes: who asks now must not get the room that they wait for. */
void queue_before(struct super *s, const struct unit *root)
{
	struct tree_queue *t = queue_of(root);

	if (t && t->q.n)
		serve(s, t, true);
}

/* --- joining --- */

static bool waits_for_ends(const struct conn *c)
{
	return !c->gone && c->unit && (c->wait == WAIT_EXIT || (c->wait == WAIT_ENDS && !c->any));
}

/* One pass over those who wait for ends. whoever: as if all of those units were stuck. true: one more is. */
static bool pass(struct super *s, struct queue *q, bool whoever)
{
	bool more = false;

	list_each(it, &s->conns)
	{
		struct conn *c = list_entry(it, struct conn, link);
		if (!waits_for_ends(c) || queue_is_stuck(q, c->unit))
			continue;
		if (whoever)
			queue_stuck(q, c->unit);
		for (size_t i = 0; !whoever && i < c->nunits; i++) {
			const struct unit *u = tree_by_id(&s->tree, c->units[i].id);
			more |= u && !c->units[i].told && queue_waits_for(q, c->unit, u);
		}
	}
	return more;
}

static void look(struct super *s, struct queue *q, const struct birth *b, bool whoever)
{
	queue_look(q);
	list_each(it, &q->waiting)
	{
		const struct birth *o = list_entry(it, struct birth, q.link);
		if (o->asker->unit)
			queue_stuck(q, o->asker->unit);
	}
	if (b->asker->unit)
		queue_stuck(q, b->asker->unit);
	while (pass(s, q, whoever))
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

int queue_birth(struct super *s, struct birth *b, int64_t timeout_ns, struct err *err)
{
	struct unit *root = b->q.parent->root;
	struct tree_queue *t = make(s, root);
	struct conn *c = b->asker;

	if (!t)
		return err_no_memory(err);
	if (deadlock(s, &t->q, b, err) < 0)
		return -1;
	if (keep_add(root, b->size + b->will_bytes, ERR_QUEUE, err) < 0)
		return -1;
	if (queue_add(&t->q, &b->q, err) < 0) {
		keep_sub(root, b->size + b->will_bytes);
		return -1;
	}
	c->birth = b;
	conn_waits(c, WAIT_QUEUE);
	if (timeout_ns >= 0)
		conn_wait_until(c, clock_mono_ns() + timeout_ns);
	touch(t); /* a rate's timer */
	return 0;
}
