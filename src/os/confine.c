/* The half of peer.h that says what a caller is confined by. */
#include <errno.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "os/peer.h"
#include "os/proc.h"

#ifndef SO_PEERGROUPS
#define SO_PEERGROUPS 59
#endif

enum { POLICY_OTHER = 0, POLICY_FIFO = 1, POLICY_RR = 2, POLICY_DEADLINE = 6 };
enum { RESET_ON_FORK = 0x40000000, MODE_FILTER = 2, SETUID = 7 /* the capability */ };

_Static_assert(CHILD_RLIMITS == 16, "proc_limits_read() fills 16 limits");

static int unread(struct err *e, const char *what)
{
	return err_sys(e, err_of_want(errno) ? ERR_UNKNOWN : ERR_CONFINED, errno,
		"the caller's %s can't be read", what);
}

/* errno 0: it is not the one that it was. */
static int changed(struct err *e)
{
	if (err_of_want(errno))
		return unread(e, "status");
	return err_set(
		e, ERR_CONFINED, 0, "the caller or parent changed or ended while it was looked at");
}

static bool all_are(const unsigned v[4], unsigned id)
{
	return v[0] == id && v[1] == id && v[2] == id && v[3] == id;
}

static int ids_check(const struct proc_status *st, uid_t uid, gid_t gid, struct err *e)
{
	if (all_are(st->uid, uid) && all_are(st->gid, gid))
		return 0;
	err_set(e, ERR_CONFINED, 0,
		"the caller's uids and gids aren't all those of its connection (%u:%u)",
		(unsigned)uid, (unsigned)gid);
	return err_help(
		e, "a set-uid program drops its ids first: setpriv --reuid UID --regid GID");
}

/* musl's wrappers of these refuse with ENOSYS, since POSIX means something else by them. */
static int sched_read(pid_t pid, const struct proc_stat *st, struct child_confine *c)
{
	int param = 0;
	long policy = syscall(SYS_sched_getscheduler, pid);

	if (policy < 0 || syscall(SYS_sched_getparam, pid, &param) < 0)
		return -1;
	bool reset = policy & RESET_ON_FORK;
	c->sched_policy = (int)(policy & ~(long)RESET_ON_FORK);
	c->sched_priority = param;
	c->nice = st->nice;
	/* What the caller's own fork would get: the flag resets it, and a deadline isn't inherited
	 * at all. */
	if (c->sched_policy == POLICY_DEADLINE ||
		(reset && (c->sched_policy == POLICY_FIFO || c->sched_policy == POLICY_RR)))
		c->sched_policy = POLICY_OTHER;
	if (c->sched_policy != POLICY_FIFO && c->sched_policy != POLICY_RR)
		c->sched_priority = 0;
	if (reset && c->nice < 0)
		c->nice = 0;
	return 0;
}

/* What the init was started with, and all that it starts. It can't change. */
static const struct proc_status *own_status(void)
{
	static struct proc_status st;
	static bool known;

	if (!known)
		known = proc_status_read(getpid(), &st) == 0;
	return known ? &st : NULL;
}

/* A container runtime's own filter is ours too. Before Linux 5.10 the number isn't told: then another mode
 * is seen, and filters on top of a runtime's are not. */
static int filters_check(const struct proc_status *st, int more, struct err *e)
{
	const struct proc_status *own = own_status();

	if (!own)
		return unread(e, "seccomp filters");
	if (st->seccomp_filters <= own->seccomp_filters + more &&
		st->seccomp == (more ? MODE_FILTER : own->seccomp))
		return 0;
	err_set(e, ERR_CONFINED, 0,
		"the caller is under seccomp filters that its service was not started with");
	return err_help(e, "let a process without them spawn");
}

/* Where there is no security module, or one that has no labels, nothing can be read of ourselves either. */
static int label_check(pid_t pid, struct err *e)
{
	static char own[256];
	static int has = -1;
	char theirs[256];

	if (has < 0)
		has = proc_label_read(getpid(), own, sizeof own) == 0;
	if (!has)
		return 0;
	if (proc_label_read(pid, theirs, sizeof theirs) < 0)
		return unread(e, "security label");
	if (strcmp(own, theirs) == 0)
		return 0;
	return err_set(e, ERR_CONFINED, 0,
		"the caller's security label is %.80s, and its child would have %.80s", theirs,
		own);
}

static int confine_read(
	pid_t pid, const struct proc_status *st, struct child_confine *c, struct err *e)
{
	struct proc_stat stat;

	if (filters_check(st, c->filters, e) < 0 || label_check(pid, e) < 0)
		return -1;
	*c = (struct child_confine){
		.filters = c->filters,
		.cap_inheritable = st->cap_inheritable,
		.cap_permitted = st->cap_permitted,
		.cap_bounding = st->cap_bounding,
		.cap_ambient = st->cap_ambient,
		.not_ours = ~own_status()->cap_bounding,
		.no_new_privs = st->no_new_privs,
		.umask = st->umask,
	};
	if (st->umask == (mode_t)-1)
		return err_set(e, ERR_CONFINED, ESRCH, "the caller has ended");
	if (proc_limits_read(pid, c->rlim_soft, c->rlim_hard) < 0)
		return unread(e, "resource limits");
	c->rlim_soft[RLIMIT_LOCKS] = c->rlim_hard[RLIMIT_LOCKS] =
		0; /* the mark's: not to be copied */
	if (proc_stat_read(pid, &stat) < 0)
		return unread(e, "nice value");
	c->like = pid;
	c->like_start = stat.start;
	if (sched_read(pid, &stat, c) < 0)
		return unread(e, "scheduling policy");
	long n = syscall(SYS_sched_getaffinity, pid, sizeof c->affinity, c->affinity);
	if (n < 0)
		return unread(e, "CPU affinity");
	c->affinity_bytes = (size_t)n;
	return 0;
}

