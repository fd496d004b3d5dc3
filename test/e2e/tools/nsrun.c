/*
 * nsrun - runs a command as PID 1 of fresh namespaces, or inside those of a running one. A tool of
 * the tests.
 *
 * nsrun [OPTIONS] -- COMMAND ARG...            new pid and mount namespaces; the command is PID 1
 * nsrun --enter PID [OPTIONS] -- COMMAND ARG...  the command in those of PID: an "exec", whose
 * parent is 0
 *
 * Its own exit status is the command's, 128+N where signal N ended it, 124 after --timeout, 125 for
 * its own failures. On --report FD it writes lines: "pid N" (as seen from outside), "exec SECONDS"
 * (CLOCK_REALTIME just before exec), then "exit N", "signal N" or "timeout". When its parent dies
 * it dies, and the namespace with it.
 */
#include "nsrun.h"

#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

void die(const char *what)
{
	fprintf(stderr, "nsrun: %s: %s\n", what, strerror(errno));
	_exit(125);
}

void must(int rc, const char *what)
{
	if (rc < 0)
		die(what);
}

static void report(const struct opts *o, const char *fmt, ...)
{
	if (o->report < 0)
		return;
	va_list ap;
	va_start(ap, fmt);
	if (vdprintf(o->report, fmt, ap) < 0)
		die("report");
	va_end(ap);
}

static void write_file(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);
	must(fd, path);
	if (write(fd, text, strlen(text)) != (ssize_t)strlen(text))
		die(path);
	close(fd);
}

static void make_mounts(const struct opts *o)
{
	must(mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL), "private mounts");
	if (o->read_only) {
		struct {
			unsigned long long set, clear, propagation, userns;
		} attr = { .set = 1 /* MOUNT_ATTR_RDONLY */ };
		must((int)syscall(442 /* mount_setattr */, AT_FDCWD, "/", 0x8000 /* AT_RECURSIVE */,
			     &attr, sizeof(attr)),
			"read-only root");
	}
	for (int i = 0; i < o->n_mounts; i++) {
		const struct mnt *m = &o->mounts[i];
		unsigned long ro = m->read_only ? MS_RDONLY : 0;
		must(mount("tmpfs", m->path, "tmpfs", ro | MS_NOSUID,
			     m->read_only ? "mode=555" : "mode=755"),
			m->path);
	}
	if (!o->old_proc)
		must(mount("proc", "/proc", "proc", MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL),
			"/proc");
	if (o->cgroup)
		must(mount("none", "/sys/fs/cgroup", "cgroup2", 0, NULL), "/sys/fs/cgroup");
	for (int i = 0; i < o->n_binds; i++)
		must(mount(o->binds[i].from, o->binds[i].to, NULL, MS_BIND | MS_REC, NULL),
			o->binds[i].to);
}

static void raise_loopback(void)
{
	struct ifreq ifr = { .ifr_name = "lo", .ifr_flags = IFF_UP | IFF_RUNNING };
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	must(fd, "socket");
	must(ioctl(fd, SIOCSIFFLAGS, &ifr), "lo");
	close(fd);
}

static void enter(const struct opts *o)
{
	static const struct {
		const char *name;
		int flag;
	} all[] = { { "user", CLONE_NEWUSER }, { "cgroup", CLONE_NEWCGROUP },
		{ "ipc", CLONE_NEWIPC }, { "uts", CLONE_NEWUTS }, { "net", CLONE_NEWNET },
		{ "pid", CLONE_NEWPID }, { "mnt", CLONE_NEWNS } };
	int fds[sizeof(all) / sizeof(all[0])];
	char theirs[64], ours[64], a[64], b[64];
	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
		snprintf(theirs, sizeof(theirs), "/proc/%d/ns/%s", o->enter, all[i].name);
		snprintf(ours, sizeof(ours), "/proc/self/ns/%s", all[i].name);
		ssize_t n = readlink(theirs, a, sizeof(a)), m = readlink(ours, b, sizeof(b));
		must(n < 0 || m < 0 ? -1 : 0, theirs);
		fds[i] = n == m && !memcmp(a, b, (size_t)n) ? -1
							    : open(theirs, O_RDONLY | O_CLOEXEC);
	}
	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
		if (fds[i] >= 0)
			must(setns(fds[i], all[i].flag), all[i].name);
	}
}

static void open_signals(const struct opts *o)
{
	sigset_t none;
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	for (int i = 1; i < 65; i++)
		signal(i, SIG_DFL);
	if (o->ignore_chld)
		signal(SIGCHLD, SIG_IGN);
}

