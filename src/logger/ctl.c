#include "logger/ctl.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/err.h"
#include "logger/logger.h"
#include "wire/packet.h"

enum { FDS_MAX = 8 };

/* The first descriptor, those that nobody asked for closed; -1: none came. */
static int first_fd(struct msghdr *m)
{
	int fd = -1;

	for (struct cmsghdr *c = CMSG_FIRSTHDR(m); c; c = CMSG_NXTHDR(m, c)) {
		if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
			continue;
		size_t n = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);
		for (size_t i = 0; i < n; i++) {
			int got;
			memcpy(&got, CMSG_DATA(c) + i * sizeof got, sizeof got);
			if (fd < 0)
				fd = got;
			else
				(void)close(got);
		}
	}
	return fd;
}

static int read_add(const struct packet *p, struct ctl_add *ret)
{
	int64_t id = -1, stream = 0, sinks = 0, bytes = 0, files = 0;
	struct err err;

	if (packet_int(p, "id", 0, INT64_MAX, &id, &err) < 0 ||
		packet_int(p, "stream", 1, 2, &stream, &err) < 0 ||
		packet_int(p, "sinks", 0, INT32_MAX, &sinks, &err) < 0 ||
		packet_int(p, "max_bytes", 0, INT64_MAX / 2, &bytes, &err) < 0 ||
		packet_int(p, "max_files", 0, INT32_MAX, &files, &err) < 0)
		return -1;
	*ret = (struct ctl_add){ .id = id,
		.stream = (int)stream,
		.sinks = (unsigned)sinks,
		.keep = { .max_bytes = bytes, .max_files = (int)files },
		.path = packet_get(p, "path"),
		.label = packet_get(p, "label") };
	return id < 0 || !stream || !ret->path ? -1 : 0;
}

static int read_tail(const struct packet *p, struct ctl_tail *ret)
{
	struct err err;

	*ret = (struct ctl_tail){ .number = -1, .id = -1, .path = packet_get(p, "path") };
	if (packet_int(p, "number", 0, INT64_MAX, &ret->number, &err) < 0 ||
		packet_int(p, "id", 0, INT64_MAX, &ret->id, &err) < 0 ||
		packet_int(p, "since", 0, INT64_MAX, &ret->since_ns, &err) < 0)
		return -1;
	return ret->number < 0 || ret->id < 0 || !ret->path ? -1 : 0;
}

static void understand(struct ctl_msg *ret, size_t n)
{
	struct packet p;
	const char *op = packet_parse(&p, ret->bytes, n) < 0 ? NULL : packet_get(&p, "op");

	ret->kind = CTL_UNKNOWN;
	if (op && !strcmp(op, "finish"))
		ret->kind = CTL_FINISH;
	else if (op && !strcmp(op, "add") && read_add(&p, &ret->add) == 0)
		ret->kind = CTL_ADD;
	else if (op && !strcmp(op, "reopen"))
		ret->kind = CTL_REOPEN;
	else if (op && !strcmp(op, "tail") && read_tail(&p, &ret->tail) == 0)
		ret->kind = CTL_TAIL;
	if (ret->kind != CTL_ADD && ret->fd >= 0) {
		(void)close(ret->fd);
		ret->fd = -1;
	}
}

void ctl_receive(int fd, struct ctl_msg *ret)
{
	union {
		char bytes[CMSG_SPACE(FDS_MAX * sizeof(int))];
		struct cmsghdr align;
	} control;
	struct iovec iov = { .iov_base = ret->bytes, .iov_len = sizeof ret->bytes };
	struct msghdr m = { .msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = &control,
		.msg_controllen = sizeof control };

	ret->kind = CTL_NOTHING;
	ret->fd = -1;
	ssize_t n = recvmsg(fd, &m, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
	if (n < 0) {
		if (errno != EAGAIN && errno != EINTR && errno != ENOMEM && errno != ENOBUFS)
			ret->kind = CTL_CLOSED;
		return;
	}
	if (n == 0) {
		ret->kind = CTL_CLOSED;
		return;
	}
	ret->fd = first_fd(&m);
	understand(ret, m.msg_flags & MSG_TRUNC ? 0 : (size_t)n);
}

static int send_with(int fd, struct buf *b, const char *body, size_t n)
{
	int rc = -1;

	packet_end(b, body, n);
	if (!b->failed)
		rc = send(fd, b->p, b->len, MSG_DONTWAIT | MSG_NOSIGNAL) < 0 ? -1 : 0;
	return rc;
}

static int send_off(int fd, struct buf *b)
{
	return send_with(fd, b, NULL, 0);
}

/* In a place that is always there: what is lost for want of memory is to be told. */
static void empty(struct buf *b)
{
	static char bytes[CTL_BYTES + 1];

	*b = (struct buf){ .p = bytes, .cap = sizeof bytes, .max = CTL_BYTES };
}

static void begin(struct buf *b, const char *op, int64_t id, int stream)
{
	empty(b);
	packet_put(b, "op", op);
	if (!stream)
		return;
	packet_put_int(b, "id", id);
	packet_put_int(b, "stream", stream);
}

int ctl_send_eof(int fd, int64_t id, int stream)
{
	struct buf b;

	begin(&b, "eof", id, stream);
	return send_off(fd, &b);
}

int ctl_send_lost(int fd, int64_t id, int stream)
{
	struct buf b;

	begin(&b, "lost", id, stream);
	return send_off(fd, &b);
}

int ctl_send_full(int fd, const char *path, const char *why, uint64_t dropped)
{
	struct buf b;

	begin(&b, "full", 0, 0);
	packet_putf(&b, "why", "%s.log: %s", path, why);
	packet_put_int(&b, "dropped", (int64_t)dropped);
	return send_off(fd, &b);
}

int ctl_send_plain(int fd, const char *why)
{
	struct buf b;

	begin(&b, "plain", 0, 0);
	packet_put(&b, "why", why);
	return send_off(fd, &b);
}

int ctl_send_total(int fd, unsigned removed, const char *dir)
{
	struct buf b;

	begin(&b, "total", 0, 0);
	packet_put_int(&b, "removed", removed);
	packet_put(&b, "dir", dir);
	return send_off(fd, &b);
}

int ctl_send_tail(int fd, int64_t number, const char *text, size_t n)
{
	struct buf b;

	begin(&b, "tail", 0, 0);
	packet_put_int(&b, "number", number);
	return send_with(fd, &b, text, n);
}

int ctl_send_done(int fd)
{
	struct buf b;

	empty(&b);
	packet_put_int(&b, "ok", 1);
	packet_put_int(&b, "done", 1);
	return send_off(fd, &b);
}
