/* sysg_fd(): one recv that stands at the supervisor, on a connection of its own, whose answer makes a descriptor
 * readable. That is an epoll around the connection's socket: it stays the same, and in the caller's own epoll,
 * whatever becomes of the connection. */
#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/caps.h"
#include "lib_int.h"

/* A closed socket that a fork has too would stay in the epoll, so it is taken out. */
static void drop(struct sysg *s)
{
	if (client_fd(&s->inbox) >= 0 && s->fd >= 0)
		(void)epoll_ctl(s->fd, EPOLL_CTL_DEL, client_fd(&s->inbox), NULL);
	client_done(&s->inbox);
	s->standing = false;
}

/* After a fork: our copies alone; the parent goes on with its own. */
static void forget_parents(struct sysg *s)
{
	client_done(&s->inbox);
	(void)close(s->fd);
	s->fd = -1;
	s->fd_owner = 0;
	s->standing = false;
}

bool inbox_is_open(struct sysg *s)
{
	if (s->fd_owner && s->fd_owner != getpid())
		forget_parents(s);
	return s->fd_owner != 0;
}

/* Hangs up for all who have the socket, so that what is unread in it is another's at once. */
void inbox_close(struct sysg *s)
{
	if (!inbox_is_open(s))
		return;
	if (client_fd(&s->inbox) >= 0)
		(void)shutdown(client_fd(&s->inbox), SHUT_RDWR);
	drop(s);
	(void)close(s->fd);
	s->fd = -1;
	s->fd_owner = 0;
}

/* One more recv, whose answer is not waited for. Where the connection was lost just now the descriptor is readable, and
 * who then reads is told. */
static int stand(struct sysg *s, struct err *err)
{
	struct epoll_event e = { .events = EPOLLIN };
	struct buf b;

	buf_init(&b, 64);
	packet_put(&b, "op", "recv");
	packet_end(&b, NULL, 0);
	int rc = client_post(&s->inbox, &b, err);
	buf_done(&b);
	if (rc == 0 && epoll_ctl(s->fd, EPOLL_CTL_ADD, client_fd(&s->inbox), &e) < 0 &&
		errno != EEXIST)
		rc = err_sys(err, ERR_UNKNOWN, errno, "epoll");
	s->standing = rc == 0;
	return rc;
}

/* Until something is to be read, or the deadline: false. */
static bool await(int fd, int64_t deadline_ns)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };

	for (;;) {
		int64_t left = deadline_ns == INT64_MAX ? INT64_MAX : deadline_ns - clock_mono_ns();
		int64_t ms = left <= 0 ? 0 : (left - 1) / NS_PER_MS + 1;

		if (poll(&p, 1,
			    deadline_ns == INT64_MAX ? -1
			    : ms < INT32_MAX         ? (int)ms
						     : INT32_MAX) > 0)
			return true;
		if (left <= 0)
			return false;
	}
}

/* Once the supervisor has hung up in its turn, what it may have given us is the first again. */
static void take_back(struct sysg *s)
{
	int64_t deadline = clock_mono_ns() + CLIENT_PATIENCE;
	int fd = client_fd(&s->inbox);
	char bytes[64];

	if (fd >= 0 && shutdown(fd, SHUT_WR) == 0)
		while (await(fd, deadline))
			if (recv(fd, bytes, sizeof bytes, 0) <= 0)
				break;
	drop(s);
}

/* What the standing recv brings. 1: a message; 0: nothing, and it has to be asked for; -1: a failure. */
static int read_standing(struct call *k, int64_t deadline_ns, struct packet *p, struct buf *keep)
{
	struct client *c = &k->s->inbox;

	if (!await(client_fd(c), deadline_ns))
		return err_set(&k->err, ERR_TIMED_OUT, 0, "no message in time");
	k->s->standing = false;
	if (client_next(c, p, &k->err) >= 0 && client_whole(c, p, keep, &k->err) == 0)
		return 1;
	/* Nothing is gone: it was unread for too long, or the supervisor is another one. */
	if (!c->lost && k->err.code != ERR_BUSY)
		return -1;
	buf_reset(keep);
	return 0;
}

/* Failures of what was asked for, or none: the descriptor goes on. After others it would be readable for ever. */
static bool goes_on(int rc, const struct err *err)
{
	return rc >= 0 || err->code == ERR_TIMED_OUT || err->code == ERR_NO_UNIT ||
	       err->code == ERR_AMBIGUOUS || err->code == ERR_BAD_REQUEST;
}

int inbox_recv(struct call *k, const struct sysg_filter *want, int64_t deadline_ns,
	struct sysg_message **ret)
{
	struct sysg *s = k->s;
	struct err ignored;
	struct packet p;
	struct buf keep;
	int rc = 0;

	buf_init(&keep, CAP_REQUEST);
	if (s->standing && want && (want->from || want->kinds))
		take_back(s);
	if (s->standing)
		rc = read_standing(k, deadline_ns, &p, &keep);
	if (rc == 0) {
		drop(s); /* it may have been idle for too long */
		rc = recv_ask(k, want, deadline_ns, &p, &keep);
	}
	if (rc > 0)
		rc = recv_take(k, &p, ret);
	buf_done(&keep);
	if (rc < 0 && !call_still_good(k))
		drop(s);
	if (!s->standing && (!goes_on(rc, &k->err) || stand(s, &ignored) < 0))
		drop(s);
	return rc;
}

static int open_fd(struct call *k)
{
	struct sysg *s = k->s;
	struct packet reply;

	if (call_ask(k, NULL, 0, &reply) < 0)
		return -1;
	if (strcmp(field_text(&reply, "class"), "unit") != 0)
		return err_set(&k->err, ERR_NOBODY, 0, "only a unit has a mailbox");
	s->fd = epoll_create1(EPOLL_CLOEXEC);
	if (s->fd < 0)
		return err_sys(&k->err, ERR_UNKNOWN, errno, "epoll");
	if (stand(s, &k->err) == 0)
		return 0;
	(void)close(s->fd);
	s->fd = -1;
	return -1;
}

int sysg_fd(struct sysg *s)
{
	struct call k;
	int rc = 0;

	if (s->fd_owner == getpid())
		return s->fd;
	if (!turn_take(s, 0)) {
		(void)err_set(&k.err, ERR_BUSY, 0, "another thread receives");
		return call_fail(&k.err);
	}
	if (!inbox_is_open(s)) {
		call_begin_on(&k, s, &s->inbox, "whoami");
		rc = open_fd(&k);
		if (rc < 0)
			drop(s);
		else
			s->fd_owner = getpid();
		rc = call_end(&k, rc);
	}
	turn_give(s);
	return rc < 0 ? -1 : s->fd;
}
