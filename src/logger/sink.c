#include "logger/sink.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

/* A second description of the same file, whose O_NONBLOCK is ours alone. It takes the descriptor's
 * place in this process only. Refused for a pipe of another user, and where /proc isn't there. */
static bool reopen(int fd)
{
	char path[40];

	snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
	int own = open(path, O_WRONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	if (own < 0)
		return false;
	int rc = dup3(own, fd, O_CLOEXEC);
	(void)close(own);
	return rc >= 0;
}

void sink_init(struct sink *o, int fd, struct sink_rest *rest, bool may_reopen)
{
	struct stat st;

	*o = (struct sink){ .fd = fd, .rest = rest };
	if (rest->n > sizeof rest->bytes || rest->at >= rest->n)
		rest->n = 0; /* killed right after its last byte, or no rest at all */
	if (fstat(fd, &st) < 0) {
		sink_kill(o);
		return;
	}
	o->whole = S_ISREG(st.st_mode);
	o->socket = S_ISSOCK(st.st_mode);
	if (!o->whole && !o->socket)
		o->ask = !may_reopen || !reopen(fd);
}

/* Up to PIPE_BUF a write to a pipe is all or nothing, and never mixed with those of the services
 * that share it (pipe(7)). */
size_t sink_chunk(const struct sink *o)
{
	return o->whole ? SINK_CHUNK : PIPE_BUF;
}

static bool writable(int fd)
{
	struct pollfd p = { .fd = fd, .events = POLLOUT };

	return poll(&p, 1, 0) == 1;
}

static ssize_t put(const struct sink *o, const char *p, size_t n)
{
	if (!o->whole && n > PIPE_BUF)
		n = PIPE_BUF;
	if (o->ask && !writable(o->fd)) {
		errno = EAGAIN;
		return -1;
	}
	if (o->socket)
		return send(o->fd, p, n, MSG_DONTWAIT | MSG_NOSIGNAL);
	return write(o->fd, p, n);
}

/* Bytes written, 0: stuck, all of them where there is no way. */
static size_t try(struct sink *o, const char *p, size_t n)
{
	ssize_t k;

	do
		k = put(o, p, n);
	while (k < 0 && errno == EINTR);
	o->stuck = !k || (k < 0 && errno == EAGAIN);
	if (o->stuck)
		return 0;
	return k < 0 ? n : (size_t)k;
}

bool sink_ready(struct sink *o)
{
	struct sink_rest *r = o->rest;

	while (!o->dead && r->n) {
		size_t k = try(o, r->bytes + r->at, r->n - r->at);
		if (!k)
			return false;
		/* One store each: a rest that a kill leaves is never longer than what is there. */
		r->at += (uint32_t)k;
		if (r->at == r->n)
			r->n = 0;
	}
	return o->dead || !o->stuck;
}

/* Its length is noted last: a rest that is there is whole. */
static void set_rest(struct sink *o, const char *p, size_t n)
{
	memcpy(o->rest->bytes, p, n);
	o->rest->at = 0;
	atomic_signal_fence(memory_order_seq_cst);
	o->rest->n = (uint32_t)n;
	atomic_signal_fence(memory_order_seq_cst);
}

/* The rest of the line that p begins in the midst of; n bytes follow. */
static void keep_rest(struct sink *o, const char *p, size_t n)
{
	const char *end = memchr(p, '\n', n);
	size_t len = end ? (size_t)(end - p) + 1 : n;

	if (len <= sizeof o->rest->bytes)
		set_rest(o, p, len);
}

bool sink_put(struct sink *o, const char *p, size_t n)
{
	if (!o->dead)
		set_rest(o, p, n);
	return sink_ready(o);
}

static size_t count_lines(const char *p, size_t n)
{
	size_t lines = 0;

	for (const char *end; (end = memchr(p, '\n', n)); lines++) {
		n -= (size_t)(end + 1 - p);
		p = end + 1;
	}
	return lines;
}

size_t sink_write(struct sink *o, const char *p, size_t n)
{
	if (o->picture && !picture_erase(o->picture, o))
		return 0;
	size_t k = o->dead ? n : try(o, p, n);

	if (!k || p[k - 1] == '\n')
		return count_lines(p, k);
	keep_rest(o, p + k, n - k);
	return count_lines(p, k) + 1;
}

void sink_kill(struct sink *o)
{
	o->dead = true;
	o->stuck = false;
	o->rest->n = 0;
}
