/* libsysg: a handle of one connection, kept over its calls, and each call as one request. */
#include "sysg.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/caps.h"
#include "cli/client.h"

/* The supervisor closes what was silent for 5 s; a request must not meet that. */
#define FRESH_NS (3 * NS_PER_SEC)

extern char **environ;

struct sysg {
	char *socket;
	atomic_flag busy; /* whoever set it has all below */
	struct client c;
	pid_t owner; /* whose connection it is: another process's packets would be refused on it */
	int64_t used_ns; /* last */
};

struct call {
	struct sysg *s;
	struct client *c, own; /* c: the handle's or, where that is in use, own */
	struct buf request;
	struct err err;
};

static _Thread_local struct err last;

const char *sysg_error(int *ret_code)
{
	if (ret_code)
		*ret_code = last.code;
	return last.msg;
}

/* By the exit status of the command that would say the same (errcodes.def). */
static int errno_of(const struct err *e, int status)
{
	static const unsigned char by_status[] = { [2] = EINVAL,
		[3] = ECONNREFUSED,
		[4] = EACCES,
		[5] = ESRCH,
		[6] = EEXIST,
		[7] = EDQUOT,
		[8] = ENOBUFS,
		[9] = ETIMEDOUT,
		[10] = EPIPE,
		[11] = ENOTCONN,
		[13] = EMSGSIZE,
		[14] = EPERM,
		[15] = ESTALE,
		[16] = EDEADLK,
		[17] = ECONNRESET };

	if (status >= 0 && status < (int)sizeof by_status && by_status[status])
		return by_status[status];
	return e->sys ? e->sys : EIO;
}

static int fail(const struct err *e, int status)
{
	last = *e;
	errno = errno_of(e, status);
	return -1;
}

static void begin(struct call *k, struct sysg *s, const char *op)
{
	k->s = s;
	k->c = atomic_flag_test_and_set(&s->busy) ? &k->own : &s->c;
	if (k->c == &k->own)
		client_init(&k->own, s->socket);
	else if (s->owner != getpid() || clock_mono_ns() - s->used_ns > FRESH_NS)
		client_done(&s->c);
	k->c->slow = true; /* a wait, or an exec on a dead mount, takes as long as it takes */
	k->c->probed = false;
	buf_init(&k->request, CAP_REQUEST + 1);
	packet_put(&k->request, "op", op);
}

/* What a failure leaves on the connection is known only where it was the supervisor's answer to a whole request. */
static bool still_good(const struct call *k)
{
	int status = err_exit_status(k->err.code);

	return !k->c->lost && k->err.code != ERR_BUSY && status > 3 && status != 13;
}

/* rc as it is, or -1 with errno and what sysg_error() says. */
static int end(struct call *k, int rc)
{
	int status = rc < 0 ? client_status(k->c, &k->err) : 0;

	buf_done(&k->request);
	if (k->c == &k->own || (rc < 0 && !still_good(k)))
		client_done(k->c);
	if (k->c != &k->own) {
		k->s->owner = getpid();
		k->s->used_ns = clock_mono_ns();
		atomic_flag_clear(&k->s->busy);
	}
	return rc < 0 ? fail(&k->err, status) : rc;
}

static int ask(struct call *k, struct packet *ret)
{
	packet_end(&k->request, NULL, 0);
	return client_ask(k->c, &k->request, ret, &k->err);
}

/* Every row's fields to fn, up to end=1. 0, or -1. */
static int ask_rows(struct call *k, void (*fn)(void *arg, const struct packet *row), void *arg)
{
	struct packet row;
	int rc = ask(k, &row);

	for (; rc > 0 && !packet_get(&row, "end"); rc = client_next(k->c, &row, &k->err))
		fn(arg, &row);
	return rc < 0 ? -1 : 0;
}

static int64_t number(const struct packet *p, const char *key)
{
	const char *v = packet_get(p, key);

	return v ? strtoll(v + (*v == '@'), NULL, 10) : 0;
}

static const char *text(const struct packet *p, const char *key)
{
	const char *v = packet_get(p, key);

	return v ? v : "";
}

static void copy(char *to, size_t size, const char *from)
{
	size_t n = strnlen(from, size - 1);

	memcpy(to, from, n);
	to[n] = '\0';
}

struct sysg *sysg_open(const char *socket)
{
	struct sysg *s = calloc(1, sizeof *s);
	struct packet reply;
	struct call k;

