/* Making children, waiting for their ends, looking at the tree. */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "lib_int.h"

extern char **environ;

/* Every row's fields to fn, up to end=1. 0, or -1. */
static int ask_rows(struct call *k, void (*fn)(void *arg, const struct packet *row), void *arg)
{
	struct packet row;
	int rc = call_ask(k, NULL, 0, &row);

	for (; rc > 0 && !packet_get(&row, "end"); rc = client_next(k->c, &row, &k->err))
		fn(arg, &row);
	return rc < 0 ? -1 : 0;
}

static void put_list(struct buf *b, const char *key, const char *const *v)
{
	for (; v && *v; v++)
		packet_put(b, key, *v);
}

static int put_cwd(struct call *k, const struct sysg_spawn *w)
{
	char here[4096];

	if (!w->cwd && w->parent)
		return 0;
	if (!w->cwd && (!getcwd(here, sizeof here) || *here != '/'))
		return err_set(&k->err, ERR_UNKNOWN, errno ? errno : ENOENT,
			"the working directory can't be told");
	packet_put(&k->request, "cwd", w->cwd ? w->cwd : here);
	if (w->cwd)
		packet_put(&k->request, "own_cwd", "1");
	return 0;
}

static int put_spawn(struct call *k, const struct sysg_spawn *w)
{
	struct buf *b = &k->request;

	if (!w->argv || !w->argv[0])
		return err_set(&k->err, ERR_BAD_REQUEST, 0, "there is no command to spawn");
	put_list(b, "arg", w->argv);
	if (put_cwd(k, w) < 0)
		return -1;
	if (w->env || !w->parent)
		put_list(b, "env", w->env ? w->env : (const char *const *)environ);
	put_list(b, "set_env", w->more_env);
	if (w->name)
		packet_put(b, "name", w->name);
	if (w->parent)
		packet_put(b, "parent", w->parent);
	if (w->ttl_ms)
		call_put_ms(k, "ttl_ns", w->ttl_ms);
	if (w->flags & SYSG_UNIQUE)
		packet_put(b, "unique", "1");
	if (w->flags & SYSG_NO_SPAWN)
		packet_put(b, "no_spawn", "1");
	for (const char *const *f = w->fields; f && *f; f++) {
		char key[32];
		size_t n = strcspn(*f, "=");
		if (!n || n >= sizeof key || !(*f)[n])
			return err_set(&k->err, ERR_BAD_REQUEST, 0, "%.80s: not KEY=VALUE", *f);
		copy_text(key, n + 1, *f);
		packet_put(b, key, *f + n + 1);
	}
	return 0;
}

static void take_child(const struct packet *p, struct sysg_child *ret)
{
	*ret = (struct sysg_child){ .id = (uint64_t)field_number(p, "id"),
		.pid = (pid_t)field_number(p, "pid"),
		.depth = (unsigned)field_number(p, "depth") };
	copy_text(ret->name, sizeof ret->name, field_text(p, "name"));
}

int sysg_spawn(struct sysg *s, const struct sysg_spawn *what, struct sysg_child *ret)
{
	struct packet reply;
	struct call k;

	call_begin(&k, s, "spawn");
	int rc = put_spawn(&k, what) < 0 ? -1 : call_ask(&k, NULL, 0, &reply);
	if (rc > 0 && ret)
		take_child(&reply, ret);
	return call_end(&k, rc < 0 ? -1 : 0);
}

/* --- several at once --- */

/* So many are asked for before the first is answered: enough that neither side waits for the other. */
enum { AHEAD = 16 };

struct batch {
	struct call k;
	const struct sysg_spawn *what;
	struct sysg_child *ret;
	size_t sent, answered;
	bool some_failed;
	struct err failure; /* of one of them */
};

static void not_made(struct batch *b, size_t i)
{
	b->some_failed = true;
	b->failure = b->k.err;
	b->ret[i].pid = -call_errno(&b->k);
	b->answered++;
}

/* The next request, or what is wrong with it. -1: it could not be sent. */
static int post(struct batch *b)
{
	struct call *k = &b->k;
	size_t i = b->sent++;

	buf_reset(&k->request);
	packet_put(&k->request, "op", "spawn");
	packet_put_int(&k->request, "tag", (int64_t)i + 1);
	if (put_spawn(k, &b->what[i]) < 0) {
		not_made(b, i);
		return 0;
	}
	packet_end(&k->request, NULL, 0);
	if (k->request.failed) {
		(void)err_set(&k->err, ERR_TOO_LARGE, 0, "the request is too large");
		not_made(b, i);
		return 0;
	}
	return client_post(k->c, &k->request, &k->err);
}

