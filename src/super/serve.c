/* Connections: accepted, bounded, read a few requests a turn, answered as they read. PID 1 waits
 * for none of them. */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "os/usock.h"
#include "super/callers.h"
#include "super/change.h"
#include "super/message.h"
#include "super/ops.h"

#define RELISTEN_NS (200 * NS_PER_MS)
enum { ACCEPTS_A_TURN = 32 };

/* --- requests --- */

static int permitted(const struct conn *c, const struct op *op, struct err *err)
{
	if (op->who & OP_EVERYONE)
		return 0;
	if (c->cls == PEER_NOBODY)
		return err_set(err, ERR_NOBODY, 0,
			"this process is not managed here: it descends from no unit, and is no "
			"operator");
	if (c->cls == PEER_OPERATOR ? op->who & OP_OPERATOR : op->who & OP_UNITS)
		return 0;
	return err_set(err, ERR_DENIED, 0, "%s is not for %s", op->name,
		c->cls == PEER_OPERATOR ? "operators" : "units");
}

/* What a unit's process said before it ended still counts, as long as its unit is there: it was looked at when it
 * connected, and nobody else can have sent it. */
static void last_words(struct conn *c)
{
	struct unit *u;

	if (c->cls != PEER_NOBODY || c->counted_cls != PEER_UNIT || peer_alive(&c->peer) ||
		!(u = tree_by_id(&c->s->tree, c->counted_unit)) || !u->rt)
		return;
	c->cls = PEER_UNIT;
	c->unit = u;
}

static void serve(struct conn *c, const struct packet *p)
{
	const char *name = packet_get(p, "op"), *v = packet_get(p, "v");
	const struct op *op = name ? op_find(name) : NULL;
	struct err err;

	c->tag = 0;
	if (c->wait != WAIT_NOTHING && !(c->tagged && packet_get(p, "tag"))) {
		err_set(&err, ERR_BAD_REQUEST, 0, "this connection waits for an answer already");
	} else if (!op) {
		err_set(&err, ERR_BAD_REQUEST, 0, "unknown op: %s", name ? name : "(none)");
	} else if (v && strcmp(v, "1") != 0) {
		err_set(&err, ERR_BAD_REQUEST, 0, "unknown version of the protocol: %s", v);
	} else {
		caller_classify(c, packet_get(p, "token"));
		if (op->who & OP_LAST_WORDS)
			last_words(c);
		if (op_fields(op, p, &err) == 0 && permitted(c, op, &err) == 0) {
			op->serve(c, p);
			return;
		}
	}
	conn_fail(c, &err);
}

/* A request in one packet needs no place, so that nobody's unfinished ones keep others out. */
static bool has_room(const struct conn *c, const struct packet *p, size_t n)
{
	size_t own = 0;

	if (!assembly_bytes(&c->assembly) && !packet_get(p, "more"))
		return true;
	if (c->counted_cls == PEER_NOBODY)
		return false; /* nothing that it may ask is that long */
	list_each(it, &c->s->conns)
	{
		const struct conn *o = list_entry(it, const struct conn, link);
		if (!o->gone && o->counted_cls == c->counted_cls &&
			o->counted_unit == c->counted_unit)
			own += assembly_bytes(&o->assembly);
	}
	if (c->counted_cls != PEER_OPERATOR && own + n > CAP_ASSEMBLY_UNIT)
		return false;
	return c->s->assembly_bytes + n <= CAP_ASSEMBLY;
}

