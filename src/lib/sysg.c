/* libsysg: a handle of one connection, kept over its calls, and each call as one request. */
#include "sysg.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/caps.h"
#include "lib_int.h"

/* The supervisor closes what was silent for 5 s; a request must not meet that. */
#define FRESH_NS (3 * NS_PER_SEC)

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

int call_errno(const struct call *k)
{
	return errno_of(&k->err, client_status(k->c, &k->err));
}

int call_fail(const struct err *e)
{
	return fail(e, err_exit_status(e->code));
}

/* --- one call --- */

void call_begin_on(struct call *k, struct sysg *s, struct client *c, const char *op)
{
	k->s = s;
	k->c = c;
	k->c->slow = true; /* a wait, or an exec on a dead mount, takes as long as it takes */
	k->c->probed = false;
	buf_init(&k->request, CAP_REQUEST + 1);
	packet_put(&k->request, "op", op);
}

/* Kept, and still a connection to somebody: a request that meets a closed one may have been done or not, and so
 * could not be asked again. */
static bool fresh(const struct sysg *s)
{
	struct pollfd p = { .fd = client_fd(&s->c), .events = POLLIN };

	return s->owner == getpid() && clock_mono_ns() - s->used_ns <= FRESH_NS &&
	       (p.fd < 0 || poll(&p, 1, 0) == 0);
}

void call_begin(struct call *k, struct sysg *s, const char *op)
{
	struct client *c = atomic_flag_test_and_set(&s->busy) ? &k->own : &s->c;

	if (c == &k->own)
		client_init(c, s->socket);
	else if (!fresh(s))
		client_done(c);
	call_begin_on(k, s, c, op);
}

bool call_still_good(const struct call *k)
{
	int status = err_exit_status(k->err.code);

	return !k->c->lost && k->err.code != ERR_BUSY && status > 3 && status != 13;
}

int call_end(struct call *k, int rc)
{
	int status = rc < 0 ? client_status(k->c, &k->err) : 0;

	buf_done(&k->request);
	if (k->c == &k->own || (k->c == &k->s->c && rc < 0 && !call_still_good(k)))
		client_done(k->c);
	if (k->c == &k->s->c) {
		k->s->owner = getpid();
		k->s->used_ns = clock_mono_ns();
		atomic_flag_clear(&k->s->busy);
	}
	return rc < 0 ? fail(&k->err, status) : rc;
}

int call_ask(struct call *k, const void *body, size_t n, struct packet *ret)
{
	packet_end(&k->request, body, n);
	return client_ask(k->c, &k->request, ret, &k->err);
}

void call_put_ms(struct call *k, const char *key, int64_t ms)
{
	const int64_t most = INT64_MAX / 2 / NS_PER_MS;

	packet_put_int(&k->request, key, (ms < most ? ms : most) * NS_PER_MS);
}

/* --- fields --- */

int64_t field_number(const struct packet *p, const char *key)
{
	const char *v = packet_get(p, key);

	return v ? strtoll(v + (*v == '@'), NULL, 10) : 0;
}

const char *field_text(const struct packet *p, const char *key)
{
	const char *v = packet_get(p, key);

	return v ? v : "";
}

void copy_text(char *to, size_t size, const char *from)
{
	size_t n = strnlen(from, size - 1);

	memcpy(to, from, n);
	to[n] = '\0';
}

/* --- the handle --- */

struct sysg *sysg_open(const char *socket)
{
	struct sysg *s = calloc(1, sizeof *s);
	struct packet reply;
	struct call k;

	if (s && socket && !(s->socket = strdup(socket))) {
		free(s);
		s = NULL;
	}
	if (!s) {
		(void)err_set(&k.err, ERR_UNKNOWN, ENOMEM, "no memory");
		(void)call_fail(&k.err);
		return NULL;
	}
	atomic_flag_clear(&s->busy);
	client_init(&s->c, s->socket);
	client_init(&s->inbox, s->socket);
	s->fd = -1;
	call_begin(&k, s, "ping");
	if (call_end(&k, call_ask(&k, NULL, 0, &reply)) >= 0)
		return s;
	sysg_close(s);
	return NULL;
}

void sysg_close(struct sysg *s)
{
	int e = errno;

	if (s) {
		inbox_close(s);
		client_done(&s->c);
		free(s->socket);
		free(s);
	}
	errno = e;
}
