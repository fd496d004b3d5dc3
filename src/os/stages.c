/* What a forked child does before execve, a row per stage, in order. It may hang (chdir, exec on a
 * dead mount), so it lets go of everything that is the init's first. Single-threaded and between
 * fork and exec: system calls only. */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/caps.h"
#include "os/fence.h"
#include "os/priv.h"
#include "os/proc.h"
#include "os/shut.h"
#include "os/sigfd.h"
#include "os/spawn.h"
#include "os/token.h"
#include "os/usock.h"

enum { STATUS_FD = 3, OUT_OF_THE_WAY = 10 };

struct setup {
	const struct child_spec *spec;
	int status_fd;
	pid_t parent;
	int place; /* that differs, see stage_report */
};

typedef int stage_fn(struct setup *s);

static int stage_group(struct setup *s)
{
	if (s->spec->cgroup_fd < 0)
		return 0;
	return write(s->spec->cgroup_fd, "0", 1) == 1 ? 0 : -1;
}

static int open_null(int writing)
{
	int fd = open("/dev/null", (writing ? O_WRONLY : O_RDONLY) | O_CLOEXEC);

	if (fd >= 0)
		return fd;
	/* an image without /dev/null: reading gives end of file; writing, the init's own stderr */
	int p[2];
	if (writing)
		return fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 10);
	if (pipe2(p, O_CLOEXEC) < 0)
		return -1;
	close(p[1]);
	return p[0];
}

/* 0, 1, 2, the extra one and the status pipe, and nothing else. Sources are moved out of the way
 * before any of them is replaced. */
static int stage_descriptors(struct setup *s)
{
	int as = s->spec->extra_as, at = as == STATUS_FD ? STATUS_FD + 1 : STATUS_FD;
	int high[3], low = as < OUT_OF_THE_WAY ? OUT_OF_THE_WAY : as + 1;

	for (int i = 0; i < 3; i++) {
		int from = s->spec->fd[i] >= 0 ? s->spec->fd[i] : open_null(i > 0);
		if (from < 0 || (high[i] = fcntl(from, F_DUPFD_CLOEXEC, low)) < 0)
			return -1;
	}
	int extra = as ? fcntl(s->spec->extra_fd, F_DUPFD_CLOEXEC, low) : -1;
	int status = fcntl(s->status_fd, F_DUPFD_CLOEXEC, low);
	if (status < 0 || dup3(status, at, O_CLOEXEC) < 0)
		return -1;
	s->status_fd = at;
	for (int i = 0; i < 3; i++)
		if (dup2(high[i], i) < 0)
			return -1;
	if (as && dup2(extra, as) < 0)
		return -1;
	shut_from(STATUS_FD, (const int[]){ at, as ? as : -1 });
	return 0;
}

static int stage_signals(struct setup *s)
{
	(void)s;
	signals_reset();
	return 0;
}

static int stage_session(struct setup *s)
{
	if (s->spec->tty == CHILD_TTY_GROUP) {
		if (setpgid(0, 0) < 0)
			return -1;
		(void)tcsetpgrp(STDIN_FILENO, getpid()); /* TTOU is blocked still */
		return 0;
	}
	if (setsid() < 0)
		return -1;
	if (s->spec->tty == CHILD_TTY_SESSION)
		(void)ioctl(STDIN_FILENO, TIOCSCTTY, 0);
	return 0;
}

static int stage_mark(struct setup *s)
{
	struct rlimit rl = { s->spec->mark, s->spec->mark };

	return s->spec->mark ? setrlimit(RLIMIT_LOCKS, &rl) : 0;
}

/* As long as the other side takes: the init gives up after its time for a set-up. */
static int stage_streams(struct setup *s)
{
	int fd[3];

	if (!s->spec->attach_from)
		return 0;
	if (usock_streams(s->spec->extra_as, s->spec->attach_from, fd) < 0)
		return -1;
	for (int i = 0; i < 3; i++)
		if (dup2(fd[i], i) < 0 || close(fd[i]) < 0)
			return -1;
	return close(s->spec->extra_as);
}

static rlim_t at_most(uint64_t v, rlim_t hard)
{
	return v == UINT64_MAX || v > hard ? hard : (rlim_t)v;
}