static void take(struct conn *c, const char *bytes, size_t n)
{
	struct packet p, whole;
	struct err err;
	size_t before = assembly_bytes(&c->assembly);

	if (packet_parse(&p, bytes, n) < 0) {
		conn_drop(c);
		return;
	}
	if (!has_room(c, &p, n)) {
		err_set(&err, ERR_BUSY, 0, "too many long requests at once");
		conn_fail(c, &err);
		conn_drop(c);
		return;
	}
	int rc = assembly_add(&c->assembly, &p, &whole, &err);
	c->s->assembly_bytes += assembly_bytes(&c->assembly) - before;
	if (rc < 0) { /* what follows of it must not be taken for another request */
		conn_fail(c, &err);
		conn_drop(c);
	}
	if (rc > 0)
		serve(c, &whole);
	if (rc != 0 && !c->gone) {
		c->s->assembly_bytes -= assembly_bytes(&c->assembly);
		assembly_done(&c->assembly); /* it may wait for long, and its request had 2 MiB */
	}
}

static void conn_readable(struct conn *c)
{
	static char bytes[CAP_PACKET];
	size_t n;
	pid_t sender;

	for (int i = 0; i < CAP_REQUESTS_A_TURN && !c->gone && !c->lent; i++) {
		switch (usock_recv(c->w.fd, c->trusted, bytes, sizeof bytes, &n, &sender)) {
		case USOCK_AGAIN:
			return;
		case USOCK_PACKET:
			c->s->clients_read++;
			if (sender != c->peer.pid) { /* an inherited or passed-on connection asks
							for nothing */
				conn_drop(c);
				return;
			}
			if (c->wait == WAIT_NOTHING)
				conn_idle(c);
			take(c, bytes, n);
			break;
		default:
			conn_drop(c);
			return;
		}
	}
}

static void conn_ready(struct loop *l, struct watch *w, uint32_t events)
{
	struct conn *c = container_of(w, struct conn, w);

	(void)l;
	if (events & LOOP_OUT && !c->gone)
		conn_flush(c);
	if (conn_room(c) && c->wait == WAIT_LISTING)
		op_status_more(c);
	if (conn_room(c) && c->wait == WAIT_EVENTS)
		op_events_more(c);
	if (conn_room(c) && c->wait == WAIT_STREAM)
		message_more(c);
	if (events & (LOOP_IN | LOOP_HUP | LOOP_ERR) && !c->gone)
		conn_readable(c);
}

/* --- accepting --- */

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

/* The kernel gives out the lowest free number, so a connection's own says how many there are. */
static bool has_descriptor(const struct conn *c)
{
	uint64_t most = c->s->pre.nofile_hard;

	return most <= 2 * (size_t)CAP_DESCRIPTORS_KEPT ||
	       (uint64_t)c->w.fd + CAP_DESCRIPTORS_KEPT < most;
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
	if (count_of(c, true) >= CAP_WAITS_UNIT)
		return false;
	return count_of(c, false) <
	       (unsigned)(c->cls == PEER_NOBODY ? CAP_CONNS_NOBODY : CAP_CONNS_UNIT);
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
	if (peer_take(&c->peer, fd) == 0)
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
		timer_set(s, &s->relisten, clock_mono_ns() + RELISTEN_NS, listen_again);
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
	timer_set(s, &s->relisten, clock_mono_ns() + RELISTEN_NS, listen_again);
}

static void accept_some(struct super *s, int most)
{
	for (int i = 0; i < most; i++) {
		int fd = usock_accept(s->listener.fd);
		if (fd >= 0) {
			if (s->listener_short)
				event_add(s, EVENT_LISTENER_BACK, NULL, ERR_OK,
					"there are descriptors again");
			s->listener_short = false;
			s->clients_read++; /* what it says comes before an end, too */
			(void)serve_open(s, fd);
			continue;
		}
		if (errno == EMFILE || errno == ENFILE || errno == ENOMEM || errno == ENOBUFS)
			listen_later(s);
		if (errno != EINTR && errno != ECONNABORTED)
			return;
	}
}

void serve_accept(struct loop *l, struct watch *w, uint32_t events)
{
	(void)l;
	(void)events;
	accept_some(container_of(w, struct super, listener), ACCEPTS_A_TURN);
}

static bool is_heard_now(struct super *s, const struct conn *c)
{
	const struct unit *u = c->counted_unit ? tree_by_id(&s->tree, c->counted_unit) : NULL;

	return !c->gone && u && u->rt && !list_empty(&job_of(u)->hearing);
}

