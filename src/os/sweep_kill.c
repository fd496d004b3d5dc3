#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "sweep_int.h"

#ifndef SYS_pidfd_open
#define SYS_pidfd_open 434
#endif
#ifndef SYS_pidfd_send_signal
#define SYS_pidfd_send_signal 424
#endif
#ifndef SYS_close_range
#define SYS_close_range 436
#endif

#define HELPER_EVERY   (50 * NS_PER_MS)
#define HELPER_LASTS   (200 * NS_PER_MS)
#define FREEZE_LASTS   (100 * NS_PER_MS)
#define LEFTOVER_LASTS (1 * NS_PER_SEC)

static int pidfd_open_(pid_t pid)
{
	return (int)syscall(SYS_pidfd_open, pid, 0);
}

static int pidfd_kill(int fd, int sig)
{
	return (int)syscall(SYS_pidfd_send_signal, fd, sig, NULL, 0);
}

static bool is_still(struct sweep *s, const struct sweep_target *t, pid_t pid)
{
	return wears(s, pid, t->mark, t->session) && descends(s, pid);
}

/* Before Linux 5.3, or short of descriptors: a process that is stopped can't end by itself, so what
 * is seen of it after the stop is true of what the KILL hits. The stop may hit a stranger for a
 * moment; it goes on at once. */
static int signal_by_number(struct sweep *s, struct sweep_target *t, pid_t pid, int sig)
{
	struct proc_stat st;

	if (sig != SIGKILL)
		return is_still(s, t, pid) ? kill(pid, sig) : 0;
	bool was_stopped = proc_stat_read(pid, &st) == 0 && st.state == 'T';
	if (kill(pid, SIGSTOP) < 0)
		return -1;
	if (is_still(s, t, pid))
		return kill(pid, SIGKILL);
	if (!was_stopped)
		(void)kill(pid, SIGCONT);
	return 0;
}

/* 0: sent, or no member any more; -1 with errno. */
static int signal_safely(struct sweep *s, struct sweep_target *t, pid_t pid, int sig)
{
	int fd = pidfd_open_(pid), r = 0;

	if (fd < 0) {
		/* ESRCH: it has gone. EINVAL, ENOENT: a thread's number. */
		if (errno == ESRCH || errno == EINVAL || errno == ENOENT)
			return 0;
		return signal_by_number(s, t, pid, sig);
	}
	/* The descriptor pins the process, so this look is at what the signal will hit. */
	if (is_still(s, t, pid))
		r = pidfd_kill(fd, sig);
	int e = errno;
	close(fd);
	errno = e;
	if (r < 0 && (e == ENOSYS || e == EINVAL)) /* 5.1 and 5.2 have one of the two calls */
		return signal_by_number(s, t, pid, sig);
	return r;
}

static bool may_setuid(void)
{
	struct __user_cap_header_struct h = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct d[2] = { { 0 }, { 0 } };

	if (syscall(SYS_capget, &h, d) < 0)
		return false;
	return d[0].effective >> CAP_SETUID & 1;
}

static void nap(int64_t ns)
{
	(void)poll(NULL, 0, (int)((ns + NS_PER_MS - 1) / NS_PER_MS));
}

/* In the helper, already under the members' uid. How many got it. */
static unsigned helper_round(struct sweep *s, struct sweep_target *t, int sig)
{
	struct proc_stat st;
	struct walk w;
	unsigned n = 0;
	pid_t pid;

	if (walk_open(&w) < 0)
		return 0;
	while ((pid = walk_next(&w)) > 0)
		if (pid != s->self && is_member(s, pid, t, &st))
			n += signal_safely(s, t, pid, sig) == 0;
	walk_close(&w);
	return n;
}

/* All stopped, then all killed, until nobody is found: so forking doesn't outrun it. */
static void helper_kill_all(struct sweep *s, struct sweep_target *t)
{
	int64_t until = clock_mono_ns() + HELPER_LASTS;

	do {
		(void)helper_round(s, t, SIGSTOP);
		if (!helper_round(s, t, SIGKILL))
			break;
		nap(NS_PER_MS);
	} while (clock_mono_ns() < until);
}

