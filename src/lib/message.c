/* Messages: sent, called with, answered, received. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/caps.h"
#include "lib_int.h"

enum { ALL_KINDS = SYSG_MSG | SYSG_CALL | SYSG_EXIT };

static const struct {
	unsigned kind;
	const char *word;
} kinds[] = { { SYSG_MSG, "msg" }, { SYSG_CALL, "call" }, { SYSG_EXIT, "exit" },
	{ SYSG_REPLY, "reply" } };

enum { KINDS = sizeof kinds / sizeof *kinds };

static unsigned kind_of(const char *word)
{
	for (int i = 0; i < KINDS; i++)
		if (strcmp(kinds[i].word, word) == 0)
			return kinds[i].kind;
	return 0;
}

/* One allocation: the body behind the struct, as aligned, then a NUL and the path. */
static struct sysg_message *message_of(const struct packet *p)
{
	const char *path = field_text(p, "path");
	size_t path_size = strlen(path) + 1;
	struct sysg_message *m = malloc(sizeof *m + p->body_len + 1 + path_size);

	if (!m)
		return NULL;
	char *at = (char *)(m + 1);
	*m = (struct sysg_message){ .kind = kind_of(field_text(p, "kind")),
		.will = packet_get(p, "will") != NULL,
		.from = (uint64_t)field_number(p, "id"),
		.msgid = (uint64_t)field_number(p, "msgid"),
		.lost = (uint64_t)field_number(p, "lost"),
		.body = at,
		.body_len = p->body_len };
	take_exit(&m->end, p);
	if (p->body_len)
		memcpy(at, p->body, p->body_len);
	at[p->body_len] = '\0';
	m->path = memcpy(at + p->body_len + 1, path, path_size);
	return m;
}

/* --- to others --- */

static int ask_with_body(struct call *k, const void *body, size_t n, struct packet *ret)
{
	if (n > CAP_BODY)
		return err_set(&k->err, ERR_TOO_LARGE, 0, "the body has %zu bytes; at most %d", n,
			CAP_BODY);
	return call_ask(k, body, n, ret);
}

/* send and call; without a target or with a bad one the supervisor says so. */
static void begin_to(
	struct call *k, struct sysg *s, const char *op, const char *unit, int64_t timeout_ms)
{
	call_begin(k, s, op);
	if (unit)
		packet_put(&k->request, "unit", unit);
	call_put_ms(k, "timeout_ns", timeout_ms < 0 ? INT64_MAX : timeout_ms);
}

int sysg_send(struct sysg *s, const char *unit, const void *body, size_t n, int64_t timeout_ms)
{
	struct packet reply;
	struct call k;

	begin_to(&k, s, "send", unit, timeout_ms);
	int rc = ask_with_body(&k, body, n, &reply);
	return call_end(&k, rc < 0 ? -1 : 0);
}

int sysg_call(struct sysg *s, const char *unit, const void *body, size_t n, int64_t timeout_ms,
	struct sysg_message **ret)
{
	struct packet reply;
	struct buf keep;
	struct call k;

	if (ret)
		*ret = NULL;
	begin_to(&k, s, "call", unit, timeout_ms);
	buf_init(&keep, CAP_REQUEST);
	int rc = ask_with_body(&k, body, n, &reply) < 0 ? -1
							: client_whole(k.c, &reply, &keep, &k.err);
	if (rc == 0 && ret && !(*ret = message_of(&reply)))
		rc = err_set(&k.err, ERR_UNKNOWN, ENOMEM, "no memory for the answer");
	buf_done(&keep);
	return call_end(&k, rc);
}

int sysg_reply(struct sysg *s, uint64_t msgid, const void *body, size_t n)
{
	struct packet reply;
	struct call k;

	call_begin(&k, s, "reply");
	packet_putf(&k.request, "msgid", "%llu", (unsigned long long)msgid);
	int rc = ask_with_body(&k, body, n, &reply);
	return call_end(&k, rc < 0 ? -1 : 0);
}

/* --- to us --- */

static void put_filter(struct call *k, const struct sysg_filter *want)
{
	char words[32] = "";
	size_t n = 0;

	if (want && want->from)
		packet_put(&k->request, "from", want->from);
	for (int i = 0; want && i < KINDS; i++)
		if (want->kinds & kinds[i].kind)
			n += (size_t)snprintf(
				words + n, sizeof words - n, "%s%s", n ? "," : "", kinds[i].word);
	if (n)
		packet_put(&k->request, "type", words);
}

int recv_ask(struct call *k, const struct sysg_filter *want, int64_t deadline_ns,
	struct packet *ret, struct buf *keep)
{
	put_filter(k, want);
	if (deadline_ns != INT64_MAX) {
		int64_t left = deadline_ns - clock_mono_ns();
		packet_put_int(&k->request, "timeout_ns", left > 0 ? left : 0);
	}
	if (call_ask(k, NULL, 0, ret) < 0 || client_whole(k->c, ret, keep, &k->err) < 0)
		return -1;
	return 1;
}

int recv_take(struct call *k, const struct packet *p, struct sysg_message **ret)
{
	struct sysg_message *m = message_of(p);
	struct packet reply;
	struct buf ack;

	if (!m)
		return err_set(&k->err, ERR_UNKNOWN, ENOMEM, "no memory for the message");
	buf_init(&ack, 64);
	packet_put(&ack, "op", "ack");
	packet_end(&ack, NULL, 0);
	int rc = client_again(k->c, &ack, &reply, &k->err);
	buf_done(&ack);
	if (rc < 0) {
		free(m);
		return -1;
	}
	*ret = m;
	return 0;
}

/* On a connection like any other call's. */
static int recv_plain(struct sysg *s, const struct sysg_filter *want, int64_t deadline_ns,
	struct sysg_message **ret)
{
	struct packet p;
	struct buf keep;
	struct call k;

	call_begin(&k, s, "recv");
	buf_init(&keep, CAP_REQUEST);
	int rc = recv_ask(&k, want, deadline_ns, &p, &keep);
	if (rc > 0)
		rc = recv_take(&k, &p, ret);
	buf_done(&keep);
	return call_end(&k, rc);
}

static int recv_inbox(struct sysg *s, const struct sysg_filter *want, int64_t deadline_ns,
	struct sysg_message **ret)
{
	struct call k;

	call_begin_on(&k, s, &s->inbox, "recv");
	return call_end(&k, inbox_recv(&k, want, deadline_ns, ret));
}

int sysg_recv(struct sysg *s, const struct sysg_filter *want, int64_t timeout_ms,
	struct sysg_message **ret)
{
	int64_t now = clock_mono_ns(), deadline = INT64_MAX;
	struct err err;

	*ret = NULL;
	if (timeout_ms >= 0 && timeout_ms < (INT64_MAX - now) / NS_PER_MS)
		deadline = now + timeout_ms * NS_PER_MS;
	if (want && want->kinds & ~(unsigned)ALL_KINDS) {
		(void)err_set(
			&err, ERR_BAD_REQUEST, 0, "kinds are SYSG_MSG, SYSG_CALL and SYSG_EXIT");
		return call_fail(&err);
	}
	if (!turn_take(s, deadline)) {
		(void)err_set(&err, ERR_TIMED_OUT, 0, "another thread received meanwhile");
		return call_fail(&err);
	}
	int rc = (inbox_is_open(s) ? recv_inbox : recv_plain)(s, want, deadline, ret);
	turn_give(s);
	return rc;
}
