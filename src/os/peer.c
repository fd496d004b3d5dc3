#include "os/peer.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "os/proc.h"

#ifndef SO_PEERPIDFD
#define SO_PEERPIDFD 77
#endif
#ifndef SYS_pidfd_open
#define SYS_pidfd_open 434
#endif

enum { STEPS_MAX = 128, WALKS_MAX = 8, OVERFLOW_UID = 65534 };

/* Clock ticks since boot, rounded down as the start times of stat are. */
static uint64_t ticks_now(void)
{
	struct timespec ts;
	uint64_t hz = getauxval(AT_CLKTCK);

	if (clock_gettime(CLOCK_BOOTTIME, &ts) < 0)
		return UINT64_MAX;
	return (uint64_t)ts.tv_sec * hz + (uint64_t)ts.tv_nsec * hz / (uint64_t)NS_PER_SEC;
}

/* 1: the kernel gave the peer's own pidfd; 0: it has no such thing; -1 with errno (EMFILE...);
 * ended already: 1 with -1 in *ret. */
static int peerpidfd(int fd, int *ret)
{
	socklen_t len = sizeof *ret;

	*ret = -1;
	if (getsockopt(fd, SOL_SOCKET, SO_PEERPIDFD, ret, &len) == 0) {
		(void)fcntl(*ret, F_SETFD, FD_CLOEXEC);
		return 1;
	}
	*ret = -1;
	switch (errno) {
	case ESRCH:
	case EINVAL:
	case ENODATA:
		return 1;
	case ENOPROTOOPT:
	case ENOSYS:
	case EOPNOTSUPP:
		return 0;
	}
	return -1;
}

/* Without SO_PEERPIDFD the number may have a new owner by now; one that started after the accept
 * shows. */
static int take_by_number(struct peer *p, uint64_t accepted)
{
	struct proc_stat st;
	struct proc_status status;
	char path[32];

	p->pidfd = (int)syscall(SYS_pidfd_open, p->pid, 0);
	if (p->pidfd < 0 && errno == ESRCH)
		return 0;
	if (p->pidfd < 0 && err_of_want(errno))
		return -1;
	if (p->pidfd < 0) {
		(void)snprintf(path, sizeof path, "/proc/%d", (int)p->pid);
		p->proc_fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		if (p->proc_fd < 0)
			return err_of_want(errno) ? -1 : 0;
	}
	if ((p->proc_fd >= 0 ? proc_stat_read_at(p->proc_fd, &st) : proc_stat_read(p->pid, &st)) <
		0)
		return err_of_want(errno) ? -1 : 0;
	if (st.start > accepted || proc_status_read(p->pid, &status) < 0)
		return 0;
	/* A set-uid program keeps its real uid; one that changed all of them isn't the one that
	 * connected for us. */
	if (status.uid[0] != p->uid && status.uid[1] != p->uid)
		return 0;
	p->start = st.start;
	if (!peer_alive(p))
		p->start = 0;
	return 0;
}

static int take(struct peer *p, int fd, uint64_t accepted)
{
	struct proc_stat st;

	switch (peerpidfd(fd, &p->pidfd)) {
	case 0:
		return take_by_number(p, accepted);
	case -1:
		return -1;
	}
	if (p->pidfd < 0)
		return 0;
	if (proc_stat_read(p->pid, &st) < 0)
		return err_of_want(errno) ? -1 : 0;
	/* Alive after the read: the number was its own while it was read. */
	p->start = st.start;
	if (!peer_alive(p))
		p->start = 0;
	return 0;
}

int peer_take(struct peer *p, int fd)
{
	uint64_t accepted = ticks_now();
	struct ucred cred;
	socklen_t len = sizeof cred;

	*p = (struct peer){ .pidfd = -1, .proc_fd = -1 };
	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &cred, &len) < 0)
		return -1;
	p->pid = cred.pid;
	p->uid = cred.uid;
	p->gid = cred.gid;
	if (p->pid <= 0) {
		p->pid = 0;
		return 0;
	}
	if (take(p, fd, accepted) < 0) {
		int e = errno;
		peer_done(p);
		errno = e;
		return -1;
	}
	return 0;
}

void peer_done(struct peer *p)
{
	if (p->pidfd >= 0)
		close(p->pidfd);
	if (p->proc_fd >= 0)
		close(p->proc_fd);
	p->pidfd = p->proc_fd = -1;
}

bool peer_alive(const struct peer *p)
{
	struct proc_stat st;

	if (p->pid == 0)
		return false;
	if (p->pidfd >= 0) { /* readable once the last thread has ended */
		struct pollfd pfd = { .fd = p->pidfd, .events = POLLIN };
		int r = poll(&pfd, 1, 0);
		return r == 0 || (r < 0 && errno == EINTR);
	}
	return p->proc_fd >= 0 && proc_stat_read_at(p->proc_fd, &st) == 0 && st.start == p->start &&
	       proc_alive(&st);
}

/* --- the walk -------------------------------------------------------------- */

struct link {
	pid_t pid, ppid;
	uint64_t start;
};

/* No memory is asked for: where there is none, who asks is still known. */
struct chain {
	size_t n;
	struct link v[STEPS_MAX];
};

static void chain_add(struct chain *c, const struct proc_stat *st)
{
	c->v[c->n++] = (struct link){ .pid = st->pid, .ppid = st->ppid, .start = st->start };
}

