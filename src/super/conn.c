/* One connection: what goes out on it, what it waits for, its end. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "os/usock.h"
#include "super/accept.h"
#include "super/callers.h"
#include "super/change.h"
#include "super/message.h"
#include "super/ops.h"

#define IDLE_NS   (5 * NS_PER_SEC)
#define UNREAD_NS (30 * NS_PER_SEC)

void conn_drop(struct conn *c)
{
	struct unit *u;

	if (c->gone)
		return;
	c->gone = true;
	changes_forget(c->s, c);
	await_stop(c);
	message_conn_gone(c);
	loop_del(c->s->loop, &c->w);
	timer_del(c->s, &c->timer);
	if (c->wait == WAIT_NOTHING)
		c->s->nconns--;
	queue_leave(c);
	if (c->bound && c->nunits && (u = tree_by_id(&c->s->tree, c->units[0].id)))
		order_stop(c->s, u, CAUSE_ORDER);
	if (c->bound)
		remote_lost(c);
	if (c->wait == WAIT_EXEC || c->wait == WAIT_SIGNAL)
		list_each(it, &c->s->tree.all)
		{
			struct job *j = job_of(list_entry(it, struct unit, all));
			if (j && j->asker == c)
				j->asker = NULL;
			if (j && j->signaller == c)
				j->signaller = NULL;
		}
	c->s->assembly_bytes -= assembly_bytes(&c->assembly);
	assembly_done(&c->assembly);
	peer_done(&c->peer);
	usock_discard(c->w.fd, c->trusted);
	c->w.fd = -1;
	c->s->dropped = true;
}

static void timed_out(struct super *s, struct timer *t)
{
	struct conn *c = container_of(t, struct conn, timer);
	struct err err;

	(void)s;
	bool message = c->wait == WAIT_ROOM || c->wait == WAIT_REPLY || c->wait == WAIT_RECV;
	if ((message || c->wait == WAIT_QUEUE || c->wait == WAIT_ENDS || c->wait == WAIT_STOPPED ||
		    c->wait == WAIT_CHANGE || c->wait == WAIT_STARTED) &&
		!c->out.len) {
		if (message) {
			message_late(c, &err);
		} else if (c->wait == WAIT_CHANGE || c->wait == WAIT_STARTED) {
			if (!await_late(c, &err))
				return;
		} else if (c->wait == WAIT_QUEUE) {
			err_set(&err, ERR_QUEUE, 0, "there was no room for it in time");
			queue_leave(c);
		} else
			err_set(&err, c->wait == WAIT_STOPPED ? ERR_STILL_WORKING : ERR_TIMED_OUT,
				0, "what was waited for did not end in time");
		conn_waits(c, WAIT_NOTHING);
		conn_fail(c, &err);
		return;
	}
	conn_drop(c);
}

void conn_idle(struct conn *c)
{
	if (c->gone)
		return;
	if (conn_crowds(c)) /* it is answered first */
		timer_set(c->s, &c->timer, clock_mono_ns(), timed_out);
	else if (c->held ||
		 c->held_child) /* it has work of a unit's in hand, for as long as that takes */
		timer_del(c->s, &c->timer);
	else
		timer_in(c->s, &c->timer, IDLE_NS, timed_out);
}

static void watch_unread(struct conn *c)
{
	if (c->out.len && !c->gone)
		timer_in(c->s, &c->timer, UNREAD_NS, timed_out);
}

/* While it is lent the child may turn descriptors on; from then on they may lie in it. */
void conn_lend(struct conn *c)
{
	loop_del(c->s->loop, &c->w);
	c->lent = true;
	c->trusted = false;
}

void conn_back(struct conn *c)
{
	if (!c->lent || c->gone)
		return;
	c->lent = false;
	if (loop_add(c->s->loop, &c->w) < 0)
		conn_drop(c);
}

bool conn_room(const struct conn *c)
{
	return !c->gone && !c->out.len;
}

/* The peer is gone and hears no answer. What it asked before that is still to be read, and its end behind it. */
static bool unheard(const struct conn *c)
{
	return c->wait == WAIT_NOTHING && (errno == EPIPE || errno == ECONNRESET);
}

