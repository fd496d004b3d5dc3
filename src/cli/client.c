#include "cli/client.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/caps.h"
#include "base/log.h"
#include "cli/seek.h"

enum { LOST_STATUS = 17, RETRY_MS_FIRST = 10, RETRY_MS_MOST = 250 };

void client_init(struct client *c, const char *socket)
{
	*c = (struct client){ .socket = socket, .fd = -1 };
}

static void hang_up(struct client *c)
{
	if (c->fd >= 0)
		(void)close(c->fd);
	c->fd = -1;
}

void client_done(struct client *c)
{
	hang_up(c);
	free(c->bytes);
	c->bytes = NULL;
}

int client_status(const struct client *c, const struct err *err)
{
	return c->lost ? LOST_STATUS : err_exit_status(err->code);
}

static int lose(struct client *c, int sys, struct err *err)
{
	c->lost = true;
	return err_set(err, ERR_NO_ANSWER, sys, "the connection to the supervisor was lost%s%s",
		sys ? ": " : "", sys ? strerror(sys) : "");
}

static int no_answer(const struct client *c, struct err *err)
{
	long long ms = c->patience_ns / NS_PER_MS;

	(void)err_set(err, ERR_NO_ANSWER, 0,
		"the supervisor at %s did not answer within %lld.%lld s", c->where, ms / 1000,
		ms % 1000 / 100);
	return err_help(err, "is it stopped (SIGSTOP), or the container frozen?");
}

/* --- one packet --- */

/* Until one of the events, or the deadline (0: none). 1, 0 at the deadline, -1 and errno. */
static int await(int fd, short events, int64_t deadline)
{
	struct pollfd p = { .fd = fd, .events = events };

	for (;;) {
		int ms = -1;

		if (deadline) {
			int64_t left = deadline - clock_mono_ns();
			if (left < 0)
				left = 0;
			ms = left > 1000 * NS_PER_SEC ? 1000 * 1000
						      : (int)((left + NS_PER_MS - 1) / NS_PER_MS);
		}
		int rc = poll(&p, 1, ms);
		if (rc > 0)
			return 1;
		if (rc < 0 && errno != EINTR)
			return -1;
		if (rc == 0 && deadline && clock_mono_ns() >= deadline)
			return 0;
	}
}

struct sending {
	struct client *c;
	struct err *err;
	bool answered; /* a reply came before the request was out: it is an error, and read next */
};

/* MSG_NOSIGNAL: a supervisor that hangs up is an error of this command, not its end. */
static int send_packet(void *arg, const void *bytes, size_t n)
{
	struct sending *s = arg;

	for (;;) {
		if (send(s->c->fd, bytes, n, MSG_NOSIGNAL) >= 0)
			return 0;
		if (errno == EINTR)
			continue;
		if (errno == EPIPE || errno == ECONNRESET) {
			s->answered = true;
			return -1;
		}
		if (errno != EAGAIN)
			return lose(s->c, errno, s->err);
		if (await(s->c->fd, POLLOUT, s->c->deadline) <= 0)
			return no_answer(s->c, s->err);
	}
}

/* What a process of another container shows instead of its pid: $SYSG_TOKEN, or what is in $SYSG_TOKEN_FILE. */
static int read_token(char *ret, size_t size, struct err *err)
{
	const char *token = getenv("SYSG_TOKEN"), *path = getenv("SYSG_TOKEN_FILE");
	ssize_t n;
	int fd;

	*ret = '\0';
	if (token || !path || !*path)
		return snprintf(ret, size, "%s", token ? token : "");
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	n = fd < 0 ? -1 : read(fd, ret, size - 1);
	if (n < 0)
		err_sys(err, ERR_BAD_VALUE, errno, "SYSG_TOKEN_FILE: %.200s", path);
	if (fd >= 0)
		close(fd);
	if (n >= 0)
		ret[n] = '\0';
	ret[strcspn(ret, "\n")] = '\0';
	return (int)n;
}

