#include "os/reap.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>

#include "base/clock.h"

#ifndef __WALL
#define __WALL 0x40000000
#endif

pid_t reap_peek(void)
{
	siginfo_t si;
	int rc;

	memset(&si, 0, sizeof si);
	do
		rc = waitid(P_ALL, 0, &si, WEXITED | WNOHANG | WNOWAIT | __WALL);
	while (rc < 0 && errno == EINTR);
	return rc < 0 ? 0 : si.si_pid;
}

static int64_t ns_of(const struct timeval *tv)
{
	return tv->tv_sec * NS_PER_SEC + tv->tv_usec * NS_PER_US;
}

int reap_take(pid_t pid, int *ret_code, int *ret_signal, struct reap_use *ret_use)
{
	struct rusage use;
	int status;
	pid_t got;

	do
		got = wait4(pid, &status, WNOHANG | __WALL, &use);
	while (got < 0 && errno == EINTR);
	if (got != pid)
		return -1;
	ret_use->peak_bytes = use.ru_maxrss * INT64_C(1024);
	ret_use->cpu_ns = ns_of(&use.ru_utime) + ns_of(&use.ru_stime);
	*ret_signal = WIFSIGNALED(status) ? WTERMSIG(status) : 0;
	*ret_code = *ret_signal ? 128 + *ret_signal : WEXITSTATUS(status);
	return 0;
}

int reap_wait(pid_t pid, int timeout_ms, int *ret_code, int *ret_signal)
{
	struct reap_use use;

	for (int waited = 0;; waited++) {
		if (reap_take(pid, ret_code, ret_signal, &use) == 0)
			return 0;
		if (waited >= timeout_ms)
			return -1;
		(void)poll(NULL, 0, 1);
	}
}
