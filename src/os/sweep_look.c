/* Which processes there are, and whose each of them is. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

#include "sweep_int.h"

enum { PID_MAX_DEFAULT = 4194304 };

bool short_of_means(int e)
{
	return e == EMFILE || e == ENFILE || e == ENOMEM;
}

struct sweep_target *target_of(struct sweep *s, pid_t pid)
{
	struct sweep_target *t = NULL;
	uint64_t mark;

	if (s->ntargets > s->nsessions) {
		if (mark_read(pid, &mark) == 0)
			t = target_by_key(s, mark_of_range(&s->ours, mark));
		else if (short_of_means(errno))
			s->incomplete = true;
	}
	if (!t && s->nsessions) {
		pid_t session = getsid(pid);
		t = session > 0 ? target_by_key(s, (uint64_t)session) : NULL;
		if (t && t->session != session)
			t = NULL;
	}
	return t;
}

/* 1, 0, or -1 when a link went away under the walk (then the child has a new parent by now). */
static int walk_up(struct sweep *s, pid_t pid)
{
	struct proc_stat st;

	for (int i = 0; i < WALK_MAX; i++) {
		if (proc_stat_read(pid, &st) < 0)
			return -1;
		if (st.ppid == s->self)
			return 1;
		if (st.ppid <= 1)
			return 0;
		pid = st.ppid;
	}
	return 0;
}

bool descends(struct sweep *s, pid_t pid)
{
	enum { TRIES = 3 };
	int r = -1;

	if (s->pid1 || !proc_is_ours())
		return true;
	for (int i = 0; i < TRIES && r < 0; i++)
		r = walk_up(s, pid);
	/* A process that has gone shows at the next look; one that was never read to the end must
	 * not count as none. */
	if (r < 0 && (short_of_means(errno) || kill(pid, 0) == 0 || errno == EPERM))
		s->incomplete = true;
	return r > 0;
}

bool wears(struct sweep *s, pid_t pid, uint64_t mark, pid_t session)
{
	uint64_t m;

	if (!mark)
		return session > 0 && getsid(pid) == session;
	if (mark_read(pid, &m) == 0)
		return mark_of_range(&s->ours, m) == mark;
	if (short_of_means(errno))
		s->incomplete = true;
	return false;
}

bool is_alive(struct sweep *s, pid_t pid, struct proc_stat *st)
{
	*st = (struct proc_stat){ 0 };
	if (proc_stat_read(pid, st) == 0)
		return proc_alive(st);
	if (short_of_means(errno))
		s->incomplete = true;
	return false;
}

bool is_member(struct sweep *s, pid_t pid, const struct sweep_target *t, struct proc_stat *st)
{
	*st = (struct proc_stat){ 0 };
	if (!wears(s, pid, t->mark, t->session))
		return false;
	if (!proc_is_ours())
		return kill(pid, 0) == 0 || errno == EPERM;
	return is_alive(s, pid, st) && descends(s, pid);
}

static long number_in(const char *path)
{
	char buf[32];
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? -1 : read(fd, buf, sizeof buf - 1);

	if (fd >= 0)
		close(fd);
	buf[n > 0 ? n : 0] = '\0';
	return strtol(buf, NULL, 10);
}

/* Up to where numbers of our namespace can have been given out. The last one given out bounds them, as long as they did
 * not begin anew; it is our namespace's by whichever /proc it is asked. Where millions are possible that spares seconds. */
static pid_t pid_max_read(void)
{
	enum { FEW = 65536 };
	static long highest;
	long max = number_in("/proc/sys/kernel/pid_max"),
	     last = number_in("/proc/sys/kernel/ns_last_pid");

	if (max <= 0 || max > PID_MAX_DEFAULT)
		max = PID_MAX_DEFAULT;
	if (max <= FEW || last <= 0 || highest == PID_MAX_DEFAULT)
		return (pid_t)max;
	if (last < highest) { /* they began anew: from here on any may be in use */
		highest = PID_MAX_DEFAULT;
		return (pid_t)max;
	}
	highest = last;
	return (pid_t)(last + FEW < max ? last + FEW : max);
}

int walk_open(struct walk *w)
{
	*w = (struct walk){ 0 };
	if (!proc_is_ours()) {
		w->max = pid_max_read();
		return 0;
	}
	w->it = proc_iter_new();
	return w->it ? 0 : -1;
}

pid_t walk_next(struct walk *w)
{
	if (w->it)
		return proc_iter_next(w->it);
	return w->at < w->max ? ++w->at : 0;
}

void walk_close(struct walk *w)
{
	w->it = proc_iter_free(w->it);
}
