#include "os/usock.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "base/cleanup.h"

#ifndef SO_PASSRIGHTS
#define SO_PASSRIGHTS 83
#endif

enum { TAKE_MAX = 4, KEPT_MAX = 64, DRAIN_MAX = 16, CHILD_POLLS = 10000 };

/* --- listening ------------------------------------------------------------- */

static int open_socket(struct err *err)
{
	int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK | SOCK_CLOEXEC, 0), on = 1, off = 0;

	if (fd >= 0 && setsockopt(fd, SOL_SOCKET, SO_PASSCRED, &on, sizeof on) < 0) {
		int e = errno;
		close(fd);
		fd = -1;
		errno = e;
	}
	if (fd < 0)
		return err_sys(err, ERR_UNKNOWN, errno, "no control socket");
	(void)setsockopt(fd, SOL_SOCKET, SO_PASSRIGHTS, &off, sizeof off); /* Linux 6.16 */
	return fd;
}

/* Only a connect tells a socket that somebody serves from one that a killed supervisor left behind.
 */
static int refuse_if_alive(const struct sockaddr_un *sa, socklen_t len, struct err *err)
{
	struct stat st;

	if (lstat(sa->sun_path, &st) < 0)
		return errno == ENOENT ? 0 : err_sys(err, ERR_UNKNOWN, errno, "%s", sa->sun_path);
	if (!S_ISSOCK(st.st_mode)) {
		err_set(err, ERR_UNKNOWN, EEXIST, "%s is there and is no socket", sa->sun_path);
		return err_help(err, "remove it, or take another place: --socket PATH");
	}
	autoclose int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return err_sys(err, ERR_UNKNOWN, errno, "no control socket");
	if (connect(fd, (const struct sockaddr *)sa, len) < 0 &&
		(errno == ECONNREFUSED || errno == ENOENT))
		return 0;
	err_set(err, ERR_UNKNOWN, EADDRINUSE, "another supervisor answers at %s", sa->sun_path);
	return err_help(err, "sysg status --socket %s", sa->sun_path);
}

/* A name in the same directory, no longer than sun_path has room for. */
static int beside(const char *path, struct sockaddr_un *sa)
{
	static const char digits[] = "0123456789abcdef";
	const char *slash = strrchr(path, '/');
	size_t dir = slash ? (size_t)(slash - path) + 1 : 0, base = strlen(path) - dir;
	size_t room = sizeof sa->sun_path - 1 - dir, n = 10;
	unsigned char rnd[10];

	if (n > room)
		n = room > base ? room : base;
	if (getrandom(rnd, sizeof rnd, GRND_NONBLOCK) != (ssize_t)sizeof rnd)
		memset(rnd, (int)(getpid() & 0xff), sizeof rnd);
	memcpy(sa->sun_path, path, dir);
	sa->sun_path[dir] = n > 1 ? '.' : '~';
	for (size_t i = 1; i < n; i++)
		sa->sun_path[dir + i] = digits[rnd[i] & 15];
	sa->sun_path[dir + n] = '\0';
	return 0;
}

/* The directory may be a volume that others write, so the group goes to the very socket, never
 * through a link. */
static int give_to_group(const char *path, gid_t gid)
{
	struct stat st;
	autoclose int fd = open(path, O_PATH | O_NOFOLLOW | O_CLOEXEC);

	if (gid == (gid_t)-1)
		return 0;
	if (fd < 0 || fstat(fd, &st) < 0)
		return -1;
	if (!S_ISSOCK(st.st_mode) || st.st_uid != geteuid()) {
		errno = EPERM;
		return -1;
	}
	return fchownat(fd, "", (uid_t)-1, gid, AT_EMPTY_PATH);
}

static int bind_with_mode(int fd, const struct sockaddr_un *sa, mode_t mode)
{
	mode_t old =
		umask(~mode & 0777); /* a chmod afterwards could hit what took the name's place */
	int r = bind(fd, (const struct sockaddr *)sa, sizeof *sa);
	int e = errno;

	(void)umask(old);
	errno = e;
	return r;
}

