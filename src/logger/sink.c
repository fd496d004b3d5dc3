#include "logger/sink.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
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

void sink_init(struct sink *o, int fd, char *mem, bool may_reopen)
{
	struct stat st;

	*o = (struct sink){ .fd = fd, .q = mem };
	if (fstat(fd, &st) < 0) {
		o->dead = true;
		return;
	}
	o->whole = S_ISREG(st.st_mode);
	o->socket = S_ISSOCK(st.st_mode);
	if (!o->whole && !o->socket)
		o->ask = !may_reopen || !reopen(fd);
}

bool sink_room(const struct sink *o)
{
	return o->dead || o->len < SINK_HIGH;
}

void sink_line(struct sink *o, const char *label, const struct line *l)
{
	if (o->dead)
		return;
	size_t n = label ? strnlen(label, SINK_LABEL) : 0;
	if (o->head + o->len + n + 3 + LINE_ROOM(l->n) > SINK_MEMORY) {
		memmove(o->q, o->q + o->head, o->len);
		o->head = 0;
	}
	char *p = o->q + o->head + o->len;
	if (label) {
		/* NOLINTBEGIN(bugprone-not-null-terminated-result): bytes, not strings */
		memcpy(p, label, n);
		memcpy(p + n, " | ", 3);
		/* NOLINTEND(bugprone-not-null-terminated-result) */
		n += 3;
	}
	o->len += n + line_put(p + n, l);
}

/* As many whole lines as one write may take; of a longer line a part. Up to PIPE_BUF a write to a
 * pipe is never mixed with those of the services that share it (pipe(7)). */
static size_t chunk(const struct sink *o)
{
	const char *p = o->q + o->head;

	if (o->whole || o->len <= PIPE_BUF)
		return o->len;
	const char *end = memrchr(p, '\n', PIPE_BUF);
	return end ? (size_t)(end - p) + 1 : PIPE_BUF;
}

static bool writable(int fd)
{
	struct pollfd p = { .fd = fd, .events = POLLOUT };

	return poll(&p, 1, 0) == 1;
}

static ssize_t put(const struct sink *o, size_t n)
{
	const char *p = o->q + o->head;

	if (o->ask && !writable(o->fd)) {
		errno = EAGAIN;
		return -1;
	}
	if (o->socket)
		return send(o->fd, p, n, MSG_DONTWAIT | MSG_NOSIGNAL);
	return write(o->fd, p, n);
}

void sink_flush(struct sink *o)
{
	while (o->len) {
		ssize_t n = put(o, chunk(o));
		if (n < 0 && errno == EINTR)
			continue;
		if (!n || (n < 0 && errno == EAGAIN))
			return;
		if (n < 0)
			n = (ssize_t)o->len;
		o->head += (size_t)n;
		o->len -= (size_t)n;
	}
	o->head = 0;
}

void sink_kill(struct sink *o)
{
	o->dead = true;
	o->len = 0;
	o->head = 0;
}