/* Between two reads of the walk an ancestor may end, and its number go to another: then some link reads otherwise now.
 */
static bool chain_holds(const struct chain *c)
{
	struct proc_stat st;

	for (size_t i = 0; i < c->n; i++)
		if (proc_stat_read(c->v[i].pid, &st) < 0 || st.ppid != c->v[i].ppid ||
			st.start != c->v[i].start)
			return false;
	return true;
}

static uid_t overflow_uid(void)
{
	char buf[16];
	int fd = open("/proc/sys/kernel/overflowuid", O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? -1 : read(fd, buf, sizeof buf - 1);

	if (fd >= 0)
		close(fd);
	if (n <= 0)
		return OVERFLOW_UID;
	buf[n] = '\0';
	return (uid_t)strtoul(buf, NULL, 10);
}

static bool same_cgroup(pid_t a, pid_t b)
{
	char x[4096], y[4096];

	return proc_cgroup_read(a, x, sizeof x) == 0 && proc_cgroup_read(b, y, sizeof y) == 0 &&
	       !strcmp(x, y);
}

static bool same_mount_ns(pid_t a, pid_t b)
{
	struct stat x, y;
	char path[40];

	(void)snprintf(path, sizeof path, "/proc/%d/ns/mnt", (int)a);
	if (stat(path, &x) < 0)
		return false;
	(void)snprintf(path, sizeof path, "/proc/%d/ns/mnt", (int)b);
	return stat(path, &y) == 0 && x.st_ino == y.st_ino && x.st_dev == y.st_dev;
}

/* A process outside our children. In a pid namespace that others share, being root there is not
 * enough. */
static struct peer_who outsider(const struct peer *p, pid_t self)
{
	struct peer_who nobody = { PEER_NOBODY, NULL }, op = { PEER_OPERATOR, NULL };

	if ((p->uid != 0 && p->uid != geteuid()) || p->uid == overflow_uid())
		return nobody;
	return self == 1 || same_cgroup(self, p->pid) || same_mount_ns(self, p->pid) ? op : nobody;
}

/* What the tree says of this process; false: go on to its parent. */
static bool owned(const struct peer_tree *tree, pid_t pid, struct peer_who *who)
{
	void *u = tree->main_of(tree->arg, pid);

	*who = (struct peer_who){ PEER_UNIT, u };
	if (!u && tree->aux_of && (u = tree->aux_of(tree->arg, pid)))
		*who = (struct peer_who){ PEER_AUX, u };
	return u != NULL;
}

static struct peer_who walk(
	const struct peer *p, const struct peer_tree *tree, pid_t self, struct chain *c)
{
	struct peer_who nobody = { PEER_NOBODY, NULL }, who;
	uint64_t youngest = p->start;
	struct proc_stat st;
	pid_t pid = p->pid;

	c->n = 0;
	while (c->n < STEPS_MAX) {
		if (pid == self || proc_stat_read(pid, &st) < 0 || st.start > youngest)
			return nobody;
		if (c->n == 0 && st.start != p->start)
			return nobody;
		chain_add(c, &st);
		if (owned(tree, pid, &who))
			return who;
		if (st.ppid == self) {
			who.unit = tree->session_of(tree->arg, st.session);
			who.cls = who.unit ? PEER_UNIT : PEER_NOBODY;
			return who;
		}
		if (st.ppid <= 1)
			return outsider(p, self);
		youngest = st.start;
		pid = st.ppid;
	}
	return nobody;
}

/* An ancestor that ended meanwhile (the runtime's helper that made this process, say) is one that it has no more: who
 * it descends from now is found by another walk. */
static struct peer_who walk_that_holds(
	const struct peer *p, const struct peer_tree *tree, pid_t self, bool by_number)
{
	struct peer_who nobody = { PEER_NOBODY, NULL };
	struct chain c;

	for (int i = 0; i < WALKS_MAX; i++) {
		struct peer_who who = walk(p, tree, self, &c);
		bool holds = chain_holds(&c);
		if (!by_number && !peer_alive(p))
			return nobody;
		if (holds)
			return who;
	}
	return nobody;
}

struct peer_who peer_classify(
	const struct peer *p, const struct peer_tree *tree, pid_t self, bool have_proc)
{
	struct peer_who who = { PEER_NOBODY, NULL };

	if (p->pid == 0 || p->pid == self)
		return who;
	if (!have_proc) {
		/* A main process is our own unreaped child, so its number can't have been used
		 * again since. */
		who.unit = tree->main_of(tree->arg, p->pid);
		who.cls = who.unit && peer_alive(p) ? PEER_UNIT : PEER_NOBODY;
		return who;
	}
	return p->start ? walk_that_holds(p, tree, self, false) : who;
}

struct peer_who peer_classify_pid(
	pid_t pid, const struct peer_tree *tree, pid_t self, bool have_proc)
{
	struct peer p = { .pid = pid, .uid = (uid_t)-1, .pidfd = -1, .proc_fd = -1 };
	struct peer_who who = { PEER_NOBODY, NULL };
	struct proc_stat st;

	if (pid <= 0 || pid == self)
		return who;
	if (!have_proc) {
		who.unit = tree->main_of(tree->arg, pid);
		who.cls = who.unit ? PEER_UNIT : PEER_NOBODY;
		return who;
	}
	if (proc_stat_read(pid, &st) < 0)
		return who;
	p.start = st.start;
	return walk_that_holds(&p, tree, self, true);
}