static int listen_path(int fd, const char *path, mode_t mode, gid_t gid, struct err *err)
{
	struct sockaddr_un sa = { .sun_family = AF_UNIX }, tmp = { .sun_family = AF_UNIX };

	memcpy(sa.sun_path, path, strlen(path) + 1);
	if (refuse_if_alive(&sa, sizeof sa, err) < 0)
		return -1;
	(void)beside(path, &tmp);
	if (bind_with_mode(fd, &tmp, mode) < 0)
		return err_sys(err, ERR_UNKNOWN, errno, "no socket at %s", path);
	if (give_to_group(tmp.sun_path, gid) < 0) {
		err_sys(err, ERR_UNKNOWN, errno, "the socket's group can't be set");
		err_help(err, "`control.group` has to be one of the supervisor's own groups");
	} else if (listen(fd, USOCK_BACKLOG) < 0 || rename(tmp.sun_path, path) < 0) {
		err_sys(err, ERR_UNKNOWN, errno, "no socket at %s", path);
	} else {
		return 0;
	}
	(void)unlink(tmp.sun_path);
	return -1;
}

static int listen_abstract(int fd, const char *name, size_t n, struct err *err)
{
	struct sockaddr_un sa = { .sun_family = AF_UNIX };

	memcpy(sa.sun_path + 1, name, n);
	socklen_t len = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + n);
	if (bind(fd, (const struct sockaddr *)&sa, len) < 0 || listen(fd, USOCK_BACKLOG) < 0)
		return err_set(err, ERR_UNKNOWN, errno, "no abstract socket: %s",
			errno == EADDRINUSE ? "another supervisor has it" : strerror(errno));
	return 0;
}

int usock_listen(const char *path, const char *abstract, mode_t mode, gid_t gid, int *ret_fd,
	struct err *err)
{
	const char *name = path ? path : abstract;
	size_t n = strlen(name), max = sizeof((struct sockaddr_un *)NULL)->sun_path - 1;

	if (n > max || n == 0 || (path && path[n - 1] == '/'))
		return err_set(err, ERR_BAD_VALUE, ENAMETOOLONG,
			n > max ? "the socket's path has %zu bytes, at most %zu are possible"
				: "no name for a socket (%zu bytes of %zu)",
			n, max);
	autoclose int fd = open_socket(err);
	if (fd < 0)
		return -1;
	if ((path ? listen_path(fd, path, mode, gid, err) : listen_abstract(fd, abstract, n, err)) <
		0)
		return -1;
	*ret_fd = steal_fd(&fd);
	return 0;
}

int usock_accept(int listener)
{
	return accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
}

bool usock_passrights_off(int fd)
{
	int v = 1;
	socklen_t len = sizeof v;

	return getsockopt(fd, SOL_SOCKET, SO_PASSRIGHTS, &v, &len) == 0 && v == 0;
}

/* --- packets --------------------------------------------------------------- */

/* Room for the sender's credentials and not a byte more: descriptors never fit, so the kernel
 * installs none and says MSG_CTRUNC. Without room for the credentials it would say that of every
 * packet. */
union control {
	struct cmsghdr align;
	char bytes[CMSG_SPACE(sizeof(struct ucred))];
};

