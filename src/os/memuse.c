#include "os/memuse.h"

#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/fsuid.h>
#include <time.h>
#include <unistd.h>

#include "os/ask.h"
#include "os/proc.h"

enum { STEPS = 4096, NOBODY = -1 };

struct member {
	pid_t pid, ppid, session;
	pid_t tid; /* whose files of the memory are read: where the first thread ended, another's */
	ssize_t owner;
	int64_t anon, shared;
	uint64_t ticks;
};

struct table {
	const struct mem_ask *ask;
	pid_t self; /* the init */
	struct member *v;
	size_t n;
	struct mem_use *took;
	int64_t *use, *shared, *pss; /* by owner */
	bool *rough;
};

/* --- reading --- */

static int64_t kib(const char *text, const char *key)
{
	const char *at = strstr(text, key);

	return at ? strtoll(at + strlen(key), NULL, 10) * 1024 : 0;
}

static bool memory_of(pid_t pid, const char *file, char buf[4096])
{
	char path[64];

	(void)snprintf(path, sizeof path, "/proc/%d/%s", (int)pid, file);
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? -1 : read(fd, buf, 4095);

	if (fd >= 0)
		close(fd);
	buf[n > 0 ? n : 0] = '\0';
	return n > 0;
}

/* A thread goes by its number as a process does. */
static pid_t live_thread(pid_t pid)
{
	char path[64];
	struct proc_stat st;
	pid_t tid = pid;

	(void)snprintf(path, sizeof path, "/proc/%d/task", (int)pid);
	struct proc_iter *it = proc_iter_at(path);
	while (it && (tid = proc_iter_next(it)) > 0)
		if (proc_stat_read(tid, &st) == 0 && st.state != 'Z')
			break;
	(void)proc_iter_free(it);
	return tid;
}

static void take(struct table *t, pid_t pid)
{
	struct proc_stat st;

	if (proc_stat_read(pid, &st) < 0 || !proc_alive(&st) || st.kthread)
		return;
	if (!(t->n & (t->n - 1))) { /* full at each power of two */
		struct member *more = realloc(t->v, (t->n ? 2 * t->n : 1) * sizeof *more);
		if (!more)
			return;
		t->v = more;
	}
	t->v[t->n++] = (struct member){ .pid = pid,
		.ppid = st.ppid,
		.session = st.session,
		.ticks = st.ticks,
		.tid = st.state == 'Z' ? live_thread(pid) : pid };
}

/* --- whose it is --- */

static int by_pid(const void *a, const void *b)
{
	const struct member *x = a, *y = b;

	return (x->pid > y->pid) - (x->pid < y->pid);
}

static int by_main(const void *a, const void *b)
{
	const struct mem_owner *const *x = a, *const *y = b;

	return ((*x)->main > (*y)->main) - ((*x)->main < (*y)->main);
}

static int by_mark(const void *a, const void *b)
{
	const struct mem_owner *const *x = a, *const *y = b;

	return ((*x)->mark > (*y)->mark) - ((*x)->mark < (*y)->mark);
}

struct order {
	struct mem_owner **main, **mark;
};

static ssize_t found(const struct table *t, struct mem_owner **v, const struct mem_owner *key,
	int (*cmp)(const void *, const void *))
{
	struct mem_owner **at = bsearch(&key, v, t->ask->n, sizeof *v, cmp);

	return at ? *at - t->ask->v : NOBODY;
}

/* The ancestry comes first: a mark can be put on by the one who wants to be counted with another. */
static ssize_t owner_of(const struct table *t, const struct order *o, const struct member *m)
{
	struct member up = { .pid = m->pid };
	const struct member *at = m;
	uint64_t mark = 0;

	for (int i = 0; at && i < STEPS; i++) {
		struct mem_owner key = { .main = at->pid };
		ssize_t who = found(t, o->main, &key, by_main);
		if (who >= 0)
			return who;
		up.pid = at->ppid;
		at = up.pid == t->self ? NULL : bsearch(&up, t->v, t->n, sizeof up, by_pid);
	}
	struct mem_owner key = { .main = m->session };
	if (up.pid != t->self)
		return NOBODY;
	if (!t->ask->ours.usable)
		return found(t, o->main, &key, by_main);
	if (mark_read(m->pid, &mark) < 0)
		return NOBODY;
	key.mark = mark_of_range(&t->ask->ours, mark);
	return found(t, o->mark, &key, by_mark);
}

static bool find_owners(struct table *t)
{
	size_t n = t->ask->n;
	struct order o = { calloc(n, sizeof *o.main), calloc(n, sizeof *o.mark) };

	if (!o.main || !o.mark)
		return false;
	for (size_t i = 0; i < n; i++)
		o.main[i] = o.mark[i] = &t->ask->v[i];
	qsort(o.main, n, sizeof *o.main, by_main);
	qsort(o.mark, n, sizeof *o.mark, by_mark);
	qsort(t->v, t->n, sizeof *t->v, by_pid);
	for (size_t i = 0; i < t->n; i++)
		t->v[i].owner = owner_of(t, &o, &t->v[i]);
	return true;
}