/* A caller may have kept a hard limit above ours; the child then has ours: less, never more. */
static int stage_limits(struct setup *s)
{
	const struct child_confine *c = s->spec->confine;
	struct rlimit rl;

	for (int r = 0; c && r < CHILD_RLIMITS; r++) {
		if (r == RLIMIT_LOCKS)
			continue;
		if (getrlimit(r, &rl) < 0)
			return -1;
		struct rlimit to = { .rlim_max = at_most(c->rlim_hard[r], rl.rlim_max) };
		to.rlim_cur = at_most(c->rlim_soft[r], to.rlim_max);
		if ((to.rlim_cur != rl.rlim_cur || to.rlim_max != rl.rlim_max) &&
			setrlimit(r, &to) < 0)
			return -1;
	}
	if (!c && s->spec->nofile_soft && getrlimit(RLIMIT_NOFILE, &rl) == 0) {
		rl.rlim_cur = at_most(s->spec->nofile_soft, rl.rlim_max);
		return setrlimit(RLIMIT_NOFILE, &rl);
	}
	return 0;
}

static int stage_schedule(struct setup *s)
{
	const struct child_confine *c = s->spec->confine;

	if (!c)
		return 0;
	struct sched_param prio = { .sched_priority = c->sched_priority };
	/* by the system calls: musl's wrappers of these refuse */
	if ((int)syscall(SYS_sched_getscheduler, 0) != c->sched_policy || c->sched_priority)
		if (syscall(SYS_sched_setscheduler, 0, c->sched_policy, &prio) < 0)
			return -1;
	if (getpriority(PRIO_PROCESS, 0) != c->nice && setpriority(PRIO_PROCESS, 0, c->nice) < 0)
		return -1;
	if (c->affinity_bytes &&
		syscall(SYS_sched_setaffinity, 0, c->affinity_bytes, c->affinity) < 0)
		return -1;
	return 0;
}

/* Only a preference of the kernel's: where what nobody wrote can't be set the child runs without. */
static int stage_oom(struct setup *s)
{
	const struct child_fence *f = s->spec->fence;
	int64_t base = f ? f->v[FENCE_OOM] : FENCE_UNSET;

	if (!s->spec->oom_score_adj && base == FENCE_UNSET)
		return 0;
	return priv_oom_score_adj(base, s->spec->oom_score_adj) < 0 && base != FENCE_UNSET ? -1 : 0;
}

static int stage_bounding(struct setup *s)
{
	const struct child_confine *c = s->spec->confine;

	if (!c)
		return 0;
	/* root's exec fills the permitted set from the bounding set: so that is what bounds a
	 * caller of uid 0 */
	uint64_t keep = fence_root(s->spec) ? c->cap_bounding & c->cap_permitted : c->cap_bounding;
	return ~c->not_ours & ~keep ? priv_drop_bounding(keep) : 0;
}

static int stage_groups(struct setup *s)
{
	return s->spec->cred ? priv_set_groups(s->spec->cred->groups, s->spec->cred->ngroups) : 0;
}

static int stage_gid(struct setup *s)
{
	const struct child_cred *c = s->spec->cred;

	return c ? (int)syscall(SYS_setresgid, c->gid, c->gid, c->gid) : 0;
}

static int stage_uid(struct setup *s)
{
	const struct child_cred *c = s->spec->cred;

	if ((s->spec->confine || ~fence_kept(s->spec)) && prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0) < 0)
		return -1;
	return c ? (int)syscall(SYS_setresuid, c->uid, c->uid, c->uid) : 0;
}

static int stage_capabilities(struct setup *s)
{
	const struct child_confine *c = s->spec->confine;

	if (!c)
		return 0;
	(void)prctl(PR_SET_KEEPCAPS, 0, 0, 0, 0);
	/* root's exec adds the inheritable set to the permitted one; and none is taken in past the
	 * bounding set */
	uint64_t inheritable = c->cap_inheritable & c->cap_bounding;
	if (fence_root(s->spec))
		inheritable &= c->cap_permitted;
	uint64_t keep = fence_kept(s->spec);
	return priv_set_caps(c->cap_permitted & keep, inheritable & keep, c->cap_ambient & keep);
}

