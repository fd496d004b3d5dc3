/* Connections: accepted, bounded, and heard to their end when nothing of their unit lives. */
#include <errno.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/log.h"
#include "os/usock.h"
#include "super/accept.h"
#include "super/birth.h"
#include "super/callers.h"

#define RELISTEN_NS (200 * NS_PER_MS)
enum { ACCEPTS_AT_ONCE = 16, HEARD_A_TURN = 32 };

static unsigned count_of(const struct conn *c, bool waiting)
{
	unsigned n = 0;

	list_each(it, &c->s->conns)
	{
		const struct conn *o = list_entry(it, struct conn, link);
		n += o != c && !o->gone && (o->wait != WAIT_NOTHING) == waiting &&
		     o->wait != WAIT_QUEUE && /* a tree's queue has a bound of its own */
		     o->counted_cls == c->counted_cls && o->counted_unit == c->counted_unit;
	}
	return n;
}

/* The kernel gives out the lowest free number, so a connection's own says how many there are. Each takes two. */
static bool has_descriptor(const struct conn *c)
{
	uint64_t most = c->s->pre.nofile_hard, kept = CAP_DESCRIPTORS_KEPT;

	if (c->cls != PEER_OPERATOR)
		kept += 2 * (size_t)CAP_CONNS_FOR_OPERATOR;
	return most <= 2 * (size_t)CAP_DESCRIPTORS_KEPT || (uint64_t)c->w.fd + kept < most;
}

static bool over_own_bound(const struct conn *c)
{
	return count_of(c, false) >=
	       (unsigned)(c->cls == PEER_NOBODY ? CAP_CONNS_NOBODY : CAP_CONNS_UNIT);
}

bool conn_crowds(const struct conn *c)
{
	return c->s->nconns > CAP_CONNS / 2 && c->counted_cls != PEER_OPERATOR && over_own_bound(c);
}

static bool has_place(const struct conn *c)
{
	unsigned all = c->s->nconns;

	if (!has_descriptor(c))
		return false;
	if (c->cls == PEER_OPERATOR)
		return all < CAP_CONNS;
	if (all >= CAP_CONNS - CAP_CONNS_FOR_OPERATOR)
		return false;
	return count_of(c, true) < CAP_WAITS_UNIT && !over_own_bound(c);
}

struct conn *serve_open(struct super *s, int fd)
{
	struct conn *c = calloc(1, sizeof *c);
	struct err err;

	if (!c) {
		usock_discard(fd, usock_passrights_off(fd));
		return NULL;
	}
	c->s = s;
	c->w = (struct watch){ .fd = fd, .events = LOOP_IN, .fn = conn_ready };
	c->trusted = usock_passrights_off(fd);
	buf_init(&c->out, CONN_OUT_MAX);
	assembly_init(&c->assembly);
	list_init(&c->link);
	list_init(&c->receiver);
	c->unseen = peer_take(&c->peer, fd) < 0;
	if (!c->unseen)
		caller_classify(c, NULL);
	const struct unit *counted = c->unit;
	c->counted_cls = c->cls;
	if (c->cls == PEER_NOBODY && (counted = remote_unit(s, c->peer.uid, NULL)))
		c->counted_cls = PEER_REMOTE;
	c->counted_unit = counted ? counted->id : 0;
	bool place = has_place(c);
	s->nconns++;
	if (loop_add(s->loop, &c->w) < 0)
		place = false;
	list_add_tail(&s->conns, &c->link);
	conn_idle(c);
	if (place)
		return c;
	err_set(&err, ERR_BUSY, 0, "too many connections that wait for nothing; try again");
	conn_fail(c, &err);
	conn_drop(c);
	return NULL;
}

static void listen_again(struct super *s, struct timer *t)
{
	(void)t;
	serve_listen(s);
}

void serve_listen(struct super *s)
{
	s->listener_off = loop_add(s->loop, &s->listener) < 0;
	if (s->listener_off)
		timer_in(s, &s->relisten, RELISTEN_NS, listen_again);
}

/* Level-triggered, a listener that can't accept would spin: it is out of the loop until a
 * descriptor is free. */
static void listen_later(struct super *s)
{
	log_line(LOG_WARN, "no descriptor left for a connection; they wait");
	if (!s->listener_short)
		event_add(s, EVENT_LISTENER_LOST, NULL, ERR_OK,
			"no descriptor left for a connection; they wait");
	s->listener_short = true;
	loop_del(s->loop, &s->listener);
	s->listener_off = true;
	timer_in(s, &s->relisten, RELISTEN_NS, listen_again);
}

/* True: nobody is in the queue of the listener. */
static bool accept_some(struct super *s)
{
	for (int i = 0; i < ACCEPTS_AT_ONCE; i++) {
		int fd = usock_accept(s->listener.fd);
		if (fd >= 0) {
			if (s->listener_short)
				event_add(s, EVENT_LISTENER_BACK, NULL, ERR_OK,
					"there are descriptors again");
			s->listener_short = false;
			s->accepts++;
			s->clients_read++; /* what it says comes before an end, too */
			(void)serve_open(s, fd);
			continue;
		}
		if (errno == EMFILE || errno == ENFILE || errno == ENOMEM || errno == ENOBUFS)
			listen_later(s);
		if (errno != EINTR && errno != ECONNABORTED)
			return true;
	}
	return false;
}

void serve_accept(struct loop *l, struct watch *w, uint32_t events)
{
	(void)l;
	(void)events;
	(void)accept_some(container_of(w, struct super, listener));
}

/* What lives is none of its processes, or has taken off its mark: it may go on for ever. */
static bool is_heard_now(struct super *s, const struct conn *c)
{
	const struct unit *u = c->counted_unit ? tree_by_id(&s->tree, c->counted_unit) : NULL;

	return !c->gone && u && u->rt && !list_empty(&job_of(u)->hearing) && !peer_alive(&c->peer);
}

/* Read to its end? Not if the time is spent before. */
static bool hear(struct super *s, struct conn *c)
{
	unsigned before;

	do {
		before = s->clients_read;
		if (is_heard_now(s, c))
			conn_readable(c);
	} while (s->clients_read != before && !turn_spent(s));
	return s->clients_read == before && !(conn_late(c) && is_heard_now(s, c));
}

/* Nothing of these units lives, so that what they said is all in the sockets by now: the queue of the listener, then
 * each connection to its end. Nobody adds to those, so that it ends, be it after some turns. */
void serve_hear(struct super *s)
{
	if (list_empty(&s->hearing))
		return;
	bool all = s->listener_off || accept_some(s);
	while (!all && !turn_spent(s))
		all = accept_some(s);
	list_each(it, &s->conns) if (!hear(s, list_entry(it, struct conn, link))) return;
	for (int i = 0; i < HEARD_A_TURN && !list_empty(&s->hearing); i++) {
		struct job *j = list_entry(s->hearing.next, struct job, hearing);
		if (!all && s->accepts < j->heard_at)
			break;
		list_del(&j->hearing);
		j->heard = true;
		check_gone(s, j->u);
	}
	settle(s);
}
