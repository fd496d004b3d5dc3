#include "os/facts.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <sys/file.h>
#include <sys/inotify.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/statfs.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "os/cgroup.h"
#include "os/mark.h"
#include "os/pid1.h"
#include "os/proc.h"

#ifndef SYS_pidfd_open
#define SYS_pidfd_open 434
#endif
#ifndef SYS_clone3
#define SYS_clone3 435
#endif
#ifndef SYS_close_range
#define SYS_close_range 436
#endif
#ifndef SO_PEERPIDFD
#define SO_PEERPIDFD 77
#endif
#ifndef SO_PASSRIGHTS
#define SO_PASSRIGHTS 83
#endif

static bool closed(long fd)
{
	if (fd < 0)
		return false;
	(void)close((int)fd);
	return true;
}

static bool pidfd(void)
{
	return closed(syscall(SYS_pidfd_open, getpid(), 0));
}

static bool peer_pidfd(void)
{
	int pair[2], fd = -1;
	socklen_t n = sizeof fd;

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
		return false;
	int rc = getsockopt(pair[0], SOL_SOCKET, SO_PEERPIDFD, &fd, &n);
	(void)close(pair[0]);
	(void)close(pair[1]);
	return rc == 0 && closed(fd);
}

static bool pass_rights(void)
{
	int off = 0;
	autoclose int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);

	return fd >= 0 && setsockopt(fd, SOL_SOCKET, SO_PASSRIGHTS, &off, sizeof off) == 0;
}

/* The highest number is no descriptor of anybody. */
static bool close_range_works(void)
{
	return syscall(SYS_close_range, ~0U, ~0U, 0) == 0;
}

/* Arguments of no size are refused where there is such a call at all. */
static bool clone3_works(void)
{
	return syscall(SYS_clone3, NULL, 0) < 0 && errno == EINVAL;
}

static bool memfd(void)
{
	return closed(syscall(SYS_memfd_create, "sysg-doctor", 1U));
}

static bool inotify(void)
{
	return closed(inotify_init1(IN_CLOEXEC));
}

static bool marks(void)
{
	struct mark_range range;
	struct rlimit rl;

	if (getrlimit(RLIMIT_LOCKS, &rl) < 0)
		return false;
	mark_range_init(
		&range, rl.rlim_max == RLIM_INFINITY ? UINT64_MAX : rl.rlim_max, random_u64());
	return mark_works(&range);
}

static bool cgroups(void)
{
	struct cgroup *c;

	if (cgroup_open(&c) < 0)
		return false;
	(void)cgroup_free(c);
	return true;
}

static bool controllers(void)
{
	struct cgroup *c;
	bool all = cgroup_open(&c) == 0;

	if (all) {
		all = cgroup_has_controllers(c);
		(void)cgroup_free(c);
	}
	return all;
}

static bool cgroup_kill(void)
{
	struct cgroup *c;
	int procs, kill_fd = -1;

	if (cgroup_open(&c) < 0)
		return false;
	if (cgroup_make(c, "sysg.doctor", &procs, &kill_fd) == 0) {
		(void)close(procs);
		(void)cgroup_remove(c, "sysg.doctor");
	}
	(void)cgroup_free(c);
	return closed(kill_fd);
}

// clang-format off
const struct fact facts[] = {
	{ "/proc", proc_is_ours, "names our own pid",
	  "missing, or another namespace's: belonging is by session, callers that are no main process are nobody (SG0712)" },
	{ "marks", marks, "RLIMIT_LOCKS holds them: processes are found however they forked",
	  "RLIMIT_LOCKS can't be used: belonging is by session, a process that leaves it is not found" },
	{ "cgroup v2", cgroups, "our group is delegated: each start of a unit has its own",
	  "not delegated, or not mounted writable: the marks do that work" },
	{ "cgroup.kill", cgroup_kill, "a whole group is killed at once", "done without: one process after another" },
	{ "cgroup controllers", controllers, "memory, pids and cpu are delegated: `limits.cgroup` can be set",
	  "not all of memory, pids, cpu are delegated: `limits.cgroup` is refused (SG0741)" },
	{ "pidfd_open", pidfd, "processes are pinned before they are signalled", "done without: by /proc and unreaped children" },
	{ "SO_PEERPIDFD", peer_pidfd, "a caller is pinned by its socket", "done without: by the start time of its pid" },
	{ "SO_PASSRIGHTS", pass_rights, "no descriptor can be sent to the init", "done without: packets are looked at first" },
	{ "close_range", close_range_works, "descriptors are closed in one call", "done without: by /proc/self/fd" },
	{ "clone3", clone3_works, "there is such a call", "done without: fork" },
	{ "memfd_create", memfd, "memory can be kept for a logger that dies", "done without" },
	{ "inotify", inotify, "files are watched without polling", "done without: files are looked at again and again" },
	{ NULL },
};

const struct fact_cap fact_caps[] = {
	{ "KILL", CAP_KILL, "a service of another uid is stopped by taking its uid (CAP_SETUID), or not at all" },
	{ "SETUID", CAP_SETUID, "`user:` can't be switched to" },
	{ "SETGID", CAP_SETGID, "`group:` and supplementary groups can't be switched to" },
	{ "SETPCAP", CAP_SETPCAP, "the bounding set of spawned children can't be made smaller" },
	{ "SYS_RESOURCE", CAP_SYS_RESOURCE, "resource limits can't be raised" },
	{ NULL },
};
// clang-format on

/* A shared lock is taken and given back at once: who starts in that moment tries again. */
int fact_locked(const char *path)
{
	autoclose int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);

	if (fd < 0)
		return -1;
	if (flock(fd, LOCK_SH | LOCK_NB) == 0)
		return 0;
	return errno == EWOULDBLOCK ? 1 : -1;
}

int64_t fact_room(const char *dir)
{
	struct statfs st;

	if (statfs(dir, &st) < 0)
		return -1;
	uint64_t block = (uint64_t)st.f_frsize;
	if (st.f_bavail > INT64_MAX / (block ? block : 1))
		return INT64_MAX;
	return (int64_t)(st.f_bavail * block);
}

int64_t fact_descriptors(int pid)
{
	struct rlimit rl;
	uint64_t soft[16], hard[16];

	if (prlimit(pid, RLIMIT_NOFILE, NULL, &rl) == 0)
		return rl.rlim_max > INT64_MAX ? INT64_MAX : (int64_t)rl.rlim_max;
	if (!pid || proc_limits_read(pid, soft, hard) < 0)
		return -1;
	return hard[RLIMIT_NOFILE] > INT64_MAX ? INT64_MAX : (int64_t)hard[RLIMIT_NOFILE];
}
