#include "os/pid1.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "os/proc.h"

#ifndef CLOSE_RANGE_CLOEXEC
#define CLOSE_RANGE_CLOEXEC 4U
#endif

/* A scratch image may lack /dev/null: then an end of a pipe, so that no socket of ours lands on 0,
 * 1 or 2. */
void standard_fill(void)
{
	for (int fd = 0; fd <= 2; fd++) {
		if (fcntl(fd, F_GETFD) >= 0)
			continue;
		int p[2], got = open("/dev/null", fd ? O_WRONLY : O_RDONLY);
		if (got < 0 && pipe(p) == 0) {
			got = p[fd ? 1 : 0];
			close(p[fd ? 0 : 1]);
		}
		if (got >= 0 && got != fd) {
			(void)dup2(got, fd);
			close(got);
		}
	}
}

static void others_close_on_exec(void)
{
	if (syscall(SYS_close_range, 3, ~0U, CLOSE_RANGE_CLOEXEC) == 0)
		return;
	DIR *d = opendir("/proc/self/fd"); /* before Linux 5.11 */
	for (struct dirent *e; d && (e = readdir(d));) {
		int fd = (int)strtol(e->d_name, NULL, 10);
		if (fd > 2)
			(void)fcntl(fd, F_SETFD, FD_CLOEXEC);
	}
	if (d)
		closedir(d);
}

static void raise_descriptors(struct preflight *ret)
{
	struct rlimit rl;

	if (getrlimit(RLIMIT_NOFILE, &rl) < 0)
		return;
	ret->nofile_soft = rl.rlim_cur;
	ret->nofile_hard = rl.rlim_max;
	rl.rlim_cur = rl.rlim_max;
	(void)setrlimit(RLIMIT_NOFILE, &rl);
}

void preflight_run(struct preflight *ret)
{
	struct rlimit rl;

	*ret = (struct preflight){ .pid1 = getpid() == 1, .locks_hard = UINT64_MAX };
	others_close_on_exec();
	if (!ret->pid1)
		ret->subreaper = prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) == 0;
	(void)prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
	ret->have_proc = proc_is_ours();
	raise_descriptors(ret);
	if (getrlimit(RLIMIT_LOCKS, &rl) == 0)
		ret->locks_hard = rl.rlim_max == RLIM_INFINITY ? UINT64_MAX : rl.rlim_max;
}

void process_name(const char *name)
{
	(void)prctl(PR_SET_NAME, name, 0, 0, 0);
}

uint64_t random_u64(void)
{
	uint64_t v;
	struct timespec ts;

	if (getrandom(&v, sizeof v, GRND_NONBLOCK) == (ssize_t)sizeof v)
		return v;
	clock_gettime(CLOCK_REALTIME, &ts);
	return ((uint64_t)ts.tv_nsec << 20 ^ (uint64_t)ts.tv_sec ^ (uint64_t)getpid() << 40) *
	       UINT64_C(0x9e3779b97f4a7c15);
}

uint64_t pid_namespace_inode(void)
{
	struct stat st;

	return stat("/proc/self/ns/pid", &st) < 0 ? 0 : (uint64_t)st.st_ino;
}

enum tty_kind tty_hand_over(void)
{
	pid_t session;

	if (!isatty(STDIN_FILENO))
		return TTY_NONE;
	if (ioctl(STDIN_FILENO, TIOCGSID, &session) < 0)
		return TTY_NONE; /* a terminal, but not ours */
	if (session != getpid())
		return TTY_SHARED;
	return ioctl(STDIN_FILENO, TIOCNOTTY) == 0 ? TTY_LED : TTY_SHARED;
}

void tty_take_back(void)
{
	(void)tcsetpgrp(STDIN_FILENO, getpgrp());
}
