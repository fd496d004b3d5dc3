/* Connections: read a few requests a turn, answered as they read. PID 1 waits for none of them. */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "os/proc.h"
#include "os/usock.h"
#include "super/accept.h"
#include "super/birth.h"
#include "super/callers.h"
#include "super/change.h"
#include "super/message.h"
#include "super/ops.h"

/* --- requests --- */

static int permitted(const struct conn *c, const struct op *op, struct err *err)
{
	if (op->who & OP_EVERYONE)
		return 0;
	if (c->cls == PEER_NOBODY && c->blind)
		return err_set(
			err, ERR_NOBODY, 0, "there is no descriptor left to find out who asks");
	if (op->who & OP_KNOWN)
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
 * connected, and as long as nobody has its number nobody else can have sent it. */
static void last_words(struct conn *c)
{
	struct unit *u;
	struct proc_stat st;

	if (proc_stat_read(c->peer.pid, &st) == 0 && st.start != c->peer.start)
		return; /* the number is another's by now, and so may the connection be */
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
	if (c->wait == WAIT_NOTHING)
		c->nunits = 0; /* those of one that was refused half way */
	if (c->wait != WAIT_NOTHING && !(c->tagged && packet_get(p, "tag"))) {
		if (!conn_room(c)) /* it asks, and doesn't read */
			conn_drop(c);
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
			c->s->tree.looks = CAP_LOOKS + 3 * c->s->tree.units;
			op->serve(c, p);
			c->s->tree.looks = SIZE_MAX;
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

void conn_readable(struct conn *c)
{
	static char bytes[CAP_PACKET];
	size_t n;
	pid_t sender;

	for (int i = 0; i < CAP_REQUESTS_A_TURN && !c->gone && !c->lent && !conn_late(c); i++) {
		if (i && turn_spent(c->s))
			return;
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

static bool waits_for_ends(const struct conn *c)
{
	return c->wait == WAIT_EXIT || c->wait == WAIT_ENDS || c->wait == WAIT_STOPPED;
}

/* The peer has read what it was sent. */
static void go_on(struct conn *c)
{
	if (c->wait == WAIT_LISTING)
		op_status_more(c);
	else if (c->wait == WAIT_EVENTS)
		op_events_more(c);
	else if (c->wait == WAIT_STREAM)
		message_more(c);
	else if (c->wait == WAIT_STARTED)
		await_look(c->s);
	else if (waits_for_ends(c))
		ends_more(c);
}

void conn_ready(struct loop *l, struct watch *w, uint32_t events)
{
	struct conn *c = container_of(w, struct conn, w);

	(void)l;
	if (events & LOOP_OUT && !c->gone)
		conn_flush(c);
	if (conn_room(c))
		go_on(c);
	if (events & (LOOP_IN | LOOP_HUP | LOOP_ERR) && !c->gone)
		conn_readable(c);
}

/* --- what happens to units --- */

void put_name(struct buf *b, const struct super *s, const struct unit *u)
{
	char path[UNIT_PATH_MAX];
	bool alone = u->prefix > 0;

	packet_put(b, "path", unit_path(u, path, sizeof path));
	list_each(it, &s->tree.services)
	{
		const struct unit *other = list_entry(it, struct unit, sibling);
		if (!alone)
			break;
		alone = other->service == u->service || strcmp(unit_name(other), unit_name(u)) != 0;
	}
	if (alone)
		packet_put(b, "name", unit_name(u));
}

void conn_stopped(struct conn *c, const struct unit *u)
{
	struct buf b;

	answer_begin(&b);
	packet_put(&b, "row", "stopped");
	put_name(&b, c->s, u);
	packet_put(&b, "kind", unit_spawned(u) ? "spawned" : "service");
	answer_send(c, &b);
}

void serve_unit_told(struct super *s, struct unit *u)
{
	await_told(s, u);
	if (!unit_over(u))
		return;
	list_each(it, &s->conns)
	{
		struct conn *c = list_entry(it, struct conn, link);
		for (size_t i = 0; waits_for_ends(c) && !c->gone && i < c->nunits; i++)
			if (c->units[i].id == u->id && !c->units[i].over) {
				ends_over(&c->units[i], u);
				ends_more(c);
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
		follower_free(s, c->follower);
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
