#include "cmd/detach.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "os/reap.h"
#include "os/shut.h"

enum { BETWEEN_MS = 10000 };

static int failed(const char *what, struct err *err)
{
	int sys = errno;

	return err_sys(err, ERR_UNKNOWN, sys, "the supervisor can't be detached: %s", what);
}

/* The folder is kept: what the manifest does not place starts where sysg start was started. */
static int leave(int fd)
{
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);

	for (int i = 0; i < 3; i++)
		if (null < 0 || dup2(null, i) < 0)
			return -1;
	shut_from(3, (const int[]){ fd, -1 });
	return 0;
}

/* The one between: its end makes the other nobody's child, that a terminal can't reach. */
static int go_between(int fd)
{
	if (setsid() < 0)
		_exit(1);
	pid_t pid = fork();
	if (pid)
		_exit(pid < 0);
	return leave(fd);
}

int detach(int *ret_fd, struct err *err)
{
	int sv[2], code, sig;

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, sv) < 0)
		return failed("socketpair", err);
	pid_t pid = fork();
	if (pid == 0) {
		if (go_between(sv[1]) < 0)
			_exit(1);
		*ret_fd = sv[1];
		return 0;
	}
	if (pid < 0)
		(void)failed("fork", err);
	close(sv[1]);
	if (pid > 0 && reap_wait(pid, BETWEEN_MS, &code, &sig) == 0 && !code && !sig) {
		*ret_fd = sv[0];
		return 1;
	}
	close(sv[0]);
	return pid < 0 ? -1 : err_set(err, ERR_UNKNOWN, 0, "the supervisor can't be detached");
}