static int stage_privileges(struct setup *s)
{
	const struct child_confine *c = s->spec->confine;

	if (c)
		umask(c->umask);
	return c && c->no_new_privs ? prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) : 0;
}

/* What can't be put on: names in /proc/PID, and what they are called. A namespace that the kernel doesn't
 * have isn't there of ourselves either; the last two are those that a fork of the caller would get. */
// clang-format off
static const struct {
	const char *file, *name;
} places[] = {
	{ "root",                 "root directory" },
	{ "ns/user",              "user namespace" },
	{ "ns/pid",               "pid namespace" },
	{ "ns/mnt",               "mount namespace" },
	{ "ns/net",               "network namespace" },
	{ "ns/ipc",               "IPC namespace" },
	{ "ns/uts",               "UTS namespace" },
	{ "ns/cgroup",            "cgroup namespace" },
	{ "ns/time",              "time namespace" },
	{ "ns/pid_for_children",  "pid namespace of its children" },
	{ "ns/time_for_children", "time namespace of its children" },
};
// clang-format on

enum { PLACES = sizeof places / sizeof *places };

const char *stage_place(int place)
{
	return place > 0 && place <= PLACES ? places[place - 1].name : "process";
}

/* Ours, looked at once: they never change. st_nlink 0: the kernel has none. */
static struct stat own_places[PLACES];
static bool places_known;

static int place_stat(pid_t pid, const char *file, struct stat *ret)
{
	char path[64];

	(void)snprintf(path, sizeof path, "/proc/%d/%s", (int)pid, file);
	return stat(path, ret);
}

int stages_prepare(void)
{
	for (int i = 0; i < PLACES && !places_known; i++) {
		own_places[i].st_nlink = 0;
		if (place_stat(getpid(), places[i].file, &own_places[i]) < 0 && errno != ENOENT)
			return -1;
	}
	places_known = true;
	return 0;
}

/* The directory alone would be the same in a bind mount of "/": its path, seen from our root, is not. */
static bool root_is_ours(pid_t pid)
{
	char path[32], to[2];

	(void)snprintf(path, sizeof path, "/proc/%d/root", (int)pid);
	return readlink(path, to, sizeof to) == 1 && to[0] == '/';
}

/* Under the caller's uid and with its capabilities, which is all that a root without CAP_SYS_PTRACE has to
 * look into another uid's process. The number is the caller's own still where the start time is. */
static int look_at(struct setup *s, pid_t pid, uint64_t start)
{
	struct stat theirs;
	struct proc_stat ps;

	if (!pid)
		return 0;
	if (stages_prepare() < 0)
		return -1;
	for (s->place = 1; s->place <= PLACES; s->place++) {
		const struct stat *ours = &own_places[s->place - 1];
		if (!ours->st_nlink)
			continue;
		if (place_stat(pid, places[s->place - 1].file, &theirs) < 0)
			return -1;
		errno = 0;
		if (ours->st_ino != theirs.st_ino || ours->st_dev != theirs.st_dev ||
			(s->place == 1 && !root_is_ours(pid)))
			return -1;
	}
	errno = ESRCH;
	if (proc_stat_read(pid, &ps) < 0 || ps.start != start)
		return -1;
	s->place = 0;
	return 0;
}

/* Who asks may be root, and the child not. */
static int stage_asker(struct setup *s)
{
	const struct child_confine *c = s->spec->confine;

	return c && c->asker_as_root ? look_at(s, c->asker, c->asker_start) : 0;
}

static int stage_places(struct setup *s)
{
	const struct child_confine *c = s->spec->confine;

	if (c && look_at(s, c->like, c->like_start) < 0)
		return -1;
	return c && !c->asker_as_root ? look_at(s, c->asker, c->asker_start) : 0;
}

/* After the switch of user, which clears it. */
static int stage_death_signal(struct setup *s)
{
	if (!s->spec->die_with_parent)
		return 0;
	if (prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) < 0)
		return -1;
	if (getppid() != s->parent)
		_exit(1);
	return 0;
}

static int stage_directory(struct setup *s)
{
	return s->spec->cwd ? chdir(s->spec->cwd) : 0;
}

static int stage_token(struct setup *s)
{
	if (!s->spec->token)
		return 0;
	if (token_write(s->spec->token) < 0)
		return -1;
	_exit(0);
}