static void close_all(void)
{
	if (syscall(SYS_close_range, 3, ~0U, 0) == 0)
		return;
	for (int fd = 3; fd < 1024;
		fd++) /* before 5.9: it lives 200 ms at most, nothing waits for the rest */
		close(fd);
}

/* A fork without exec that takes the member's uid; without CAP_SETUID there is nothing to try.
 * Reaped like any orphan. */
static int signal_by_helper(struct sweep *s, struct sweep_target *t, pid_t pid, int sig)
{
	int64_t now = clock_mono_ns();
	struct proc_status st;

	if (!may_setuid() ||
		(t->sig == SIGKILL && t->helper_ns && now - t->helper_ns < HELPER_EVERY))
		return 0;
	if (proc_status_read(pid, &st) < 0)
		return 0;
	pid_t helper = fork();
	if (helper < 0)
		return -1;
	if (helper > 0) {
		t->helper_ns = now;
		return 0;
	}
	close_all();
	if (syscall(SYS_setresuid, st.uid[0], st.uid[0], st.uid[0]) == 0) {
		if (t->sig == SIGKILL)
			helper_kill_all(s, t);
		else
			(void)signal_safely(s, t, pid, sig);
	}
	_exit(0);
}

int member_signal(struct sweep *s, struct sweep_target *t, pid_t pid, int sig)
{
	if (signal_safely(s, t, pid, sig) == 0 || errno == ESRCH)
		return 0;
	return errno == EPERM ? signal_by_helper(s, t, pid, sig) : -1;
}

int sweep_signal(struct sweep *s, struct sweep_target *t, pid_t pid, int sig)
{
	if (signal_safely(s, t, pid, sig) == 0)
		return 0;
	if (errno != EPERM)
		return -1;
	if (may_setuid())
		return signal_by_helper(s, t, pid, sig);
	errno = EPERM;
	return -1;
}

/* --- everything stopped ---------------------------------------------------- */

struct frozen {
	pid_t pid;
	unsigned depth; /* below us or the outside */
	bool before;    /* was stopped already */
	pid_t ppid;
};

struct freezer {
	struct frozen *v;
	size_t n, cap;
};

static int by_pid(const void *a, const void *b)
{
	const struct frozen *x = a, *y = b;

	return (x->pid > y->pid) - (x->pid < y->pid);
}

static int deepest_first(const void *a, const void *b)
{
	const struct frozen *x = a, *y = b;

	return (x->depth < y->depth) - (x->depth > y->depth);
}

static int freezer_add(struct freezer *f, const struct proc_stat *st)
{
	if (f->n == f->cap) {
		size_t cap = f->cap ? f->cap * 2 : 256;
		struct frozen *v = realloc(f->v, cap * sizeof *v);
		if (!v)
			return -1;
		f->v = v;
		f->cap = cap;
	}
	f->v[f->n++] =
		(struct frozen){ .pid = st->pid, .ppid = st->ppid, .before = st->state == 'T' };
	return 0;
}

/* All processes but ourselves, sorted by pid; with only_stopped just those in state T. */
static int freezer_fill(struct sweep *s, struct freezer *f, bool only_stopped)
{
	struct proc_stat st;
	struct walk w;
	pid_t pid;
	int r = 0;

	*f = (struct freezer){ 0 };
	if (walk_open(&w) < 0)
		return -1;
	while (r == 0 && (pid = walk_next(&w)) > 0)
		if (pid != s->self && proc_stat_read(pid, &st) == 0 &&
			(!only_stopped || st.state == 'T'))
			r = freezer_add(f, &st);
	walk_close(&w);
	if (r == 0 && f->n)
		qsort(f->v, f->n, sizeof *f->v, by_pid);
	return r;
}

static struct frozen *freezer_find(const struct freezer *f, pid_t pid)
{
	struct frozen key = { .pid = pid };

	return f->n ? bsearch(&key, f->v, f->n, sizeof key, by_pid) : NULL;
}

static unsigned depth_of(const struct freezer *f, const struct frozen *p)
{
	unsigned d = 0;

	while (d < WALK_MAX && (p = freezer_find(f, p->ppid)))
		d++;
	return d;
}

/* The logger first; then children before parents: a shell that goes on while its child still stands
 * takes the child for a stopped job. */
