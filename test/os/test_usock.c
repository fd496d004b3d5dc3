#include <arpa/inet.h>
#include <criterion/criterion.h>
#include <fcntl.h>
#include <grp.h>
#include <netinet/in.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include "os/ask.h"
#include "os/usock.h"
#include "procs.h"

enum { PASSRIGHTS = 83 };

static char dir[64], path[108];
static struct err e;
static int listener;

static void set_up(void)
{
	strcpy(dir, "/tmp/usock.XXXXXX");
	cr_assert(mkdtemp(dir));
	snprintf(path, sizeof path, "%s/s", dir);
	cr_assert_eq(usock_listen(path, NULL, 0600, (gid_t)-1, &listener, &e), 0, "%s", e.msg);
}

static void tear_down(void)
{
	unlink(path);
	rmdir(dir);
}

TestSuite(usock, .init = set_up, .fini = tear_down);

static int connected(void)
{
	struct sockaddr_un sa = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);

	strcpy(sa.sun_path, path);
	cr_assert_eq(connect(fd, (struct sockaddr *)&sa, sizeof sa), 0);
	return fd;
}

/* Both ends; with rights on the kernel is as before 6.16. */
static int accepted(int *ret_client, bool rights)
{
	int on = 1, fd;

	*ret_client = connected();
	fd = usock_accept(listener);
	cr_assert_geq(fd, 0);
	cr_expect(fcntl(fd, F_GETFL) & O_NONBLOCK);
	cr_expect_eq(fcntl(fd, F_GETFD), FD_CLOEXEC);
	if (rights)
		(void)setsockopt(fd, SOL_SOCKET, PASSRIGHTS, &on, sizeof on);
	return fd;
}

static ssize_t pass(int to, const int *fds, size_t n)
{
	union {
		struct cmsghdr align;
		char bytes[CMSG_SPACE(sizeof(int) * 250)];
	} c;
	struct iovec iov = { "fds", 3 };
	struct msghdr m = { .msg_iov = &iov, .msg_iovlen = 1, .msg_control = c.bytes };
	struct cmsghdr *h;

	m.msg_controllen = CMSG_SPACE(sizeof(int) * n);
	h = CMSG_FIRSTHDR(&m);
	h->cmsg_level = SOL_SOCKET;
	h->cmsg_type = SCM_RIGHTS;
	h->cmsg_len = CMSG_LEN(sizeof(int) * n);
	memcpy(CMSG_DATA(h), fds, sizeof(int) * n);
	return sendmsg(to, &m, 0);
}

