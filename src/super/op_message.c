/* send, call, recv, ack, reply: who may, and what their requests say. */
#include <inttypes.h>
#include <string.h>

#include "base/clock.h"
#include "super/message.h"

#define PATIENCE_NS (5 * NS_PER_SEC)

/* --- send and call --- */

/* It runs, or is to run: then what is sent will be read. */
static bool receives(const struct unit *u)
{
	return !u->ended && !unit_rests(u);
}

static int may_message(const struct unit *from, const struct unit *to, struct err *err)
{
	char path[UNIT_PATH_MAX];

	if (!from || rights_may(from, VERB_MESSAGE, to)) /* an operator may do everything */
		return 0;
	return err_set(
		err, ERR_DENIED, 0, "no right to message %s", unit_path(to, path, sizeof path));
}

static struct unit *find_target(
	struct super *s, struct unit *from, const char *selector, struct err *err)
{
	char path[UNIT_PATH_MAX];
	struct unit *to = selector ? tree_select(&s->tree, from, selector, err) : NULL;

	if (!selector)
		err_set(err, ERR_BAD_REQUEST, 0, "unit= is missing");
	if (!to || may_message(from, to, err) < 0)
		return NULL;
	if (receives(to))
		return to;
	err_set(err, ERR_GONE, 0, "%s does not run", unit_path(to, path, sizeof path));
	return NULL;
}

static struct message *compose(struct super *s, const struct unit *from, struct unit *to,
	const void *body, size_t n, struct err *err)
{
	char path[UNIT_PATH_MAX];
	struct message *m = message_new(
		to->root, from ? unit_path(from, path, sizeof path) : "operator", body, n, err);

	if (!m)
		return NULL;
	m->from = from ? from->id : 0;
	m->number = ++s->last_message;
	m->to = to;
	return m;
}

static void full(struct conn *c, const struct unit *to)
{
	char path[UNIT_PATH_MAX];
	struct err err;

	err_set(&err, ERR_MAILBOX, 0, "the mailbox of %s is full",
		unit_path(to, path, sizeof path));
	conn_fail(c, &err);
}

/* Waits for room, or for the reply; answered at once where there is nothing to wait for. */
static void hand_in(struct conn *c, struct message *m, int64_t timeout_ns)
{
	bool in = mailbox_send(&m->to->box, m);

	message_poke(c->s, m->to);
	if (in && m->kind == MESSAGE_MSG) {
		struct buf b;
		answer_begin(&b);
		packet_putf(&b, "msgid", "%" PRIu64, m->number);
		answer_send(c, &b);
		return;
	}
	if (!in && !timeout_ns) {
		full(c, m->to);
		mailbox_remove(&m->to->box, m);
		message_free(m);
		return;
	}
	m->sender = c;
	c->message = m;
	c->callee = m->kind == MESSAGE_CALL ? m->to->id : 0;
	c->call = m->number;
	conn_waits(c, in ? WAIT_REPLY : WAIT_ROOM);
	conn_wait_until(c, clock_mono_ns() + timeout_ns);
}

static void send_or_call(struct conn *c, const struct packet *p, enum message_kind kind)
{
	int64_t timeout_ns = PATIENCE_NS;
	struct unit *to;
	struct message *m;
	struct err err;

	if (packet_int(p, "timeout_ns", 0, INT64_MAX / 2, &timeout_ns, &err) < 0 ||
		!(to = find_target(c->s, c->unit, packet_get(p, "unit"), &err))) {
		conn_fail(c, &err);
		return;
	}
	if (kind == MESSAGE_CALL && to == c->unit) {
		err_set(&err, ERR_OWN_CALL, 0, "a call to oneself would wait for itself");
		conn_fail(c, &err);
		return;
	}
	if (!(m = compose(c->s, c->unit, to, p->body, p->body_len, &err))) {
		conn_fail(c, &err);
		return;
	}
	m->kind = kind;
	hand_in(c, m, timeout_ns);
}

void op_send(struct conn *c, const struct packet *p)
{
	send_or_call(c, p, MESSAGE_MSG);
}

void op_call(struct conn *c, const struct packet *p)
{
	send_or_call(c, p, MESSAGE_CALL);
}

void message_will(
	struct super *s, struct unit *dying, const char *target, const void *body, size_t n)
{
	struct message *m = NULL;
	struct unit *to;
	struct err err;

