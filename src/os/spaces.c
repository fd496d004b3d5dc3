/* The namespaces that a service has for itself. */
#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "os/fence.h"

enum { PIDFD_OPEN = 434 };
enum { NO_PROGRAMS = MS_NOSUID | MS_NODEV | MS_NOEXEC };

bool fence_new_pid(const struct child_spec *spec)
{
	return spec->fence && spec->fence->spaces & SPACE_PID && !spec->aside;
}

static int shared(const struct child_fence *f)
{
	return (f->spaces & SPACE_NETWORK ? CLONE_NEWNET : 0) |
	       (f->spaces & (SPACE_MOUNT | SPACE_TMP | SPACE_DEVICES) ? CLONE_NEWNS : 0);
}

bool fence_apart(const struct child_fence *f)
{
	return f && shared(f);
}

int fence_beside(const struct child_fence *f, pid_t pid)
{
	return shared(f) ? (int)syscall(PIDFD_OPEN, pid, 0) : 0;
}

int fence_enter(const struct child_fence *f, int pidfd)
{
	return setns(pidfd, shared(f));
}

static int tmpfs(const char *path, unsigned long flags, const char *mode)
{
	return mount("tmpfs", path, "tmpfs", flags, mode);
}

/* Those that every program may need; bound, as making them takes a capability. */
static int devices(void)
{
	static const char *const paths[] = { "/dev/null", "/dev/zero", "/dev/full", "/dev/random",
		"/dev/urandom", "/dev/tty" };
	static const char *const links[] = { "/dev/stdin", "/dev/stdout", "/dev/stderr" };
	enum { N = sizeof paths / sizeof *paths };
	char from[32];
	int fd[N];

	for (int i = 0; i < N; i++)
		fd[i] = open(paths[i], O_PATH | O_CLOEXEC);
	if (tmpfs("/dev", NO_PROGRAMS, "mode=755") < 0)
		return -1;
	for (int i = 0; i < N; i++) {
		(void)snprintf(from, sizeof from, "/proc/self/fd/%d", fd[i]);
		if (fd[i] >= 0 && /* else the container has it not either */
			(mknod(paths[i], 0666, 0) < 0 ||
				mount(from, paths[i], NULL, MS_BIND, NULL) < 0))
			return -1;
		close(fd[i]);
	}
	for (int i = 0; i < 3; i++) {
		(void)snprintf(from, sizeof from, "/proc/self/fd/%d", i);
		(void)symlink(from, links[i]);
	}
	(void)symlink("/proc/self/fd", "/dev/fd");
	return mkdir("/dev/shm", 0777) < 0 ? -1 : tmpfs("/dev/shm", NO_PROGRAMS, "mode=1777");
}

static int loopback(void)
{
	struct ifreq lo = { .ifr_name = "lo", .ifr_flags = IFF_UP };
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	return fd < 0 || ioctl(fd, SIOCSIFFLAGS, &lo) < 0 ? -1 : close(fd);
}

static int own_proc(void)
{
	return mount("proc", "/proc", "proc", NO_PROGRAMS, NULL);
}

static int mounts(const struct child_spec *spec)
{
	const struct child_fence *f = spec->fence;

	if (mount(NULL, "/", NULL, MS_REC | MS_SLAVE, NULL) < 0)
		return -1;
	if (f->spaces & SPACE_DEVICES && devices() < 0)
		return -1;
	if (f->spaces & SPACE_TMP && tmpfs("/tmp", MS_NOSUID | MS_NODEV, "mode=1777") < 0)
		return -1;
	if (f->spaces & SPACE_TMP && tmpfs("/var/tmp", MS_NOSUID | MS_NODEV, "mode=1777") < 0 &&
		errno != ENOENT)
		return -1;
	return fence_new_pid(spec) ? own_proc() : 0;
}

/* What is in the service's mounts but not in its pid namespace would not find itself in that one's /proc. */
static int join(const struct child_spec *spec, int flags)
{
	if (setns(spec->join_fd, flags) < 0)
		return -1;
	if (!(flags & CLONE_NEWNS) || !(spec->fence->spaces & SPACE_PID))
		return 0;
	return unshare(CLONE_NEWNS) < 0 || mount(NULL, "/", NULL, MS_REC | MS_SLAVE, NULL) < 0
		       ? -1
		       : own_proc();
}

/* Before anything else of the set-up, as it takes capabilities, and the pidfd goes with the other descriptors. */
int fence_spaces(const struct child_spec *spec)
{
	int flags = shared(spec->fence);
	char here[4096];

	if (fence_new_pid(spec))
		flags |= CLONE_NEWNS;
	if (!flags)
		return 0;
	if (spec->join_fd) {
		bool known = getcwd(here, sizeof here);
		if (join(spec, flags) < 0)
			return -1;
		return known && !spec->cwd ? chdir(here) : 0;
	}
	if (unshare(flags) < 0 || (flags & CLONE_NEWNS && mounts(spec) < 0))
		return -1;
	return spec->fence->spaces & SPACE_NETWORK ? loopback() : 0;
}

static int put(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);

	if (fd < 0 || write(fd, text, strlen(text)) < 0)
		return -1;
	return close(fd);
}

/* Of all users it knows its own alone. Without a capability nobody may say more than that of himself. */
int fence_user(const struct child_spec *spec)
{
	char uids[40], gids[40];
	int dumpable = prctl(PR_GET_DUMPABLE, 0, 0, 0, 0);

	if (!(spec->fence->spaces & SPACE_USER))
		return 0;
	(void)snprintf(uids, sizeof uids, "%u %u 1", (unsigned)geteuid(), (unsigned)geteuid());
	(void)snprintf(gids, sizeof gids, "%u %u 1", (unsigned)getegid(), (unsigned)getegid());
	if (unshare(CLONE_NEWUSER) < 0)
		return -1;
	(void)prctl(PR_SET_DUMPABLE, 1, 0, 0, 0); /* else these files are not its own */
	int rc = put("/proc/self/uid_map", uids) < 0 || put("/proc/self/setgroups", "deny") < 0
			 ? -1
			 : put("/proc/self/gid_map", gids);
	int sys = errno;
	(void)prctl(PR_SET_DUMPABLE, dumpable, 0, 0, 0);
	errno = sys;
	return rc;
}