void conn_send(struct conn *c, struct buf *b)
{
	uint32_t n = (uint32_t)b->len;

	if (!c->gone && b->failed) {
		log_line(LOG_ERR, "out of memory for an answer; its connection is closed");
		conn_drop(c);
	}
	if (!c->gone && !c->out.len && (usock_send(c->w.fd, b->p, b->len) == 0 || unheard(c))) {
		buf_done(b);
		return;
	}
	if (!c->gone && !c->out.len && errno != EAGAIN && errno != EWOULDBLOCK)
		conn_drop(c);
	if (!c->gone && (buf_add(&c->out, &n, sizeof n) < 0 || buf_add(&c->out, b->p, n) < 0))
		conn_drop(c);
	buf_done(b);
	if (c->gone)
		return;
	(void)loop_mod(c->s->loop, &c->w, LOOP_IN | LOOP_OUT);
	watch_unread(c);
}

void conn_flush(struct conn *c)
{
	size_t at = 0; /* dropped in one go: thousands of small packets would be moved each time */
	uint32_t n;

	while (at < c->out.len) {
		memcpy(&n, c->out.p + at, sizeof n);
		if (usock_send(c->w.fd, c->out.p + at + sizeof n, n) < 0 && !unheard(c)) {
			if (errno != EAGAIN && errno != EWOULDBLOCK) {
				conn_drop(c);
				return;
			}
			buf_drop(&c->out, at);
			if (at)
				watch_unread(c);
			return;
		}
		at += sizeof n + n;
	}
	buf_done(&c->out);
	(void)loop_mod(c->s->loop, &c->w, LOOP_IN);
	if (c->wait == WAIT_NOTHING)
		conn_idle(c);
	else if (c->deadline_ns)
		timer_set(c->s, &c->timer, c->deadline_ns, timed_out);
	else
		timer_del(c->s, &c->timer);
}

void answer_begin(struct buf *b)
{
	buf_init(b, CAP_PACKET);
	packet_put(b, "ok", "1");
}

void answer_send(struct conn *c, struct buf *b)
{
	packet_end(b, NULL, 0);
	conn_send(c, b);
}

void conn_ok(struct conn *c)
{
	struct buf b;

	answer_begin(&b);
	answer_send(c, &b);
}

void conn_end(struct conn *c)
{
	struct buf b;

	answer_begin(&b);
	packet_put(&b, "end", "1");
	answer_send(c, &b);
}

void conn_fail(struct conn *c, const struct err *err)
{
	struct buf b;

	buf_init(&b, CAP_PACKET);
	packet_error(&b, err);
	if (c->tag) { /* in place of the empty field that ends it */
		b.len--;
		packet_put_int(&b, "tag", c->tag);
		packet_end(&b, NULL, 0);
	}
	conn_send(c, &b);
}

/* A connection that waits counts against what it waits for, not against the places. */
void conn_waits(struct conn *c, enum conn_wait wait)
{
	if (c->gone)
		return;
	if (c->wait == WAIT_NOTHING && wait != WAIT_NOTHING)
		c->s->nconns--;
	if (c->wait != WAIT_NOTHING && wait == WAIT_NOTHING)
		c->s->nconns++;
	c->wait = wait;
	c->deadline_ns = 0;
	if (wait == WAIT_NOTHING) {
		changes_forget(c->s, c);
		message_leave(c);
		await_free(c);
		free(c->units);
		c->units = NULL;
		c->nunits = 0;
		c->any = c->then_exit = c->listing_some = c->bound = false;
		follower_free(c->s, c->follower);
		c->follower = NULL;
		conn_idle(c);
	} else {
		timer_del(c->s, &c->timer);
	}
	watch_unread(c); /* what is still unread keeps its own bound */
}

int conn_add_unit(struct conn *c, const struct unit *u)
{
	for (size_t i = 0; i < c->nunits; i++)
		if (c->units[i].id == u->id)
			return 0; /* its end is told once */
	struct conn_unit *v = realloc(c->units, (c->nunits + 1) * sizeof *v);
	if (!v)
		return -1;
	c->units = v;
	c->units[c->nunits++] = (struct conn_unit){ .id = u->id };
	return 0;
}

void conn_too_many_units(struct conn *c)
{
	struct err err;

	err_set(&err, ERR_TOO_LARGE, 0, "a request names at most %d units", CAP_UNITS_NAMED);
	conn_waits(c, WAIT_NOTHING); /* the list is let go */
	conn_fail(c, &err);
}

void conn_wait_until(struct conn *c, int64_t deadline_ns)
{
	if (c->gone) /* its peer went while it was answered */
		return;
	c->deadline_ns = deadline_ns;
	if (!c->out.len) /* else it counts once what is unread has gone out */
		timer_set(c->s, &c->timer, deadline_ns, timed_out);
}
