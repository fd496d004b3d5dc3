/* procs.h - what the tests of processes share: a PID 1 of our own, marked children, waiting. Layer:
 * test. */
#ifndef TEST_OS_PROCS_H
#define TEST_OS_PROCS_H

#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"

/* Inside a fork Criterion's own assertions would not be heard. */
#define MUST(x)                                                                                    \
	do {                                                                                       \
		if (!(x)) {                                                                        \
			dprintf(2, "%s:%d: not so: %s (errno %d)\n", __FILE__, __LINE__, #x,       \
				errno);                                                            \
			_exit(99);                                                                 \
		}                                                                                  \
	} while (0)

/* From now on the call answers ENOSYS, as on a kernel that has none. */
static inline void no_syscall(unsigned nr)
{
	struct sock_filter f[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, nr, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | ENOSYS),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog p = { sizeof f / sizeof *f, f };

	MUST(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0);
	MUST(prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &p) == 0);
}

static inline void mount_proc(void)
{
	MUST(mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0);
	MUST(mount("proc", "/proc", "proc", 0, NULL) == 0);
}

/* fn as PID 1 of fresh namespaces; its wait status. */
static inline int run_as_pid1(void (*fn)(void), bool own_proc)
{
	int status = -1;
	pid_t outer = fork();

	if (outer == 0) {
		MUST(unshare(CLONE_NEWPID | CLONE_NEWNS) == 0);
		pid_t pid = fork();
		if (pid == 0) {
			MUST(getpid() == 1);
			if (own_proc)
				mount_proc();
			fn();
			_exit(0);
		}
		waitpid(pid, &status, 0);
		_exit(WIFEXITED(status) ? WEXITSTATUS(status) : 98);
	}
	waitpid(outer, &status, 0);
	return status;
}

static void (*second_fn)(void);

static inline void run_second(void)
{
	int status = -1;
	pid_t pid = fork();

	if (pid == 0) {
		second_fn();
		_exit(0);
	}
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	_exit(WIFEXITED(status) ? WEXITSTATUS(status) : 97);
}

/* fn as an ordinary process, in a pid namespace all the same, so that nothing it forked outlives
 * the test. */
static inline int run_forked(void (*fn)(void))
{
	second_fn = fn;
	return run_as_pid1(run_second, true);
}

static inline void ms_sleep(int ms)
{
	usleep((useconds_t)ms * 1000);
}

/* A child in a session of its own that wears the mark and runs fn (which must not return), once it
 * has said so. */
static inline pid_t marked(uint64_t mark, void (*fn)(void))
{
	struct rlimit rl = { mark, mark };
	int p[2];
	char c;

	MUST(pipe(p) == 0);
	pid_t pid = fork();
	if (pid == 0) {
		setsid();
		if (mark)
			MUST(setrlimit(RLIMIT_LOCKS, &rl) == 0);
		close(p[0]);
		MUST(write(p[1], "x", 1) == 1);
		close(p[1]);
		fn();
		_exit(0);
	}
	close(p[1]);
	MUST(pid > 0 && read(p[0], &c, 1) == 1);
	close(p[0]);
	return pid;
}

static inline void wait_for_ever(void)
{
	for (;;)
		pause();
}

#endif
