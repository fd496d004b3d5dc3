#include "node/mailbox.h"

#include <stdlib.h>
#include <string.h>

#include "node/keep.h"

const char *message_word(enum message_kind kind)
{
	switch (kind) {
	case MESSAGE_MSG:
		return "msg";
	case MESSAGE_CALL:
		return "call";
	case MESSAGE_EXIT:
		return "exit";
	default:
		return "reply";
	}
}

int message_kinds_parse(const char *words, unsigned *ret, struct err *err)
{
	*ret = 0;
	for (const char *at = words, *comma; at; at = comma ? comma + 1 : NULL) {
		unsigned kind = MESSAGE_MSG;
		size_t n = strcspn(at, ",");

		comma = strchr(at, ',');
		for (; kind < MESSAGE_REPLY; kind <<= 1) {
			const char *word = message_word(kind);
			if (strlen(word) == n && memcmp(word, at, n) == 0)
				break;
		}
		if (kind == MESSAGE_REPLY)
			return err_set(err, ERR_BAD_REQUEST, 0,
				"%.40s: types are msg, call and exit, with commas between", words);
		*ret |= kind;
	}
	return 0;
}

struct message *message_new(
	struct unit *charged, const char *path, const void *body, size_t n, struct err *err)
{
	size_t path_len = strlen(path) + 1, size = sizeof(struct message) + path_len + n;
	struct message *m;

	if (n > CAP_BODY) {
		err_set(err, ERR_TOO_LARGE, 0, "the body has %zu bytes; at most %d", n, CAP_BODY);
		return NULL;
	}
	if (charged && keep_add(charged, size, ERR_MAILBOX, err) < 0)
		return NULL;
	m = malloc(size);
	if (!m) {
		if (charged)
			keep_sub(charged, size);
		err_no_memory(err);
		return NULL;
	}
	*m = (struct message){
		.kind = MESSAGE_MSG, .charged = charged, .path_len = path_len, .n = n
	};
	list_init(&m->link);
	memcpy(m->bytes, path, path_len);
	if (n)
		memcpy(m->bytes + path_len, body, n);
	return m;
}

void message_uncharge(struct message *m)
{
	if (m->charged)
		keep_sub(m->charged, sizeof *m + m->path_len + m->n);
	m->charged = NULL;
}

void message_recharge(struct message *m, struct unit *to)
{
	struct err err;

	message_uncharge(m);
	if (keep_add(to, sizeof *m + m->path_len + m->n, ERR_MAILBOX, &err) == 0)
		m->charged = to;
}

void message_free(struct message *m)
{
	if (m)
		message_uncharge(m);
	free(m);
}

void mailbox_init(struct mailbox *b)
{
	*b = (struct mailbox){ 0 };
	list_init(&b->queue);
	list_init(&b->waiting);
	list_init(&b->receivers);
	list_init(&b->changed);
}

void mailbox_done(struct mailbox *b)
{
	struct list *const of[] = { &b->queue, &b->waiting };

	for (size_t i = 0; i < sizeof of / sizeof *of; i++)
		list_each(it, of[i])
		{
			list_del(it);
			message_free(list_entry(it, struct message, link));
		}
	list_each(it, &b->receivers) list_del(it);
	list_del(&b->changed);
}

static bool has_room(const struct mailbox *b, const struct message *m)
{
	return b->n < CAP_MAILBOX && b->bytes + m->n <= CAP_MAILBOX_BYTES;
}

static void let_in(struct mailbox *b, struct message *m)
{
	list_add_tail(&b->queue, &m->link);
	m->queued = true;
	b->n++;
	b->bytes += m->n;
}

bool mailbox_send(struct mailbox *b, struct message *m)
{
	if (list_empty(&b->waiting) && has_room(b, m))
		let_in(b, m);
	else
		list_add_tail(&b->waiting, &m->link);
	return m->queued;
}

struct message *mailbox_let_in(struct mailbox *b)
{
	struct message *m;

	if (list_empty(&b->waiting))
		return NULL;
	m = list_entry(b->waiting.next, struct message, link);
	if (!has_room(b, m))
		return NULL;
	list_del(&m->link);
	let_in(b, m);
	return m;
}

void mailbox_remove(struct mailbox *b, struct message *m)
{
	list_del(&m->link);
	if (!m->queued)
		return;
	m->queued = false;
	b->n--;
	b->bytes -= m->n;
}

static bool wanted(const struct filter *f, unsigned kind, uint64_t from)
{
	return f->kinds & kind && (!f->has_from || f->from == from);
}

bool mailbox_pick(struct unit *u, const struct filter *f, struct pick *ret)
{
	*ret = (struct pick){ 0 };
	list_each(it, &u->box.queue)
	{
		struct message *m = list_entry(it, struct message, link);
		if (m->holder || !wanted(f, m->kind, m->from))
			continue;
		ret->m = m;
		break;
	}
	list_each(it, &u->notices)
	{
		struct unit *kid = list_entry(it, struct unit, notice);
		if (ret->m && ret->m->number < kid->notice_number)
			break;
		if (kid->notice_held || !wanted(f, MESSAGE_EXIT, kid->id))
			continue;
		*ret = (struct pick){ .child = kid };
		break;
	}
	return ret->m || ret->child;
}

void notice_due(struct unit *u, uint64_t number)
{
	if (u->notice_number || !unit_owner(u))
		return;
	u->notice_number = number;
	list_add_tail(&u->parent->notices, &u->notice);
}

void notice_move(struct unit *u, struct unit *to)
{
	if (list_empty(&u->notice))
		return;
	list_del(&u->notice);
	if (to)
		list_add_tail(&to->notices, &u->notice);
}

bool notice_taken(struct unit *u)
{
	list_del(&u->notice);
	u->notice_held = false;
	u->collected = true;
	return u->ended;
}
