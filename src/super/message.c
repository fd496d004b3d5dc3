/* The way of a message: room, a receiver, its acknowledgement. All giving is done in one place of the turn, so that
 * nothing here is entered from within itself. */
#include "super/message.h"

#include <inttypes.h>
#include <string.h>

static void fail_gone(struct conn *c, const struct unit *u)
{
	char path[UNIT_PATH_MAX];
	struct err err;

	err_set(&err, ERR_GONE, 0, "%s ended", unit_path(u, path, sizeof path));
	conn_waits(c, WAIT_NOTHING);
	conn_fail(c, &err);
}

/* --- giving --- */

/* how it ended, as far as it is known. */
static void put_end(struct buf *b, const struct unit_exit *e)
{
	if (!e->known)
		return;
	packet_put_int(b, e->signal ? "signal" : "code", e->signal ? e->signal : e->code);
	packet_put(b, "reason", end_reason_word(e->reason));
	if (e->left)
		packet_put_int(b, "left", e->left);
}

static void put_head(struct buf *b, const struct message *m, bool more)
{
	packet_put(b, "ok", "1");
	if (more)
		packet_put(b, "more", "1");
	packet_put(b, "row", "message");
	packet_put(b, "kind", message_word(m->kind));
	packet_put(b, "path", m->bytes);
	if (m->from)
		packet_putf(b, "id", "@%" PRIu64, m->from);
	packet_putf(b, "msgid", "%" PRIu64, m->number);
	put_end(b, &m->exit);
	if (m->will)
		packet_put(b, "will", "1");
}

/* Pieces as the peer reads, so that no body is kept twice. */
void message_more(struct conn *c)
{
	const struct message *m = c->answer ? c->answer : c->held;
	enum { HEAD = 2048 }; /* more than the fields of any message take */

	do {
		size_t n = m->n - c->streamed;
		struct buf b;

		if (n > CAP_PACKET - HEAD)
			n = CAP_PACKET - HEAD;
		bool last = c->streamed + n == m->n;
		buf_init(&b, CAP_PACKET);
		if (!c->streaming) {
			put_head(&b, m, !last);
		} else {
			packet_put(&b, "ok", "1");
			if (!last)
				packet_put(&b, "more", "1");
		}
		packet_end(&b, message_body(m) + c->streamed, n);
		c->streaming = true;
		c->streamed += n;
		conn_send(c, &b);
		if (c->gone)
			return;
		if (last) {
			message_free(c->answer);
			c->answer = NULL;
			conn_waits(c, WAIT_NOTHING);
			return;
		}
	} while (conn_room(c));
}

static void stream(struct conn *c)
{
	conn_waits(c, WAIT_STREAM);
	c->streaming = false;
	c->streamed = 0;
	message_more(c);
}

static void give_notice(struct conn *c, struct unit *kid)
{
	struct buf b;

	kid->notice_held = true;
	c->held_child = kid->id;
	c->held_lost = kid->parent->lost;
	answer_begin(&b);
	put_exit_row(&b, kid);
	answer_send(c, &b);
	conn_waits(c, WAIT_NOTHING);
}

void message_give(struct conn *c, const struct pick *p)
{
	message_leave(c);
	if (p->child) {
		give_notice(c, p->child);
		return;
	}
	c->held = p->m;
	p->m->holder = c;
	stream(c);
}

void message_answer(struct conn *o, struct message *m)
{
	message_leave(o);
	o->answer = m;
	stream(o);
}

/* --- the turn's step --- */

static void let_in(struct super *s, struct message *m)
{
	struct conn *c = m->sender;
	struct buf b;

	(void)s;
	if (!c) /* it was in before, in the mailbox of the instance before */
		return;
	if (m->kind == MESSAGE_CALL) {
		c->wait = WAIT_REPLY; /* its deadline stays */
		return;
	}
	m->sender = NULL;
	c->message = NULL;
	answer_begin(&b);
	packet_putf(&b, "msgid", "%" PRIu64, m->number);
	answer_send(c, &b);
	conn_waits(c, WAIT_NOTHING);
}

static void serve_box(struct super *s, struct unit *u)
{
	struct message *m;
	struct pick p;

	while ((m = mailbox_let_in(&u->box)))
		let_in(s, m);
	list_each(it, &u->box.receivers)
	{
		struct conn *c = list_entry(it, struct conn, receiver);
		if (mailbox_pick(u, &c->filter, &p))
			message_give(c, &p);
	}
}

void message_poke(struct super *s, struct unit *u)
{
	if (list_empty(&u->box.changed))
		list_add_tail(&s->mail, &u->box.changed);
}

