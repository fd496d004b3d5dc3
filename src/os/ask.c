#include "os/ask.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/time.h>
#include <unistd.h>

#include "base/clock.h"
#include "os/shut.h"
#include "os/sigfd.h"

static pid_t forks[16];
static unsigned made;

_Noreturn static void put(ask_fn *fn, const void *arg, int64_t timeout_ns, const int fd[2])
{
	int64_t us = timeout_ns / NS_PER_US;
	struct itimerval end = { .it_value = { .tv_sec = us / 1000000, .tv_usec = us % 1000000 } };

	shut_from(3, fd);
	signals_reset();
	signals_unblock_all();
	(void)setitimer(ITIMER_REAL, &end, NULL);
	fn(arg, fd[0]);
	_exit(0);
}

int ask_fork(ask_fn *fn, const void *arg, int keep, int64_t timeout_ns)
{
	int p[2];

	if (pipe2(p, O_CLOEXEC | O_NONBLOCK) < 0)
		return -1;
	pid_t pid = fork();
	if (pid == 0)
		put(fn, arg, timeout_ns, (const int[]){ p[1], keep });
	int sys = errno;
	close(p[1]);
	if (pid > 0) {
		forks[made++ % (sizeof forks / sizeof *forks)] = pid;
		return p[0];
	}
	close(p[0]);
	errno = sys;
	return -1;
}

pid_t ask_pid(void)
{
	return forks[(made - 1) % (sizeof forks / sizeof *forks)];
}

bool ask_was(pid_t pid)
{
	for (size_t i = 0; i < sizeof forks / sizeof *forks; i++)
		if (forks[i] == pid) {
			forks[i] = 0;
			return true;
		}
	return false;
}

int ask_answer(int fd, void *ret, size_t n)
{
	ssize_t got;

	do
		got = read(fd, ret, n);
	while (got < 0 && errno == EINTR);
	if (got >= 0 && got != (ssize_t)n)
		errno = EIO;
	return got == (ssize_t)n ? 0 : -1;
}