/* The token stands behind the op. */
static int send_request(struct client *c, const struct buf *request, struct err *err)
{
	struct sending s = { .c = c, .err = err };
	char token[80];
	struct buf with;

	if (read_token(token, sizeof token, err) < 0)
		return -1;
	buf_init(&with, request->len + 2 * sizeof token);
	if (*token) {
		size_t n = strlen(request->p) + 1;
		(void)buf_add(&with, request->p, n);
		packet_put(&with, "token", token);
		(void)buf_add(&with, request->p + n, request->len - n);
		request = &with;
	}
	errno = with.failed ? ENOMEM : 0;
	int rc = with.failed ? -1 : packet_split(request, send_packet, &s);
	if (rc < 0 && errno == ENOMEM)
		(void)err_no_memory(err);
	buf_done(&with);
	return rc == 0 || s.answered ? 0 : -1;
}

/* 1, or -1 with err. */
static int receive(struct client *c, struct packet *ret, struct err *err)
{
	ssize_t n = recv(c->fd, c->bytes, CAP_PACKET, 0);

	/* Closed with our request unread (SG0833): the reset is told first, once, then the reply
	 * (unix(7)). */
	if (n < 0 && errno == ECONNRESET)
		n = recv(c->fd, c->bytes, CAP_PACKET, 0);
	if (n <= 0)
		return lose(c, n < 0 ? errno : 0, err);
	if (packet_parse(ret, c->bytes, (size_t)n) < 0)
		return lose(c, EPROTO, err);
	int rc = packet_result(ret, err);
	if (rc < 0)
		return lose(c, EPROTO, err);
	return rc == 1 ? 1 : -1;
}

/* --- is anybody there? --- */

static int ping(const struct client *c, struct err *err)
{
	struct client other;
	struct packet reply;
	struct buf request;

	client_init(&other, c->socket);
	other.patience_ns = c->patience_ns / 2;
	other.total = true;
	client_begin(&request, "ping", NULL);
	int rc = client_finish(&other, &request, &reply, err);
	client_done(&other);
	/* An answer of any kind is an answer; SG0833 too. */
	return rc < 0 && (other.lost || err->code == ERR_NO_ANSWER ||
				 err->code == ERR_NO_SUPERVISOR)
		       ? -1
		       : 0;
}

static int await_reply(struct client *c, struct err *err)
{
	int64_t deadline = c->total ? c->deadline : clock_mono_ns() + c->patience_ns;

	if (c->slow)
		deadline = c->probed ? 0 : clock_mono_ns() + c->patience_ns / 2;
	int rc = await(c->fd, POLLIN, deadline);
	if (rc == 0 && c->slow) {
		c->probed = true;
		if (ping(c, err) < 0 && await(c->fd, POLLIN, clock_mono_ns()) == 0)
			return no_answer(c, err);
		rc = await(c->fd, POLLIN, 0);
	}
	if (rc == 0)
		return no_answer(c, err);
	return rc < 0 ? lose(c, errno, err) : 0;
}

int client_next(struct client *c, struct packet *ret, struct err *err)
{
	if (await_reply(c, err) < 0 || receive(c, ret, err) < 0)
		return -1;
	const char *end = packet_get(ret, "end");
	return end && strcmp(end, "1") == 0 ? 0 : 1;
}

/* --- asking --- */

/* 1 reply, -1 err; *again: there was no room, nothing has happened. */
static int once(struct client *c, const struct buf *request, struct packet *ret, struct err *err,
	bool *again)
{
	c->lost = false;
	if (c->fd < 0)
		c->fd = seek_connect(c->socket, c->where, err);
	if (c->fd < 0) {
		*again = errno == EAGAIN;
		if (*again)
			(void)no_answer(c, err);
		return -1;
	}
	if (send_request(c, request, err) < 0)
		return -1;
	int rc = client_next(c, ret, err);
	*again = rc < 0 && !c->lost && err->code == ERR_BUSY;
	return rc < 0 ? -1 : 1;
}

static int too_large(struct err *err)
{
	return err_set(err, ERR_TOO_LARGE, 0, "the request is larger than %d bytes", CAP_REQUEST);
}