/* Nothing of these units lives, so that what they said is all in the sockets by now: the queue of the listener, then
 * each connection to its end. Nobody adds to those. */
void serve_hear(struct super *s)
{
	if (list_empty(&s->hearing))
		return;
	if (!s->listener_off)
		accept_some(s, USOCK_BACKLOG + 1);
	list_each(it, &s->conns)
	{
		struct conn *c = list_entry(it, struct conn, link);
		uint64_t before;
		do {
			before = s->clients_read;
			if (is_heard_now(s, c))
				conn_readable(c);
		} while (s->clients_read != before);
	}
	while (!list_empty(&s->hearing)) {
		struct job *j = list_entry(s->hearing.next, struct job, hearing);
		list_del(&j->hearing);
		j->heard = true;
		check_gone(s, j->u);
	}
	settle(s);
}

/* --- what happens to units --- */

void conn_tell(struct conn *c, struct conn_unit *cu, struct unit *u)
{
	char path[UNIT_PATH_MAX];
	struct err err;
	struct buf b;
	bool all = true;

	cu->told = true;
	if (c->wait == WAIT_STOPPED && u->trouble.code == ERR_SURVIVORS && u->rt &&
		job_of(u)->survived) {
		err = u->trouble;
		err_wrap(&err, "%s", unit_path(u, path, sizeof path));
		conn_waits(c, WAIT_NOTHING);
		conn_fail(c, &err);
		return;
	}
	buf_init(&b, CAP_PACKET);
	packet_put(&b, "ok", "1");
	if (c->wait == WAIT_STOPPED) {
		packet_put(&b, "row", "stopped");
		packet_put(&b, "path", unit_path(u, path, sizeof path));
		packet_put(&b, "kind", unit_spawned(u) ? "spawned" : "service");
	} else {
		put_exit_row(&b, u);
	}
	packet_end(&b, NULL, 0);
	conn_send(c, &b);
	for (size_t i = 0; i < c->nunits; i++)
		all &= c->units[i].told;
	if (c->gone || !(all || (c->any && c->wait == WAIT_ENDS)))
		return;
	bool single = c->wait == WAIT_EXIT;
	conn_waits(c, WAIT_NOTHING);
	if (!single)
		conn_end(c);
}

void serve_unit_told(struct super *s, struct unit *u)
{
	await_told(s, u);
	if (!unit_over(u))
		return;
	list_each(it, &s->conns)
	{
		struct conn *c = list_entry(it, struct conn, link);
		bool waits =
			c->wait == WAIT_EXIT || c->wait == WAIT_ENDS || c->wait == WAIT_STOPPED;
		for (size_t i = 0; waits && !c->gone && i < c->nunits; i++)
			if (c->units[i].id == u->id && !c->units[i].told) {
				conn_tell(c, &c->units[i], u);
				break;
			}
	}
}

void serve_forget_unit(struct super *s, struct unit *u)
{
	message_unit_over(s, u);
	message_forget_unit(s, u);
	list_each(it, &s->conns)
	{
		struct conn *c = list_entry(it, struct conn, link);
		if (c->unit == u)
			c->unit = NULL;
	}
}

void serve_sweep(struct super *s)
{
	if (!s->dropped)
		return;
	s->dropped = false;
	list_each(it, &s->conns)
	{
		struct conn *c = list_entry(it, struct conn, link);
		if (!c->gone)
			continue;
		list_del(&c->link);
		buf_done(&c->out);
		await_free(c);
		free(c->units);
		follower_free(c->follower);
		free(c);
	}
}

void serve_close_all(struct super *s)
{
	list_each(it, &s->conns)
	{
		struct conn *c = list_entry(it, struct conn, link);
		if (!c->gone && c->wait == WAIT_EVENTS)
			op_events_end(c);
		conn_drop(c);
	}
	serve_sweep(s);
}