/* A TCP connection with data that nobody reads, which close(2) waits 8 s for. */
static int lingering(int *ret_other)
{
	struct sockaddr_in sa = { .sin_family = AF_INET,
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	struct linger l = { 1, 8 };
	socklen_t len = sizeof sa;
	char junk[65536] = { 0 };
	int lfd = socket(AF_INET, SOCK_STREAM, 0), fd = socket(AF_INET, SOCK_STREAM, 0);

	cr_assert_eq(bind(lfd, (struct sockaddr *)&sa, sizeof sa), 0);
	cr_assert_eq(listen(lfd, 1), 0);
	cr_assert_eq(getsockname(lfd, (struct sockaddr *)&sa, &len), 0);
	cr_assert_eq(connect(fd, (struct sockaddr *)&sa, sizeof sa), 0);
	*ret_other = accept(lfd, NULL, NULL);
	while (send(fd, junk, sizeof junk, MSG_DONTWAIT) > 0)
		;
	setsockopt(fd, SOL_SOCKET, SO_LINGER, &l, sizeof l);
	close(lfd);
	return fd;
}

static int descriptors(void)
{
	int n = 0;

	for (int fd = 0; fd < 1024; fd++)
		n += fcntl(fd, F_GETFD) >= 0;
	return n;
}

Test(usock, a_packet_comes_whole_with_its_sender)
{
	char buf[64];
	size_t n = 0;
	pid_t pid = 0;

	for (int rights = 0; rights < 2; rights++) {
		int c, fd = accepted(&c, rights);
		bool trusted = usock_passrights_off(fd);
		cr_expect(!rights || !trusted);
		cr_expect_eq(usock_recv(fd, trusted, buf, sizeof buf, &n, &pid), USOCK_AGAIN);
		cr_assert_eq(send(c, "hello", 5, 0), 5);
		if (fork() == 0)
			_exit(send(c, "child", 5, 0) != 5);
		wait(NULL);
		cr_expect_eq(usock_recv(fd, trusted, buf, sizeof buf, &n, &pid), USOCK_PACKET);
		cr_expect(n == 5 && !memcmp(buf, "hello", 5) && pid == getpid());
		cr_expect_eq(usock_recv(fd, trusted, buf, sizeof buf, &n, &pid), USOCK_PACKET);
		cr_expect(n == 5 && pid != getpid() && pid > 0);
		cr_expect_eq(usock_send(fd, "yes", 3), 0);
		cr_expect_eq(recv(c, buf, sizeof buf, 0), 3);
		close(c);
		cr_expect_eq(usock_recv(fd, trusted, buf, sizeof buf, &n, &pid), USOCK_CLOSED);
		cr_expect(usock_send(fd, "no", 2) < 0 && errno == EPIPE);
		usock_discard(fd, trusted);
	}
}

Test(usock, a_packet_of_the_cap_is_taken_and_one_byte_more_is_not)
{
	static char big[65537], buf[65536];
	size_t n = 0;
	pid_t pid;

	for (int rights = 0; rights < 2; rights++) {
		int c, fd = accepted(&c, rights);
		bool trusted = usock_passrights_off(fd);
		cr_assert_eq(send(c, big, 65536, 0), 65536);
		cr_expect_eq(usock_recv(fd, trusted, buf, sizeof buf, &n, &pid), USOCK_PACKET);
		cr_expect_eq(n, 65536);
		cr_assert_eq(send(c, big, 65537, 0), 65537);
		errno = 0;
		cr_expect_eq(usock_recv(fd, trusted, buf, sizeof buf, &n, &pid), USOCK_CLOSED);
		cr_expect_eq(errno, EMSGSIZE);
		close(c);
		usock_discard(fd, trusted);
	}
}

Test(usock, a_peer_that_reads_nothing_makes_the_sender_fail_and_not_wait)
{
	int c, fd = accepted(&c, false), i;

	for (i = 0; i < 100000 && usock_send(fd, "row", 3) == 0; i++)
		;
	cr_expect(i < 100000 && errno == EAGAIN);
}

Test(usock, a_kernel_that_can_refuse_descriptors_does)
{
	int c, fd = accepted(&c, false), zero = 0;

	if (usock_passrights_off(fd))
		cr_expect(pass(c, &zero, 1) < 0 && errno == EPERM);
}

/* The socket lingers for 8 s; how fast it is on a quiet machine test_hostile.py measures. */
static void did_not_linger(int64_t begun, const char *what)
{
	int64_t took = clock_mono_ns() - begun;

	cr_expect_lt(took, 2 * NS_PER_SEC, "%s took %lld us", what, (long long)took / 1000);
}

/* fds are passed, ours closed; then they are to be got rid of. */
static void poison(const int *fds, size_t n, size_t packets)
{
	int c, fd = accepted(&c, true), before;
	char buf[64];
	size_t got;
	pid_t pid;

	for (size_t i = 0; i < packets; i++)
		cr_assert_eq(pass(c, fds, n), 3);
	for (size_t i = 0; i < n; i++)
		close(fds[i]);
	before = descriptors();
	int64_t begun = clock_mono_ns();
	cr_expect_eq(usock_recv(fd, false, buf, sizeof buf, &got, &pid), USOCK_POISON);
	cr_expect_eq(usock_recv(fd, false, buf, sizeof buf, &got, &pid), USOCK_POISON,
		"nothing was taken");
	did_not_linger(begun, "recv");
	cr_expect_eq(descriptors(), before);
	begun = clock_mono_ns();
	usock_discard(fd, false);
	did_not_linger(begun, "discard");
	cr_expect_eq(descriptors(), before - 1);
	begun = clock_mono_ns();
	cr_expect_gt(wait(NULL), 0, "a fork took it over");
	did_not_linger(begun, "the fork");
	close(c);
}

Test(usock, a_lingering_socket_that_is_passed_holds_nobody_up)
{
	int other, fd = lingering(&other);

	poison(&fd, 1, 1);
	close(other);
}

Test(usock, two_hundred_and_fifty_descriptors_hold_nobody_up)
{
	int fds[250], other;

	fds[0] = lingering(&other);
	for (int i = 1; i < 250; i++)
		fds[i] = dup(0);
	poison(fds, 250, 20);
	close(other);
}

Test(usock, a_connection_with_poison_behind_good_packets_is_closed_by_a_fork)
{
	int other, tcp = lingering(&other), c, fd = accepted(&c, true);

	cr_assert_eq(send(c, "good", 4, 0), 4);
	cr_assert_eq(send(c, "", 0, 0), 0);
	cr_assert_eq(pass(c, &tcp, 1), 3);
	close(tcp);
	close(c);
	int64_t begun = clock_mono_ns();
	usock_discard(fd, false);
	did_not_linger(begun, "discard");
	cr_expect_gt(wait(NULL), 0);
}

Test(usock, an_empty_connection_is_closed_without_a_fork)
{
	int c, fd = accepted(&c, true);

	cr_assert_eq(send(c, "good", 4, 0), 4);
	usock_discard(fd, false);
	cr_expect(wait(NULL) < 0 && errno == ECHILD);
	cr_expect(fcntl(fd, F_GETFD) < 0);
	cr_expect(send(c, "x", 1, MSG_NOSIGNAL) < 0 && errno == EPIPE);
}

static void no_forks_left(void)
{
	int other, tcp = lingering(&other), c, fd = accepted(&c, true);
	struct rlimit rl = { 0, 0 };

	MUST(pass(c, &tcp, 1) == 3);
	close(tcp);
	MUST(setrlimit(RLIMIT_NPROC, &rl) == 0 && setresuid(54340, 54340, 54340) == 0);
	int64_t begun = clock_mono_ns();
	usock_discard(fd, false);
	MUST(clock_mono_ns() - begun < 10 * NS_PER_MS);
	MUST(fcntl(fd, F_GETFD) >= 0); /* kept: closing it here would wait */
}

Test(usock, where_fork_fails_the_socket_is_kept_rather_than_waited_for)
{
	cr_expect_eq(run_forked(no_forks_left), 0);
}

Test(usock, a_living_supervisors_socket_is_refused_and_a_stale_one_replaced)
{
	int second = -1;
	struct stat st;

	cr_expect_eq(usock_listen(path, NULL, 0666, (gid_t)-1, &second, &e), -1);
	cr_expect(e.code == ERR_UNKNOWN && e.sys == EADDRINUSE);
	close(listener);
	cr_assert_eq(usock_listen(path, NULL, 0640, 54321, &listener, &e), 0);
	cr_assert_eq(lstat(path, &st), 0);
	cr_expect_eq(st.st_mode, S_IFSOCK | 0640);
	cr_expect_eq(st.st_gid, 54321);
	close(connected());
	unlink(path);
	cr_expect_eq(rmdir(dir), 0, "no other name is left behind");
}

Test(usock, what_is_no_socket_is_never_replaced)
{
	int fd;

	unlink(path);
	close(open(path, O_CREAT | O_WRONLY, 0600));
	cr_expect_eq(usock_listen(path, NULL, 0666, (gid_t)-1, &fd, &e), -1);
	cr_expect_eq(e.sys, EEXIST);
	cr_expect_eq(access(path, F_OK), 0);
}

Test(usock, a_path_of_107_bytes_is_the_longest)
{
	char deep[200];
	int fd = -1;

	unlink(path);
	size_t n = (size_t)snprintf(deep, sizeof deep, "%s/", dir);
	memset(deep + n, 'x', sizeof deep - n);
	deep[107] = '\0';
	cr_expect_eq(usock_listen(deep, NULL, 0600, (gid_t)-1, &fd, &e), 0, "%s", e.msg);
	cr_expect_eq(unlink(deep), 0);
	deep[107] = 'x';
	deep[108] = '\0';
	cr_expect_eq(usock_listen(deep, NULL, 0600, (gid_t)-1, &fd, &e), -1);
	cr_expect_eq(e.code, ERR_BAD_VALUE);
}

Test(usock, an_abstract_name_is_had_once)
{
	char name[64];
	int a = -1, b = -1;

	snprintf(name, sizeof name, "sysg-test/%d", (int)getpid());
	cr_expect_eq(usock_listen(NULL, name, 0, (gid_t)-1, &a, &e), 0);
	cr_expect_eq(usock_listen(NULL, name, 0, (gid_t)-1, &b, &e), -1);
	cr_expect_eq(e.sys, EADDRINUSE);
}

/* --- datagrams --- */

static int datagrams(char *name, size_t size, int *ret_client, bool rights)
{
	struct sockaddr_un sa = { .sun_family = AF_UNIX };
	int fd = -1, on = 1, c = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	snprintf(name, size, "%s/d", dir);
	cr_assert_eq(usock_datagrams(name, &fd, &e), 0, "%s", e.msg);
	cr_expect_eq(fcntl(fd, F_GETFD), FD_CLOEXEC);
	cr_expect(fcntl(fd, F_GETFL) & O_NONBLOCK);
	if (rights)
		(void)setsockopt(fd, SOL_SOCKET, PASSRIGHTS, &on, sizeof on);
	strcpy(sa.sun_path, name);
	cr_assert_eq(connect(c, (struct sockaddr *)&sa, sizeof sa), 0);
	*ret_client = c;
	return fd;
}

Test(usock, datagrams_come_with_their_sender_and_one_that_is_empty_or_long_is_passed_over)
{
	char name[108], buf[16];
	int c, fd = datagrams(name, sizeof name, &c, false);
	bool trusted = usock_passrights_off(fd);
	struct stat st;
	size_t n;
	pid_t pid;

	cr_assert_eq(stat(name, &st), 0);
	cr_expect_eq(st.st_mode & 0777, 0666);
	cr_assert_eq(send(c, "READY=1", 7, 0), 7);
	cr_assert_eq(send(c, "", 0, 0), 0);
	cr_assert_eq(send(c, "0123456789abcdefg", 17, 0), 17);
	cr_assert_eq(send(c, "0123456789abcdef", 16, 0), 16);
	cr_expect_eq(usock_recv(fd, trusted, buf, sizeof buf, &n, &pid), USOCK_PACKET);
	cr_expect(n == 7 && pid == getpid());
	cr_expect_eq(usock_recv(fd, trusted, buf, sizeof buf, &n, &pid), USOCK_CLOSED);
	cr_expect_eq(usock_recv(fd, trusted, buf, sizeof buf, &n, &pid), USOCK_CLOSED);
	cr_expect_eq(usock_recv(fd, trusted, buf, sizeof buf, &n, &pid), USOCK_PACKET);
	cr_expect_eq(n, 16);
	cr_expect_eq(usock_recv(fd, trusted, buf, sizeof buf, &n, &pid), USOCK_AGAIN);
	close(c);
	close(fd);
	unlink(name);
}

/* As notify.c does it before Linux 6.16. */
Test(usock, a_datagram_with_a_lingering_socket_is_taken_by_a_fork_that_tells_its_text)
{
	char name[108], buf[16];
	int other, tcp = lingering(&other), c, fd = datagrams(name, sizeof name, &c, true);
	struct usock_taken t = { 0 };
	size_t n;
	pid_t pid;

	cr_assert_eq(pass(c, &tcp, 1), 3);
	close(tcp);
	cr_assert_eq(send(c, "next", 4, 0), 4);
	int64_t begun = clock_mono_ns();
	cr_expect_eq(usock_recv(fd, false, buf, sizeof buf, &n, &pid), USOCK_POISON);
	int answer = ask_fork(usock_take, &fd, fd, 10 * 1000000000LL);
	cr_assert_geq(answer, 0);
	for (int i = 0; i < 2; i++) {
		struct pollfd p = { .fd = answer, .events = POLLIN };
		cr_assert_eq(poll(&p, 1, 5000), 1);
		cr_assert_eq(ask_answer(answer, &t, sizeof t), 0);
		cr_expect(t.pid == getpid() && !memcmp(t.text, i ? "next" : "fds", t.n), "%s",
			t.text);
	}
	did_not_linger(begun, "taking it");
	cr_expect_eq(usock_recv(fd, false, buf, sizeof buf, &n, &pid), USOCK_AGAIN);
	usock_discard(fd, false);
	did_not_linger(begun, "discard");
	close(answer);
	close(other);
	close(c);
	unlink(name);
}