static int stage_exec(struct setup *s)
{
	signals_unblock_all();
	exec_program(s->spec);
	return -1;
}

// clang-format off
static const struct {
	const char *name;
	enum err_code code;
	bool fenced; /* only where there is a fence */
	union {
		stage_fn *fn;
		fence_fn *fence;
	};
} stages[] = {
	{ "join its cgroup",           ERR_EXEC_FAILED, .fn = stage_group },
	{ "make its namespaces",       ERR_NAMESPACE,   true, .fence = fence_spaces },
	{ "reset signals",             ERR_EXEC_FAILED, .fn = stage_signals },
	{ "set up descriptors",        ERR_EXEC_FAILED, .fn = stage_descriptors },
	{ "make a session",            ERR_EXEC_FAILED, .fn = stage_session },
	{ "set the mark",              ERR_RLIMIT,      .fn = stage_mark },
	{ "take the caller's streams", ERR_EXEC_FAILED, .fn = stage_streams },
	{ "set resource limits",       ERR_RLIMIT,      .fn = stage_limits },
	{ "set scheduling",            ERR_CONFINED,    .fn = stage_schedule },
	{ "set its limits",            ERR_RLIMIT,      true, .fence = fence_limits },
	{ "set its nice value",        ERR_NICE,        true, .fence = fence_nice },
	{ "set its CPU affinity",      ERR_AFFINITY,    true, .fence = fence_cpus },
	{ "set the OOM score",         ERR_RLIMIT,      .fn = stage_oom },
	{ "look at who asks",          ERR_CONFINED,    .fn = stage_asker },
	{ "lower the bounding set",    ERR_CONFINED,    .fn = stage_bounding },
	{ "drop capabilities",         ERR_CAPS_DROPPED, true, .fence = fence_bounding },
	{ "set groups",                ERR_GROUPS,      .fn = stage_groups },
	{ "set the group",             ERR_GID,         .fn = stage_gid },
	{ "set the user",              ERR_UID,         .fn = stage_uid },
	{ "lower the capabilities",    ERR_CONFINED,    .fn = stage_capabilities },
	{ "make its user namespace",   ERR_NAMESPACE,   true, .fence = fence_user },
	{ "drop capabilities",         ERR_CAPS_DROPPED, true, .fence = fence_bounding },
	{ "keep its capabilities",     ERR_CAPS_KEPT,   true, .fence = fence_caps },
	{ "set no_new_privs",          ERR_CONFINED,    .fn = stage_privileges },
	{ "set its no_new_privs",      ERR_NO_NEW_PRIVS, true, .fence = fence_privileges },
	{ "look at its caller",        ERR_CONFINED,    .fn = stage_places },
	{ "set the death signal",      ERR_EXEC_FAILED, .fn = stage_death_signal },
	{ "enter the directory",       ERR_EXEC_FAILED, .fn = stage_directory },
	{ "confine its files by landlock", ERR_LANDLOCK, true, .fence = fence_landlock },
	{ "set its seccomp filter",    ERR_SECCOMP,     true, .fence = fence_seccomp },
	{ "write the token file",      ERR_START_FAILED, .fn = stage_token },
	{ "execute",                   ERR_EXEC_FAILED, .fn = stage_exec },
};
// clang-format on

enum { STAGES = sizeof stages / sizeof *stages };

const char *stage_name(int stage)
{
	return stage >= 0 && stage < STAGES ? stages[stage].name : "set up the child";
}

enum err_code stage_code(int stage)
{
	return stage >= 0 && stage < STAGES ? stages[stage].code : ERR_EXEC_FAILED;
}

int stage_is_exec(int stage)
{
	return stage == STAGES - 1;
}

void stages_run(const struct child_spec *spec, int status_fd, pid_t parent)
{
	struct setup s = { .spec = spec, .status_fd = status_fd, .parent = parent };

	for (int i = 0; i < STAGES; i++)
		if ((!stages[i].fenced    ? stages[i].fn(&s)
			    : spec->fence ? stages[i].fence(spec)
					  : 0) < 0) {
			struct stage_report r = { .stage = i, .sys = errno, .place = s.place };
			(void)!write(s.status_fd, &r, sizeof r);
			_exit(127);
		}
	_exit(127);
}