static int make_room(struct client *c, struct err *err)
{
	if (!c->patience_ns)
		c->patience_ns = CLIENT_PATIENCE;
	c->deadline = clock_mono_ns() + c->patience_ns;
	c->bytes = c->bytes ? c->bytes : malloc(CAP_PACKET);
	return c->bytes ? 0 : err_no_memory(err);
}

int client_send_streams(struct client *c, struct err *err)
{
	static const int fd[] = { STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO };
	union {
		struct cmsghdr h;
		char bytes[CMSG_SPACE(sizeof fd)];
	} u = { .h = { .cmsg_len = CMSG_LEN(sizeof fd),
			.cmsg_level = SOL_SOCKET,
			.cmsg_type = SCM_RIGHTS } };
	struct iovec iov = { .iov_base = (char[]){ "fds=3\0" }, .iov_len = 7 };
	struct msghdr m = { .msg_iov = &iov, .msg_iovlen = 1, .msg_control = &u };

	m.msg_controllen = sizeof u;
	memcpy(CMSG_DATA(&u.h), fd, sizeof fd);
	if (sendmsg(c->fd, &m, MSG_NOSIGNAL) >= 0 || errno == EPIPE || errno == ECONNRESET)
		return 0;
	return lose(c, errno, err);
}

int client_adopt(struct client *c, int fd, struct err *err)
{
	c->fd = fd;
	return make_room(c, err);
}

int client_ask(struct client *c, const struct buf *request, struct packet *ret, struct err *err)
{
	int64_t now = clock_mono_ns(), busy_until = now + CLIENT_BUSY_FOR;
	int ms = RETRY_MS_FIRST;

	if (request->failed)
		return too_large(err);
	if (make_room(c, err) < 0)
		return -1;
	if (c->total && c->deadline < busy_until)
		busy_until = c->deadline;
	for (;;) {
		bool again = false;
		int rc = once(c, request, ret, err, &again);

		if (rc > 0 || !again || clock_mono_ns() + ms * NS_PER_MS >= busy_until)
			return rc;
		hang_up(c);
		log_line(LOG_DBG, "%s: busy, again in %d ms", c->where, ms);
		(void)poll(NULL, 0, ms);
		ms = ms * 2 < RETRY_MS_MOST ? ms * 2 : RETRY_MS_MOST;
	}
}

void client_begin(struct buf *request, const char *op, char *const *units)
{
	buf_init(request, CAP_REQUEST + 1);
	packet_put(request, "op", op);
	for (; units && *units; units++)
		packet_put(request, "unit", *units);
}

int client_finish(struct client *c, struct buf *request, struct packet *ret, struct err *err)
{
	packet_end(request, NULL, 0);
	int rc = client_ask(c, request, ret, err);
	buf_done(request);
	return rc;
}

int client_post(struct client *c, const struct buf *request, struct err *err)
{
	if (request->failed)
		return too_large(err);
	if (make_room(c, err) < 0)
		return -1;
	c->lost = c->probed = false;
	if (c->fd < 0)
		c->fd = seek_connect(c->socket, c->where, err);
	return c->fd < 0 ? -1 : send_request(c, request, err);
}

/* The packets of one reply into keep; the body of a message may be 16 times as long as one. */
int client_whole(struct client *c, struct packet *p, struct buf *keep, struct err *err)
{
	size_t head = p->head_len + 1;
	bool more = packet_get(p, "more") != NULL;
	int rc = buf_add(keep, p->head, head + p->body_len);

	while (rc == 0 && more) {
		if (client_next(c, p, err) < 0)
			return -1;
		more = packet_get(p, "more") != NULL;
		rc = buf_add(keep, p->body, p->body_len);
	}
	if (rc < 0)
		return err_set(err, ERR_UNKNOWN, ENOMEM, "no memory for the answer");
	*p = (struct packet){ keep->p, head - 1, keep->p + head, keep->len - head };
	return 0;
}

int client_again(struct client *c, const struct buf *request, struct packet *ret, struct err *err)
{
	if (request->failed)
		return too_large(err);
	c->deadline = clock_mono_ns() + c->patience_ns;
	c->probed = false;
	if (send_request(c, request, err) < 0)
		return -1;
	return client_next(c, ret, err) < 0 ? -1 : 1;
}