static void resume(struct sweep *s, const struct freezer *before)
{
	struct freezer now;

	if (s->spare > 0 && !freezer_find(before, s->spare))
		(void)kill(s->spare, SIGCONT);
	if (freezer_fill(s, &now, false) <
		0) { /* out of memory half way: better in any order than not at all */
		free(now.v);
		(void)kill(-1, SIGCONT);
		return;
	}
	for (size_t i = 0; i < now.n; i++)
		now.v[i].depth = depth_of(&now, &now.v[i]);
	if (now.n)
		qsort(now.v, now.n, sizeof *now.v, deepest_first);
	for (size_t i = 0; i < now.n; i++)
		if (!freezer_find(before, now.v[i].pid))
			(void)kill(now.v[i].pid, SIGCONT);
	free(now.v);
}

/* One whole look at all KILL targets. How many members lived. */
static unsigned kill_round(struct sweep *s, int64_t until)
{
	struct proc_stat st;
	struct walk w;
	unsigned found = 0;
	pid_t pid;

	if (walk_open(&w) < 0)
		return 0;
	while (clock_mono_ns() < until && (pid = walk_next(&w)) > 0) {
		struct sweep_target *t =
			pid == s->self || pid == s->spare ? NULL : target_of(s, pid);
		if (!t || t->sig != SIGKILL || !is_alive(s, pid, &st))
			continue;
		found++;
		(void)member_signal(s, t, pid, SIGKILL);
	}
	walk_close(&w);
	return found;
}

void freeze_and_kill(struct sweep *s)
{
	struct freezer before;

	if (!proc_is_ours() || freezer_fill(s, &before, true) < 0)
		return; /* without knowing who was stopped before, it couldn't be put right again */
	(void)kill(-1, SIGSTOP);
	/* Only now: among hundreds that spin, what came before may have taken seconds. */
	int64_t until = clock_mono_ns() + FREEZE_LASTS;
	while (kill_round(s, until) && clock_mono_ns() < until)
		nap(NS_PER_MS);
	resume(s, &before);
	free(before.v);
}

/* --- all of a namespace, all of a run -------------------------------------- */

unsigned sweep_everyone(struct sweep *s, int sig)
{
	struct proc_stat st;
	struct walk w;
	unsigned n = 0;
	pid_t pid;

	if (!s->pid1 || walk_open(&w) < 0)
		return 0;
	if (sig == SIGKILL)
		(void)kill(-1, SIGSTOP); /* what forks as fast as we look would outrun the walk */
	while ((pid = walk_next(&w)) > 0) {
		if (pid == s->self || pid == s->spare)
			continue;
		if (w.it && (!is_alive(s, pid, &st) || st.kthread))
			continue;
		if (kill(pid, sig) < 0 && errno == ESRCH)
			continue;
		n++;
	}
	walk_close(&w);
	if (sig == SIGKILL && s->spare > 0)
		(void)kill(s->spare, SIGCONT);
	return n;
}

static unsigned leftover_round(
	struct sweep *s, const struct mark_range *before, struct sweep_target *t)
{
	struct proc_stat st;
	struct walk w;
	unsigned n = 0;
	uint64_t mark;
	pid_t pid;

	if (walk_open(&w) < 0)
		return 0;
	while ((pid = walk_next(&w)) > 0) {
		if (pid == s->self || mark_read(pid, &mark) < 0 || !mark_in_range(before, mark))
			continue;
		if (!is_alive(s, pid, &st))
			continue;
		t->mark = mark_of_range(before, mark);
		n++;
		(void)member_signal(s, t, pid, SIGKILL);
	}
	walk_close(&w);
	return n;
}

unsigned sweep_leftovers(const struct mark_range *before)
{
	int64_t until = clock_mono_ns() + LEFTOVER_LASTS, pause = NS_PER_MS;
	/* They are nobody's children any more: the mark alone says whose they were, so ancestry
	 * isn't asked (pid1). */
	struct sweep s = { .ours = *before, .pid1 = true, .self = getpid() };
	struct sweep_target t = { .sig = SIGKILL };
	unsigned left;

	if (!before->usable || !proc_is_ours())
		return 0;
	while ((left = leftover_round(&s, before, &t)) > 0 && clock_mono_ns() < until) {
		nap(pause);
		pause = pause < 16 * NS_PER_MS ? pause * 2 : pause;
	}
	return left;
}