	if ((to = find_target(s, dying, target, &err)) &&
		(m = compose(s, dying, to, body, n, &err))) {
		m->will = true;
		m->exit = dying->exit;
		if (mailbox_send(&to->box, m)) {
			message_poke(s, to);
			return;
		}
		mailbox_remove(&to->box, m);
		message_free(m);
		err_set(&err, ERR_MAILBOX, 0, "the mailbox is full");
	}
	log_line(LOG_WARN, "on_exit: message to %s: %s", target, err.msg);
	event_add(s, EVENT_WARNING, dying, err.code, "on_exit: message to %s: %s", target, err.msg);
}

/* --- recv --- */

static int take_filter(struct conn *c, const struct packet *p, struct err *err)
{
	const char *from = packet_get(p, "from"), *type = packet_get(p, "type");
	struct unit *u;

	c->filter = (struct filter){ .kinds = MESSAGE_MSG | MESSAGE_CALL | MESSAGE_EXIT };
	if (type && message_kinds_parse(type, &c->filter.kinds, err) < 0)
		return -1;
	c->filter.has_from = from != NULL;
	if (!from || strcmp(from, "operator") == 0)
		return 0;
	if (!(u = tree_select(&c->s->tree, c->unit, from, err)))
		return -1;
	c->filter.from = u->id;
	return 0;
}

static int may_recv(struct conn *c, struct err *err)
{
	if (!c->unit)
		return err_set(err, ERR_NOBODY, 0, "an operator has no mailbox");
	if (c->held || c->held_child) {
		err_set(err, ERR_BAD_REQUEST, 0,
			"what this connection got last is not acknowledged");
		return err_help(err, "op=ack says that it was read");
	}
	list_each(it, &c->unit->box.receivers)
	{
		const struct conn *o = list_entry(it, const struct conn, receiver);
		if (c->peer.pid && o->peer.pid == c->peer.pid) /* 0: of another container */
			return err_set(err, ERR_BUSY, 0, "this process waits in a recv already");
	}
	return 0;
}

void op_recv(struct conn *c, const struct packet *p)
{
	int64_t timeout_ns = -1;
	struct pick pick;
	struct err err;

	if (may_recv(c, &err) < 0 || take_filter(c, p, &err) < 0 ||
		packet_int(p, "timeout_ns", 0, INT64_MAX / 2, &timeout_ns, &err) < 0) {
		conn_fail(c, &err);
		return;
	}
	if (mailbox_pick(c->unit, &c->filter, &pick)) {
		message_give(c, &pick);
		return;
	}
	if (!timeout_ns) {
		err_set(&err, ERR_TIMED_OUT, 0, "no message");
		conn_fail(c, &err);
		return;
	}
	conn_waits(c, WAIT_RECV);
	list_add_tail(&c->unit->box.receivers, &c->receiver);
	if (timeout_ns > 0)
		conn_wait_until(c, clock_mono_ns() + timeout_ns);
}

void op_ack(struct conn *c, const struct packet *p)
{
	struct err err;

	(void)p;
	if (!c->held && !c->held_child) {
		err_set(&err, ERR_BAD_REQUEST, 0, "there is nothing to acknowledge");
		conn_fail(c, &err);
		return;
	}
	message_acknowledged(c);
	conn_ok(c);
	conn_idle(c);
}

/* --- reply --- */

static struct conn *caller_of(struct super *s, const struct unit *callee, uint64_t call)
{
	list_each(it, &s->conns)
	{
		struct conn *o = list_entry(it, struct conn, link);
		if (!o->gone && o->wait == WAIT_REPLY && o->call == call && callee &&
			o->callee == callee->id)
			return o;
	}
	return NULL;
}

void op_reply(struct conn *c, const struct packet *p)
{
	char path[UNIT_PATH_MAX];
	int64_t call = 0;
	struct conn *o;
	struct message *m;
	struct err err;

	if (packet_int(p, "msgid", 1, INT64_MAX, &call, &err) < 0) {
		conn_fail(c, &err);
		return;
	}
	if (!(o = caller_of(c->s, c->unit, (uint64_t)call))) {
		err_set(&err, ERR_STALE, 0, "no call %" PRId64 " waits for a reply of this unit",
			call);
		conn_fail(c, &err);
		return;
	}
	m = message_new(o->unit ? o->unit->root : NULL, unit_path(c->unit, path, sizeof path),
		p->body, p->body_len, &err);
	if (!m) {
		conn_fail(c, &err);
		return;
	}
	m->kind = MESSAGE_REPLY;
	m->from = c->unit->id;
	m->number = (uint64_t)call;
	conn_ok(c);
	message_answer(o, m);
}
