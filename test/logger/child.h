/* child.h - a logger as PID 1 has it, for the tests of the whole process. */
#ifndef TEST_LOGGER_CHILD_H
#define TEST_LOGGER_CHILD_H

#include <criterion/criterion.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "logger/logger.h"
#include "wire/packet.h"

enum { BOTH = LOGGER_STDOUT | LOGGER_FILE };

/* What PID 1 holds of a logger. */
static struct {
	pid_t pid;
	int ctl, own; /* own: write end of the pipe of its own lines */
	int own_read; /* its duplicate of what the logger reads */
	int out, err; /* read ends of what the logger has as 1 and 2 */
	int out_w, err_w;
	int journal;
} lg;

static char dir[64], name[256];

static inline void remove_dir(void)
{
	char cmd[96];

	snprintf(cmd, sizeof cmd, "rm -rf %s", dir);
	cr_expect_eq(system(cmd), 0);
}

static inline const char *in_dir(const char *rel)
{
	snprintf(name, sizeof name, "%s/%s", dir, rel);
	return name;
}

/* Of the units that are handed over from now on. */
static struct log_keep keep;

static inline void start(int64_t max_bytes)
{
	int sv[2];

	keep.max_bytes = max_bytes;
	cr_assert_eq(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, sv), 0);
	lg.pid = fork();
	if (lg.pid == 0) {
		struct logger_config cfg = { .ctl_fd = sv[1],
			.own_fd = lg.own_read,
			.log_dir = in_dir("log"),
			.keep = keep,
			.journal_fd = lg.journal,
			.picture_fd = -1 };
		dup2(lg.out_w, 1);
		dup2(lg.err_w, 2);
		_exit(logger_main(&cfg));
	}
	cr_assert_gt(lg.pid, 0);
	close(sv[1]);
	lg.ctl = sv[0];
}

static inline void begin_dir(void)
{
	snprintf(dir, sizeof dir, "/tmp/sysg-test-logger.XXXXXX");
	cr_assert_not_null(mkdtemp(dir));
}

static inline void begin(void)
{
	int p[2];

	begin_dir();
	cr_assert_eq(pipe2(p, O_CLOEXEC), 0);
	lg.out = p[0], lg.out_w = p[1];
	cr_assert_eq(pipe2(p, O_CLOEXEC), 0);
	lg.err = p[0], lg.err_w = p[1];
	cr_assert_eq(pipe2(p, O_CLOEXEC), 0);
	lg.own_read = p[0], lg.own = p[1];
	lg.journal = memfd_create("journal", MFD_CLOEXEC);
	start(0);
}

static inline void end(void)
{
	if (lg.pid > 0) {
		kill(lg.pid, SIGKILL);
		waitpid(lg.pid, NULL, 0);
	}
	remove_dir();
}

/* Hands over a pipe of which fd is the read end (-1: none), as PID 1 does. */
static inline void hand_over(int id, const char *path, int stream, int sinks, int fd)
{
	char control[CMSG_SPACE(sizeof(int))] = "";
	struct buf b;

	buf_init(&b, 8192);
	packet_put(&b, "op", "add");
	packet_put_int(&b, "id", id);
	packet_put(&b, "path", path);
	packet_put(&b, "label", path);
	packet_put_int(&b, "stream", stream);
	packet_put_int(&b, "sinks", sinks);
	packet_put_int(&b, "max_bytes", keep.max_bytes);
	packet_put_int(&b, "max_files", keep.max_files);
	packet_end(&b, NULL, 0);
	struct iovec iov = { .iov_base = b.p, .iov_len = b.len };
	struct msghdr m = { .msg_iov = &iov, .msg_iovlen = 1 };
	if (fd >= 0) {
		m.msg_control = control;
		m.msg_controllen = sizeof control;
		struct cmsghdr *c = CMSG_FIRSTHDR(&m);
		c->cmsg_level = SOL_SOCKET;
		c->cmsg_type = SCM_RIGHTS;
		c->cmsg_len = CMSG_LEN(sizeof(int));
		memcpy(CMSG_DATA(c), &fd, sizeof fd);
	}
	cr_assert_eq(sendmsg(lg.ctl, &m, 0), (ssize_t)b.len);
	buf_done(&b);
}

/* A new pipe for a unit: its write end. *ret_read: the duplicate that PID 1 keeps, where wanted. */
static inline int unit(int id, const char *path, int stream, int sinks, int *ret_read)
{
	int p[2];

	cr_assert_eq(pipe2(p, O_CLOEXEC), 0);
	hand_over(id, path, stream, sinks, p[0]);
	if (ret_read)
		*ret_read = p[0];
	else
		close(p[0]);
	return p[1];
}

static inline void say(int fd, const char *s)
{
	cr_assert_eq(write(fd, s, strlen(s)), (ssize_t)strlen(s));
}

#endif