	if (s && socket && !(s->socket = strdup(socket))) {
		free(s);
		s = NULL;
	}
	if (!s)
		return NULL;
	atomic_flag_clear(&s->busy);
	client_init(&s->c, s->socket);
	begin(&k, s, "ping");
	if (end(&k, ask(&k, &reply)) >= 0)
		return s;
	sysg_close(s);
	return NULL;
}

void sysg_close(struct sysg *s)
{
	int e = errno;

	if (s) {
		client_done(&s->c);
		free(s->socket);
		free(s);
	}
	errno = e;
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
		packet_put_int(b, "ttl_ns", w->ttl_ms * NS_PER_MS);
	if (w->flags & SYSG_UNIQUE)
		packet_put(b, "unique", "1");
	if (w->flags & SYSG_NO_SPAWN)
		packet_put(b, "no_spawn", "1");
	for (const char *const *f = w->fields; f && *f; f++) {
		char key[32];
		size_t n = strcspn(*f, "=");
		if (!n || n >= sizeof key || !(*f)[n])
			return err_set(&k->err, ERR_BAD_REQUEST, 0, "%.80s: not KEY=VALUE", *f);
		copy(key, n + 1, *f);
		packet_put(b, key, *f + n + 1);
	}
	return 0;
}

int sysg_spawn(struct sysg *s, const struct sysg_spawn *what, struct sysg_child *ret)
{
	struct packet reply;
	struct call k;

	begin(&k, s, "spawn");
	int rc = put_spawn(&k, what) < 0 ? -1 : ask(&k, &reply);
	if (rc > 0 && ret) {
		*ret = (struct sysg_child){ .id = (uint64_t)number(&reply, "id"),
			.pid = (pid_t)number(&reply, "pid"),
			.depth = (unsigned)number(&reply, "depth") };
		copy(ret->name, sizeof ret->name, text(&reply, "name"));
	}
	return end(&k, rc < 0 ? -1 : 0);
}

static void take_exit(void *arg, const struct packet *row)
{
	struct sysg_exit *e = arg;

	*e = (struct sysg_exit){ .id = (uint64_t)number(row, "id"),
		.code = packet_get(row, "code") ? (int)number(row, "code") : -1,
		.signal = (int)number(row, "signal"),
		.left = (unsigned)number(row, "left") };
	copy(e->reason, sizeof e->reason, text(row, "reason"));
}

int sysg_wait(struct sysg *s, const char *unit, int64_t timeout_ms, struct sysg_exit *ret)
{
	struct sysg_exit exit = { 0 };
	struct call k;

	begin(&k, s, "wait");
	packet_put(&k.request, "unit", unit);
	if (timeout_ms >= 0)
		packet_put_int(&k.request, "timeout_ns", timeout_ms ? timeout_ms * NS_PER_MS : 1);
	int rc = ask_rows(&k, take_exit, ret ? ret : &exit);
	return end(&k, rc);
}

struct listing {
	void (*fn)(void *arg, const struct sysg_unit *u);
	void *arg;
	int n;
};

static void take_unit(void *arg, const struct packet *row)
{
	struct listing *l = arg;

	if (strcmp(text(row, "row"), "unit") != 0)
		return;
	l->n++;
	l->fn(l->arg, &(struct sysg_unit){ .id = (uint64_t)number(row, "id"),
			      .parent = (uint64_t)number(row, "parent"),
			      .pid = (pid_t)number(row, "pid"),
			      .depth = (unsigned)number(row, "depth"),
			      .restarts = (unsigned)number(row, "restarts"),
			      .children = (unsigned)number(row, "children"),
			      .descendants = (unsigned)number(row, "descendants"),
			      .path = text(row, "path"),
			      .name = text(row, "name"),
			      .state = text(row, "state"),
			      .health = text(row, "health") });
}

int sysg_status(struct sysg *s, const char *unit, void (*fn)(void *arg, const struct sysg_unit *u),
	void *arg)
{
	struct listing l = { fn, arg, 0 };
	struct call k;

	begin(&k, s, "status");
	if (unit)
		packet_put(&k.request, "unit", unit);
	int rc = ask_rows(&k, take_unit, &l);
	if (rc == 0 && unit && !l.n)
		rc = err_set(&k.err, ERR_NO_UNIT, 0, "no such unit: %.80s", unit);
	return end(&k, rc < 0 ? -1 : l.n);
}