void message_step(struct super *s)
{
	while (!list_empty(&s->mail)) {
		struct unit *u = list_entry(s->mail.next, struct unit, box.changed);
		list_del(&u->box.changed);
		serve_box(s, u);
		if (turn_spent(s))
			return;
	}
}

/* --- taking back --- */

/* Out of its mailbox: who holds it frees it, maybe when the tree that it counts to is gone. */
static void let_go(struct message *m)
{
	message_uncharge(m);
	if (!m->holder)
		message_free(m);
}

void message_leave(struct conn *c)
{
	struct message *m = c->message;

	list_del(&c->receiver);
	c->callee = 0;
	c->message = NULL;
	if (!m)
		return;
	m->sender = NULL;
	mailbox_remove(&m->to->box, m);
	message_poke(c->s, m->to);
	let_go(m);
}

void message_conn_gone(struct conn *c)
{
	struct unit *kid = c->held_child ? tree_by_id(&c->s->tree, c->held_child) : NULL;
	struct message *m = c->held;

	message_leave(c);
	message_free(c->answer);
	c->answer = NULL;
	c->held = NULL;
	c->held_child = 0;
	if (kid) {
		kid->notice_held = false;
		if (unit_owner(kid))
			message_poke(c->s, kid->parent);
	}
	if (m) {
		m->holder = NULL;
		if (m->queued)
			message_poke(c->s, m->to);
		else
			message_free(m);
	}
}

void message_acknowledged(struct conn *c)
{
	struct unit *kid = c->held_child ? tree_by_id(&c->s->tree, c->held_child) : NULL;
	struct message *m = c->held;

	c->held = NULL;
	c->held_child = 0;
	if (kid) {
		kid->parent->lost -=
			c->held_lost < kid->parent->lost ? c->held_lost : kid->parent->lost;
		if (notice_taken(kid))
			tree_forget(&c->s->tree, kid);
	}
	if (m) {
		struct conn *caller = m->sender;
		if (caller)
			caller->message = NULL;
		if (m->queued) {
			mailbox_remove(&m->to->box, m);
			message_poke(c->s, m->to);
		}
		message_free(m);
	}
}

void message_late(struct conn *c, struct err *err)
{
	if (c->wait == WAIT_ROOM)
		err_set(err, ERR_MAILBOX, 0, "the mailbox had no room in time");
	else
		err_set(err, ERR_TIMED_OUT, 0,
			c->wait == WAIT_RECV ? "no message in time" : "no reply in time");
}

/* --- ends --- */

void message_notice(struct super *s, struct unit *u)
{
	if (!unit_owner(u))
		return;
	notice_due(u, ++s->last_message);
	message_poke(s, u->parent);
}

void message_main_ended(struct super *s, const struct unit *u)
{
	list_each(it, &s->conns)
	{
		struct conn *c = list_entry(it, struct conn, link);
		if (!c->gone && c->callee == u->id)
			fail_gone(c, u);
	}
}

static void clear(struct unit *u, struct list *of)
{
	while (!list_empty(of)) {
		struct message *m = list_entry(of->next, struct message, link);
		struct conn *c = m->sender;

		mailbox_remove(&u->box, m);
		m->sender = NULL;
		let_go(m);
		if (c) {
			c->message = NULL;
			fail_gone(c, u);
		}
	}
}

static void move(struct unit *u, struct list *of, struct unit *to)
{
	list_each(it, of)
	{
		struct message *m = list_entry(it, struct message, link);
		if (m->holder || m->kind != MESSAGE_MSG)
			continue;
		mailbox_remove(&u->box, m);
		message_recharge(m, to);
		m->to = to;
		list_add_tail(&to->box.waiting, &m->link); /* a sender is told when it is let in */
	}
}

void message_move(struct super *s, struct unit *u, struct unit *to)
{
	if (!to)
		return;
	move(u, &u->box.queue, to);
	move(u, &u->box.waiting, to);
	tree_bequeath(u, to, ++s->last_message);
	message_poke(s, to);
}

void message_unit_over(struct super *s, struct unit *u)
{
	message_main_ended(s, u);
	clear(u, &u->box.waiting);
	clear(u, &u->box.queue);
	list_each(it, &u->box.receivers) fail_gone(list_entry(it, struct conn, receiver), u);
	list_del(&u->box.changed);
}

void message_forget_unit(struct super *s, const struct unit *u)
{
	list_each(it, &s->conns)
	{
		struct conn *c = list_entry(it, struct conn, link);
		if (c->answer && c->answer->charged == u)
			c->answer->charged = NULL;
	}
}