static void become(const struct opts *o)
{
	if (o->cwd)
		must(chdir(o->cwd), o->cwd);
	if (o->ctty) {
		must(setsid() < 0 && errno != EPERM ? -1 : 0, "setsid");
		must(ioctl(0, TIOCSCTTY, 0), "TIOCSCTTY");
	}
	set_rlimits(o);
	if (o->filter)
		set_filter(o->filter);
	set_identity(o);
	if (o->no_new_privs)
		must(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), "no_new_privs");
	must(prctl(PR_SET_PDEATHSIG, SIGKILL), "PDEATHSIG");
	open_signals(o);
}

static int child(void *arg)
{
	struct opts *o = arg;
	char c;
	close(o->go[1]);
	if (read(o->go[0], &c, 1) != 1)
		_exit(125);
	close(o->go[0]);
	if (!o->enter)
		make_mounts(o);
	if (o->flags & CLONE_NEWNET)
		raise_loopback();
	become(o);
	struct timespec t;
	clock_gettime(CLOCK_REALTIME, &t);
	report(o, "exec %lld.%09ld\n", (long long)t.tv_sec, t.tv_nsec);
	if (o->report >= 0)
		fcntl(o->report, F_SETFD, FD_CLOEXEC);
	if (o->close_std) {
		for (int fd = 0; fd < 3; fd++)
			close(fd);
	}
	execvp(o->argv[0], o->argv);
	die(o->argv[0]);
	return 125;
}

static void join_cgroup(const char *dir, const char *where)
{
	char path[512];
	snprintf(path, sizeof(path), "%s%s/cgroup.procs", dir, where);
	write_file(path, "0");
}

static void map_user(pid_t pid, const char *map)
{
	char path[64];
	snprintf(path, sizeof(path), "/proc/%d/uid_map", pid);
	write_file(path, map);
	snprintf(path, sizeof(path), "/proc/%d/gid_map", pid);
	write_file(path, map);
}

static pid_t start(struct opts *o)
{
	static char stack[65536] __attribute__((aligned(16)));
	int flags = SIGCHLD;
	if (o->enter)
		enter(o);
	else
		flags |= CLONE_NEWPID | CLONE_NEWNS | o->flags;
	if (o->cgroup)
		join_cgroup(o->cgroup, "");
	must(pipe2(o->go, O_CLOEXEC), "pipe");
	pid_t pid = clone(child, stack + sizeof(stack), flags, o);
	must(pid, "clone");
	if (o->cgroup) /* the group is the child's alone */
		join_cgroup(o->cgroup, "/..");
	if (o->user_map)
		map_user(pid, o->user_map);
	close(o->go[0]);
	report(o, "pid %d\n", pid);
	if (write(o->go[1], "g", 1) != 1)
		die("start");
	close(o->go[1]);
	return pid;
}

/* 1: it ended, *ret_status is its; 0: the time is over. */
static int wait_for(pid_t pid, double seconds, int *ret_status)
{
	sigset_t chld;
	sigemptyset(&chld);
	sigaddset(&chld, SIGCHLD);
	struct timespec now, end;
	clock_gettime(CLOCK_MONOTONIC, &end);
	end.tv_sec += (time_t)seconds;
	for (;;) {
		if (waitpid(pid, ret_status, WNOHANG) == pid)
			return 1;
		clock_gettime(CLOCK_MONOTONIC, &now);
		struct timespec left = { .tv_sec = end.tv_sec - now.tv_sec };
		if (left.tv_sec <= 0)
			return 0;
		sigtimedwait(&chld, NULL, &left);
	}
}

int main(int argc, char **argv)
{
	struct opts o;
	parse(&o, argc, argv);
	sigset_t all;
	sigfillset(&all);
	sigprocmask(SIG_SETMASK, &all, NULL);
	signal(SIGCHLD, SIG_DFL);
	must(prctl(PR_SET_PDEATHSIG, SIGKILL), "PDEATHSIG");
	pid_t pid = start(&o);
	int status = 0;
	if (!wait_for(pid, o.timeout, &status)) {
		kill(pid, SIGKILL);
		waitpid(pid, &status, 0);
		report(&o, "timeout\n");
		return 124;
	}
	if (WIFSIGNALED(status)) {
		report(&o, "signal %d\n", WTERMSIG(status));
		return 128 + WTERMSIG(status);
	}
	report(&o, "exit %d\n", WEXITSTATUS(status));
	return WEXITSTATUS(status);
}