/* The next answer. -1: there is none, or it is about the connection. */
static int take_one(struct batch *b)
{
	struct packet p = { 0 };
	int rc = client_next(b->k.c, &p, &b->k.err);
	size_t i = (size_t)field_number(&p, "tag") - 1;

	if (i >= b->sent)
		return rc < 0 ? -1
			      : err_set(&b->k.err, ERR_UNKNOWN, EPROTO, "an answer to nothing");
	if (rc < 0) {
		not_made(b, i);
		return 0;
	}
	take_child(&p, &b->ret[i]);
	b->answered++;
	return 0;
}

int sysg_spawn_many(struct sysg *s, const struct sysg_spawn *what, size_t n, struct sysg_child *ret)
{
	struct batch b = { .what = what, .ret = ret };
	struct packet reply;

	memset(ret, 0, n * sizeof *ret);
	call_begin(&b.k, s, "ping");
	/* a new connection may be refused for a while, and only this one request is asked again */
	int rc = client_fd(b.k.c) < 0 ? call_ask(&b.k, NULL, 0, &reply) : 0;
	while (rc >= 0 && b.answered < n)
		rc = b.sent < n && b.sent - b.answered < AHEAD ? post(&b) : take_one(&b);
	if (rc < 0) {
		for (size_t i = 0; i < n; i++)
			if (!ret[i].id && !ret[i].pid)
				ret[i].pid = -call_errno(&b.k);
		client_done(b.k.c);
	} else if (b.some_failed) {
		b.k.err = b.failure;
	}
	return call_end(&b.k, rc < 0 || b.some_failed ? -1 : 0);
}

void take_exit(void *arg, const struct packet *row)
{
	struct sysg_exit *e = arg;

	*e = (struct sysg_exit){ .id = (uint64_t)field_number(row, "id"),
		.code = packet_get(row, "code") ? (int)field_number(row, "code") : -1,
		.signal = (int)field_number(row, "signal"),
		.left = (unsigned)field_number(row, "left") };
	copy_text(e->reason, sizeof e->reason, field_text(row, "reason"));
}

int sysg_wait(struct sysg *s, const char *unit, int64_t timeout_ms, struct sysg_exit *ret)
{
	struct sysg_exit exit = { 0 };
	struct call k;

	call_begin(&k, s, "wait");
	if (unit)
		packet_put(&k.request, "unit", unit);
	if (timeout_ms > 0)
		call_put_ms(&k, "timeout_ns", timeout_ms);
	else if (!timeout_ms)
		packet_put_int(&k.request, "timeout_ns", 1);
	int rc = ask_rows(&k, take_exit, ret ? ret : &exit);
	return call_end(&k, rc);
}

struct listing {
	void (*fn)(void *arg, const struct sysg_unit *u);
	void *arg;
	int n;
};

static void take_unit(void *arg, const struct packet *row)
{
	struct listing *l = arg;

	if (strcmp(field_text(row, "row"), "unit") != 0)
		return;
	l->n++;
	l->fn(l->arg, &(struct sysg_unit){ .id = (uint64_t)field_number(row, "id"),
			      .parent = (uint64_t)field_number(row, "parent"),
			      .pid = (pid_t)field_number(row, "pid"),
			      .depth = (unsigned)field_number(row, "depth"),
			      .restarts = (unsigned)field_number(row, "restarts"),
			      .children = (unsigned)field_number(row, "children"),
			      .descendants = (unsigned)field_number(row, "descendants"),
			      .path = field_text(row, "path"),
			      .name = field_text(row, "name"),
			      .state = field_text(row, "state"),
			      .health = field_text(row, "health") });
}

int sysg_status(struct sysg *s, const char *unit, void (*fn)(void *arg, const struct sysg_unit *u),
	void *arg)
{
	struct listing l = { fn, arg, 0 };
	struct call k;

	call_begin(&k, s, "status");
	if (unit)
		packet_put(&k.request, "unit", unit);
	int rc = ask_rows(&k, take_unit, &l);
	if (rc == 0 && unit && !l.n)
		rc = err_set(&k.err, ERR_NO_UNIT, 0, "no such unit: %.80s", unit);
	return call_end(&k, rc < 0 ? -1 : l.n);
}