/* The groups of the connect, kept by the kernel with the socket (Linux 4.13). */
static int peer_groups(int fd, gid_t **ret, size_t *ret_n)
{
	socklen_t len = 64 * sizeof(gid_t);
	autofree gid_t *v = malloc(len);

	if (!v)
		return -1;
	if (getsockopt(fd, SOL_SOCKET, SO_PEERGROUPS, v, &len) < 0) {
		if (errno != ERANGE) /* then len says how much there is */
			return -1;
		gid_t *more = realloc(v, len);
		if (!more)
			return -1;
		v = more;
		if (getsockopt(fd, SOL_SOCKET, SO_PEERGROUPS, v, &len) < 0)
			return -1;
	}
	*ret_n = len / sizeof *v;
	*ret = steal_ptr(v);
	return 0;
}

/* An exec of a set-uid program, or a change of ids, between the reads would mix two processes'
 * rights. */
static bool unchanged(pid_t pid, const struct proc_status *before)
{
	struct proc_status now;

	return proc_status_read(pid, &now) == 0 && !memcmp(now.uid, before->uid, sizeof now.uid) &&
	       !memcmp(now.gid, before->gid, sizeof now.gid) &&
	       now.cap_permitted == before->cap_permitted &&
	       now.cap_bounding == before->cap_bounding &&
	       now.cap_inheritable == before->cap_inheritable &&
	       now.cap_ambient == before->cap_ambient && now.no_new_privs == before->no_new_privs;
}

int peer_confinement(const struct peer *p, int fd, struct child_cred *ret_cred, gid_t **ret_groups,
	struct child_confine *ret_confine, struct err *err)
{
	struct proc_status st;
	autofree gid_t *groups = NULL;
	size_t n = 0;

	if (p->pid == 0 || p->start == 0)
		return err_set(err, ERR_CONFINED, ESRCH, "the caller can't be looked at");
	if (proc_status_read(p->pid, &st) < 0)
		return unread(err, "status");
	if (ids_check(&st, p->uid, p->gid, err) < 0 ||
		confine_read(p->pid, &st, ret_confine, err) < 0)
		return -1;
	if (peer_groups(fd, &groups, &n) < 0)
		return unread(err, "groups");
	errno = 0;
	if (!unchanged(p->pid, &st) || !peer_alive(p))
		return changed(err);
	*ret_cred =
		(struct child_cred){ .uid = p->uid, .gid = p->gid, .groups = groups, .ngroups = n };
	*ret_groups = steal_ptr(groups);
	return 0;
}

int peer_confinement_of(pid_t pid, struct child_cred *ret_cred, gid_t **ret_groups,
	struct child_confine *ret_confine, struct err *err)
{
	struct proc_status st;
	struct proc_stat stat;
	autofree gid_t *groups = NULL;
	size_t n = 0;

	if (proc_status_read(pid, &st) < 0)
		return unread(err, "status");
	if (ids_check(&st, st.uid[1], st.gid[1], err) < 0 ||
		confine_read(pid, &st, ret_confine, err) < 0)
		return -1;
	if (proc_groups_read(pid, &groups, &n) < 0)
		return unread(err, "groups");
	errno = 0;
	if (!unchanged(pid, &st) || proc_stat_read(pid, &stat) < 0 || !proc_alive(&stat))
		return changed(err);
	*ret_cred = (struct child_cred){
		.uid = st.uid[1], .gid = st.gid[1], .groups = groups, .ngroups = n
	};
	*ret_groups = steal_ptr(groups);
	return 0;
}

int peer_covers(const struct peer *p, struct child_confine *c, struct err *err)
{
	struct proc_status st;

	if (p->pid == c->like)
		return 0;
	if (!p->start || proc_status_read(p->pid, &st) < 0 || !peer_alive(p))
		return unread(err, "status");
	if (ids_check(&st, p->uid, p->gid, err) < 0 || filters_check(&st, c->filters, err) < 0 ||
		label_check(p->pid, err) < 0)
		return -1;
	c->asker = p->pid;
	c->asker_start = p->start;
	/* any other is looked at with what the child then is: which is refused to who is another user */
	c->asker_as_root = p->uid == 0 && st.cap_permitted >> SETUID & 1;
	c->no_new_privs |= st.no_new_privs;
	c->cap_bounding &= st.cap_bounding;
	if (!(c->cap_permitted & ~st.cap_permitted))
		return 0;
	err_set(err, ERR_CONFINED, 0,
		"the caller may do less than the main process of the unit that it names");
	return err_help(err, "without --parent the child is confined as the caller is");
}