static ssize_t receive(
	int fd, int flags, void *bytes, size_t cap, struct msghdr *m, union control *c)
{
	struct iovec iov = { .iov_base = bytes, .iov_len = cap };
	ssize_t n;

	do {
		*m = (struct msghdr){ .msg_iov = &iov, .msg_iovlen = 1 };
		m->msg_control = c->bytes;
		m->msg_controllen = sizeof c->bytes;
		n = recvmsg(fd, m, flags | MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
		/* that a peer is gone and left answers unread is told once, before what it had sent */
	} while (n < 0 && (errno == EINTR || errno == ECONNRESET));
	m->msg_iov = NULL;
	return n;
}

static pid_t sender_of(struct msghdr *m)
{
	struct ucred cred;

	for (struct cmsghdr *c = CMSG_FIRSTHDR(m); c; c = CMSG_NXTHDR(m, c))
		if (c->cmsg_level == SOL_SOCKET && c->cmsg_type == SCM_CREDENTIALS &&
			c->cmsg_len == CMSG_LEN(sizeof cred)) {
			memcpy(&cred, CMSG_DATA(c), sizeof cred);
			return cred.pid;
		}
	return 0;
}

/* 1: the first packet carries descriptors; 0: it does not; -1 with errno. Peeking leaves all
 * references in the queue, so nothing is closed here. */
static int peek_rights(int fd)
{
	struct msghdr m;
	union control c;
	char byte;

	if (receive(fd, MSG_PEEK, &byte, 1, &m, &c) < 0)
		return -1;
	return (m.msg_flags & MSG_CTRUNC) != 0;
}

static enum usock_got failed(void)
{
	return errno == EAGAIN || errno == EWOULDBLOCK ? USOCK_AGAIN : USOCK_CLOSED;
}

enum usock_got usock_recv(
	int fd, bool trusted, void *bytes, size_t cap, size_t *ret_n, pid_t *ret_pid)
{
	struct msghdr m;
	union control c;

	if (!trusted) {
		int r = peek_rights(fd);
		if (r != 0)
			return r > 0 ? USOCK_POISON : failed();
	}
	ssize_t n = receive(fd, 0, bytes, cap, &m, &c);
	if (n < 0)
		return failed();
	if (m.msg_flags & MSG_TRUNC) {
		errno = EMSGSIZE;
		return USOCK_CLOSED;
	}
	if (n == 0) { /* the end, or an empty packet, which no request is */
		errno = 0;
		return USOCK_CLOSED;
	}
	*ret_n = (size_t)n;
	*ret_pid = sender_of(&m);
	return USOCK_PACKET;
}

int usock_send(int fd, const void *bytes, size_t n)
{
	ssize_t r;

	do
		r = send(fd, bytes, n, MSG_DONTWAIT | MSG_NOSIGNAL);
	while (r < 0 && errno == EINTR);
	return r < 0 ? -1 : 0;
}

/* As usock_take(), whatever else comes is let go of by our exit. */
int usock_streams(int fd, pid_t from, int ret[3])
{
	static const char go[] = "ok=1\0go=1\0"; /* and the NUL that ends the fields */
	static union {
		struct cmsghdr align;
		char bytes[CMSG_SPACE(sizeof(struct ucred)) + CMSG_SPACE(3 * sizeof(int))];
	} c;
	struct pollfd p = { .fd = fd, .events = POLLIN };
	char text[64];
	struct iovec iov = { .iov_base = text, .iov_len = sizeof text };
	struct msghdr m = { .msg_iov = &iov, .msg_iovlen = 1, .msg_control = c.bytes };
	int on = 1, off = 0;
	bool closed = usock_passrights_off(fd);

	m.msg_controllen = sizeof c.bytes;
	if (closed)
		(void)setsockopt(fd, SOL_SOCKET, SO_PASSRIGHTS, &on, sizeof on);
	if (usock_send(fd, go, sizeof go) < 0 || poll(&p, 1, -1) < 0)
		return -1;
	ssize_t n = recvmsg(fd, &m, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
	if (closed)
		(void)setsockopt(fd, SOL_SOCKET, SO_PASSRIGHTS, &off, sizeof off);
	errno = n < 0 ? errno : n == 0 ? ECONNRESET : sender_of(&m) != from ? EPERM : EBADMSG;
	if (n <= 0 || errno == EPERM || m.msg_flags & (MSG_CTRUNC | MSG_TRUNC))
		return -1;
	for (struct cmsghdr *h = CMSG_FIRSTHDR(&m); h; h = CMSG_NXTHDR(&m, h))
		if (h->cmsg_level == SOL_SOCKET && h->cmsg_type == SCM_RIGHTS &&
			h->cmsg_len == CMSG_LEN(3 * sizeof(int))) {
			memcpy(ret, CMSG_DATA(h), 3 * sizeof(int));
			return 0;
		}
	return -1;
}

/* --- closing --------------------------------------------------------------- */

/* What no fork could be had for; tried again at the next call. With all places taken the descriptor
 * stays open: a slot lost is better than PID 1 held up. */
static int kept[KEPT_MAX];
static unsigned nkept;

/* True when nothing is queued any more: then close(2) has nothing to let go of. What can be read is
 * read and dropped. */
static bool emptied(int fd)
{
	struct msghdr m;
	union control c;
	char byte;

	for (int i = 0; i < DRAIN_MAX; i++) {
		int r = peek_rights(fd);
		if (r != 0)
			return r < 0 && (errno == EAGAIN || errno == EWOULDBLOCK);
		ssize_t n = receive(fd, 0, &byte, 1, &m, &c);
		if (n == 0 && m.msg_controllen == 0)
			return true; /* the end comes after the last packet, and has no sender */
	}
	return false;
}

/* In the fork: holds the socket until the parent has let go of it, so that the last close is that
 * of an exiting process, which doesn't linger. */
_Noreturn static void hold(const atomic_int *closed)
{
	struct timespec ms = { .tv_nsec = 1000000 };
	pid_t parent = getppid();

	for (int i = 0; i < CHILD_POLLS && !atomic_load(closed) && getppid() == parent; i++)
		nanosleep(&ms, NULL);
	_exit(0);
}

/* The flag lies in shared memory: a pipe would need descriptors, which may be what there is none
 * of. */
static int close_by_fork(int fd)
{
	atomic_int *closed = mmap(
		NULL, sizeof *closed, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	if (closed == MAP_FAILED)
		return -1;
	pid_t pid = fork();
	if (pid == 0)
		hold(closed);
	if (pid > 0) {
		(void)close(fd);
		atomic_store(closed, 1);
	}
	(void)munmap(closed, sizeof *closed);
	return pid < 0 ? -1 : 0;
}

void usock_discard(int fd, bool trusted)
{
	while (nkept && close_by_fork(kept[nkept - 1]) == 0)
		nkept--;
	if (fd < 0)
		return;
	/* From here on no packet can be added, so what is seen empty stays empty. */
	(void)shutdown(fd, SHUT_RDWR);
	if (trusted || emptied(fd)) {
		(void)close(fd);
		return;
	}
	if (close_by_fork(fd) < 0 && nkept < KEPT_MAX)
		kept[nkept++] = fd;
}

/* --- datagrams -------------------------------------------------------------- */

static int bind_datagrams(int fd, const char *name)
{
	struct sockaddr_un sa = { .sun_family = AF_UNIX };
	size_t n = strlen(name);

	if (n >= sizeof sa.sun_path) {
		errno = ENAMETOOLONG;
		return -1;
	}
	memcpy(sa.sun_path, name, n);
	if (*name != '@') {
		(void)unlink(name);
		return bind_with_mode(fd, &sa, 0666);
	}
	sa.sun_path[0] = '\0';
	return bind(fd, (const struct sockaddr *)&sa,
		(socklen_t)(offsetof(struct sockaddr_un, sun_path) + n));
}

int usock_datagrams(const char *name, int *ret_fd, struct err *err)
{
	autoclose int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	int on = 1, off = 0;

	if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_PASSCRED, &on, sizeof on) < 0 ||
		bind_datagrams(fd, name) < 0)
		return err_sys(err, ERR_EXEC_FAILED, errno, "no socket %s", name);
	(void)setsockopt(fd, SOL_SOCKET, SO_PASSRIGHTS, &off, sizeof off);
	*ret_fd = steal_fd(&fd);
	return 0;
}

/* With room for all that a message may carry: it is then ours until we exit, and an exiting process
 * doesn't linger. A sender of nothing but such messages is slowed down, as each few are a fork. */
void usock_take(const void *arg, int fd)
{
	static union {
		struct cmsghdr align;
		char bytes[CMSG_SPACE(sizeof(struct ucred)) + CMSG_SPACE(253 * sizeof(int))];
	} c;
	const struct timespec nap = { .tv_nsec = 20000000 };
	struct usock_taken t;
	int taken = 0;

	for (; taken < TAKE_MAX; taken++) {
		struct iovec iov = { .iov_base = t.text, .iov_len = sizeof t.text };
		struct msghdr m = { .msg_iov = &iov, .msg_iovlen = 1 };
		memset(&t, 0, sizeof t);
		m.msg_control = c.bytes;
		m.msg_controllen = sizeof c.bytes;
		ssize_t n = recvmsg(*(const int *)arg, &m, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
		if (n < 0)
			break;
		t.n = (unsigned)n;
		t.pid = sender_of(&m);
		(void)!write(fd, &t, sizeof t);
	}
	if (taken == TAKE_MAX)
		(void)nanosleep(&nap, NULL);
}

/* --- is anybody there? ----------------------------------------------------- */

/* With credentials asked for, what the other side sends finds no room for descriptors here either;
 * see union control. */
static int knock(const struct sockaddr_un *sa, int type)
{
	int fd = socket(AF_UNIX, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0), on = 1, off = 0;

	if (fd < 0)
		return -1;
	(void)setsockopt(fd, SOL_SOCKET, SO_PASSCRED, &on, sizeof on);
	(void)setsockopt(fd, SOL_SOCKET, SO_PASSRIGHTS, &off, sizeof off);
	int sys = connect(fd, (const struct sockaddr *)sa, sizeof *sa) < 0 ? errno : 0;
	usock_discard(fd, usock_passrights_off(fd));
	return sys;
}

int usock_knock(const char *path)
{
	static const int types[] = { SOCK_STREAM, SOCK_SEQPACKET, SOCK_DGRAM };
	struct sockaddr_un sa = { .sun_family = AF_UNIX };
	int sys = EPROTOTYPE;

	if (strlen(path) >= sizeof sa.sun_path)
		return ENAMETOOLONG;
	memcpy(sa.sun_path, path, strlen(path) + 1);
	for (size_t i = 0; i < sizeof types / sizeof *types && sys == EPROTOTYPE; i++)
		sys = knock(&sa, types[i]);
	return sys;
}