/* --- how much --- */

static void estimate(struct table *t)
{
	char text[4096];

	for (size_t i = 0; i < t->n; i++) {
		struct member *m = &t->v[i];
		if (m->owner >= 0)
			t->took[m->owner].cpu_ns += proc_ticks_ns(m->ticks);
		if (m->owner < 0 || t->ask->v[m->owner].half == MEM_NOT_ASKED ||
			!memory_of(m->tid, "status", text))
			continue;
		if (strstr(text, "RssAnon:")) /* a list of groups can be longer than we read */
			m->anon = kib(text, "RssAnon:");
		else
			(void)proc_rss_read(m->tid, &m->anon);
		m->shared = kib(text, "RssShmem:");
		t->took[m->owner].rss_bytes += kib(text, "VmRSS:");
		t->use[m->owner] += m->anon;
		if (m->shared > t->shared[m->owner])
			t->shared[m->owner] = m->shared;
	}
	for (size_t i = 0; i < t->ask->n; i++)
		t->use[i] += t->shared[i];
}

/* Without CAP_SYS_PTRACE it is read by one of the same uid and gid, for files alone (ptrace(2)): so nobody else may
 * signal us. */
static bool pss_of(pid_t pid, char text[4096])
{
	struct proc_status st;

	if (proc_status_read(pid, &st) < 0)
		return false;
	(void)setfsgid(st.gid[0]);
	(void)setfsuid(st.uid[0]);
	return memory_of(pid, "smaps_rollup", text);
}

/* Of one that can't be read what it has alone counts, and with that the sum is a bound. */
static void share(struct table *t)
{
	char text[4096];

	for (size_t i = 0; i < t->n; i++) {
		const struct member *m = &t->v[i];
		if (m->owner < 0 || t->pss[m->owner] < 0)
			continue;
		bool read = pss_of(m->tid, text);
		t->pss[m->owner] += read ? kib(text, "\nPss:") : m->anon + m->shared;
		t->rough[m->owner] |= !read;
	}
}

/* Trees past half of their limit are looked at closely. */
static void choose(struct table *t)
{
	const struct mem_owner *v = t->ask->v;
	int64_t sum;

	for (size_t i = 0, end; i < t->ask->n; i = end) { /* units of a tree stand together */
		sum = 0;
		for (end = i; end < t->ask->n && v[end].tree == v[i].tree; end++)
			sum += t->use[end];
		for (size_t k = i; k < end; k++)
			t->pss[k] = sum > v[i].half ? 0 : -1;
	}
	share(t);
	for (size_t i = 0; i < t->ask->n; i++) {
		if (t->pss[i] >= 0 && !(t->rough[i] && t->use[i] < t->pss[i]))
			t->use[i] = t->pss[i];
		if (t->pss[i] < 0 || t->rough[i])
			t->use[i] = -t->use[i] - 1;
	}
}

static bool put_all(int fd, const void *p, size_t n)
{
	for (ssize_t r; n; n -= (size_t)r, p = (const char *)p + r)
		if ((r = write(fd, p, n)) <= 0)
			return false;
	return true;
}

static void look(const void *arg, int fd)
{
	struct table t = { .ask = arg, .self = getppid() };
	size_t n = t.ask->n;
	struct timespec cpu;
	pid_t pid;

	(void)fcntl(fd, F_SETFL, 0); /* it may be longer than a pipe is */
	t.took = calloc(n, sizeof *t.took);
	t.use = calloc(n, sizeof *t.use);
	t.shared = calloc(n, sizeof *t.shared);
	t.pss = calloc(n, sizeof *t.pss);
	t.rough = calloc(n, sizeof *t.rough);
	struct proc_iter *it = proc_iter_at("/proc");
	if (!t.took || !t.use || !t.shared || !t.pss || !t.rough || !it)
		return;
	while ((pid = proc_iter_next(it)) > 0)
		take(&t, pid);
	if (!t.n || !find_owners(&t))
		return;
	estimate(&t);
	choose(&t);
	(void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &cpu);
	struct mem_took took = { cpu.tv_sec * INT64_C(1000000000) + cpu.tv_nsec };
	for (size_t i = 0; i < n; i++)
		t.took[i].bytes = t.use[i];
	if (put_all(fd, &took, sizeof took))
		(void)put_all(fd, t.took, n * sizeof *t.took);
}

int mem_ask(const struct mem_ask *ask, int64_t timeout_ns)
{
	return ask_fork(look, ask, -1, timeout_ns);
}
