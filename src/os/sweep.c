#include "os/sweep.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "sweep_int.h"

enum { CLOCK_EVERY = 16, SEEN_MIN = 64, FREEZE_AFTER_S = 1, BOMB = 32 };
enum { GHOST_PASSES = 20, HOT_MAX = 4, STOP_MAX = 16 };

#define KILL_DELAY_MIN (1 * NS_PER_MS)
#define KILL_DELAY_MAX (50 * NS_PER_MS)
#define LOOK_DELAY_MIN (250 * NS_PER_MS)
#define LOOK_DELAY_MAX (1 * NS_PER_SEC)

struct sweep *sweep_new(const struct mark_range *ours, bool pid1)
{
	struct sweep *s = calloc(1, sizeof *s);

	if (!s)
		return NULL;
	s->ours = *ours;
	s->pid1 = pid1;
	s->self = getpid();
	s->kill_delay_ns = KILL_DELAY_MIN;
	s->look_delay_ns = LOOK_DELAY_MIN;
	list_init(&s->targets);
	return s;
}

struct sweep *sweep_free(struct sweep *s)
{
	if (!s)
		return NULL;
	list_each(it, &s->targets) sweep_del(s, list_entry(it, struct sweep_target, link));
	free(s);
	return NULL;
}

void sweep_spare(struct sweep *s, pid_t logger)
{
	s->spare = logger;
}

/* --- who has had the signal ------------------------------------------------ */

static struct seen *seen_slot(struct seen *v, size_t cap, pid_t pid)
{
	size_t i = (size_t)pid * 2654435761U & (cap - 1);

	while (v[i].pid && v[i].pid != pid)
		i = (i + 1) & (cap - 1);
	return &v[i];
}

static struct seen *seen_find(struct sweep *s, pid_t pid, uint64_t start)
{
	struct seen *e = s->seen_cap ? seen_slot(s->seen, s->seen_cap, pid) : NULL;

	return e && e->pid == pid && e->start == start ? e : NULL;
}

/* Rebuilds the table with those that were seen in pass `from` or later. -1: no memory, nothing
 * changed. */
static int seen_rebuild(struct sweep *s, unsigned from)
{
	size_t live = 0, cap = SEEN_MIN;

	for (size_t i = 0; i < s->seen_cap; i++)
		live += s->seen[i].pid && (int)(s->seen[i].pass - from) >= 0;
	while (cap < live * 2 + 2)
		cap *= 2;
	struct seen *v = calloc(cap, sizeof *v);
	if (!v)
		return -1;
	for (size_t i = 0; i < s->seen_cap; i++)
		if (s->seen[i].pid && (int)(s->seen[i].pass - from) >= 0)
			*seen_slot(v, cap, s->seen[i].pid) = s->seen[i];
	free(s->seen);
	s->seen = v;
	s->seen_cap = cap;
	s->seen_n = live;
	return 0;
}

static int seen_add(struct sweep *s, pid_t pid, uint64_t start, unsigned epoch)
{
	/* All entries are of this pass or the one before, since whole passes drop older ones. */
	if ((s->seen_n + 1) * 4 > s->seen_cap * 3 && seen_rebuild(s, s->pass - (1U << 30)) < 0)
		return -1;
	struct seen *e = seen_slot(s->seen, s->seen_cap, pid);
	s->seen_n += !e->pid;
	*e = (struct seen){ .pid = pid, .epoch = epoch, .pass = s->pass, .start = start };
	return 0;
}

/* --- targets --------------------------------------------------------------- */

static unsigned bucket_of(uint64_t key)
{
	return (unsigned)(key * UINT64_C(0x9E3779B97F4A7C15) >> 56) % TARGET_BUCKETS;
}

struct sweep_target *target_by_key(const struct sweep *s, uint64_t key)
{
	struct sweep_target *t = s->bucket[bucket_of(key)];

	while (t && t->key != key)
		t = t->hash_next;
	return t;
}

/* The main process can fork behind the pass's back and end before the pass comes to it, like an
 * orphan, but nobody tells us of its end: so only a pass that began after it was seen dead can say
 * that all are gone. */
static bool main_alive(struct sweep *s, const struct sweep_target *t)
{
	struct proc_stat st;

	return t->session > 0 && is_member(s, t->session, t, &st);
}

static bool is_added(const struct sweep_target *t)
{
	return t->link.next != NULL;
}

static void target_index(struct sweep *s, struct sweep_target *t)
{
	t->key = t->mark ? t->mark : (uint64_t)t->session; /* marks have bit 62, sessions haven't */
	struct sweep_target **b = &s->bucket[bucket_of(t->key)];
	list_add_tail(&s->targets, &t->link);
	t->hash_next = *b;
	*b = t;
	s->ntargets++;
	s->nsessions += !t->mark;
}

void sweep_add(struct sweep *s, struct sweep_target *t, int sig)
{
	bool fresh = !is_added(t);

	if (fresh)
		target_index(s, t);
	if (fresh || t->sig != sig) {
		t->epoch = ++s->epoch;
		t->kill_since_ns = clock_mono_ns();
		t->helper_ns = 0;
		t->passes = t->ghost_passes = 0;
	}
	t->sig = sig;
	t->hot_passes = t->stop_passes = 0;
	t->main_dead = !main_alive(s, t);
	t->pass_from = s->pass + 1;
	s->kill_delay_ns = KILL_DELAY_MIN;
	s->look_delay_ns = LOOK_DELAY_MIN;
	s->not_before_ns = 0;
	s->poked = true;
}

uint64_t sweep_ticks(void)
{
	struct timespec ts;

	if (clock_gettime(CLOCK_BOOTTIME, &ts) < 0)
		return 0;
	uint64_t hz = getauxval(AT_CLKTCK);
	return (uint64_t)ts.tv_sec * hz + (uint64_t)ts.tv_nsec * hz / 1000000000;
}

void sweep_mark_sent(struct sweep *s, struct sweep_target *t, pid_t pid)
{
	struct proc_stat st = { 0 };

	if (proc_is_ours() && proc_stat_read(pid, &st) < 0)
		return;
	(void)seen_add(s, pid, st.start, t->epoch);
}

void sweep_del(struct sweep *s, struct sweep_target *t)
{
	if (!is_added(t))
		return;
	struct sweep_target **b = &s->bucket[bucket_of(t->key)];
	while (*b && *b != t)
		b = &(*b)->hash_next;
	if (*b)
		*b = t->hash_next;
	list_del(&t->link);
	t->link.next = t->link.prev = NULL;
	s->ntargets--;
	s->nsessions -= !t->mark;
	if (s->ntargets)
		return;
	walk_close(&s->walk);
	s->running = false;
	free(s->seen);
	s->seen = NULL;
	s->seen_cap = s->seen_n = 0;
}

/* --- one pass -------------------------------------------------------------- */

static void cgroup_kill(const struct sweep_target *t)
{
	if (t->cgroup_kill_fd > STDERR_FILENO && write(t->cgroup_kill_fd, "1", 1) < 0)
		return; /* the members are killed one by one all the same */
}

/* In a pass that stops: a process killed makes room, under its limit, for one more fork of the
 * others; one that is stopped keeps its place. Once nothing moves any more all are killed. */
static int stop_or_kill(struct sweep_target *t, const struct proc_stat *st)
{
	if (t->sig != SIGKILL || !t->stop_passes)
		return t->sig;
	t->moving += st->state != 'T';
	return SIGSTOP;
}

/* Every member of a KILL target gets it in every pass; of any other signal, each member once. */
static void act(struct sweep *s, struct sweep_target *t, pid_t pid, const struct proc_stat *st)
{
	uint64_t start = st->start;
	struct seen *e = seen_find(s, pid, start);
	bool had = e && e->epoch == t->epoch;

	if (e)
		e->pass = s->pass;
	if (t->sig == 0 || (had && t->sig != SIGKILL))
		return;
	if (!had && t->sig != SIGKILL && t->told_group && st->pgrp == t->told_group &&
		st->start <= t->told_ticks)
		return;
	if (!had && seen_add(s, pid, start, t->epoch) < 0) {
		s->incomplete = true; /* without a record it would get the signal twice */
		if (t->sig != SIGKILL)
			return;
	}
	t->fresh += !had;
	if (t->sig == SIGKILL && t->members == 1)
		cgroup_kill(t);
	if (member_signal(s, t, pid, stop_or_kill(t, st)) < 0 && (e = seen_find(s, pid, start)))
		e->epoch = 0;
}

static void visit(struct sweep *s, pid_t pid)
{
	struct proc_stat st = { 0 };
	struct sweep_target *t;

	/* The mark comes first: one system call says of most processes that they aren't asked for.
	 */
	if (pid == s->self || pid == s->spare || !(t = target_of(s, pid)))
		return;
	if (s->walk.it && !is_alive(s, pid, &st)) {
		/* Dead and still to be reaped by us: what it forked may be where this pass has been already. */
		if (st.ppid == s->self)
			t->ghosts += (uint64_t)pid * 0x9e3779b1U + st.start;
		return;
	}
	if (s->walk.it && !descends(s, pid))
		return;
	t->members++;
	act(s, t, pid, &st);
}

static int pass_begin(struct sweep *s)
{
	if (walk_open(&s->walk) < 0)
		return -1;
	s->running = true;
	s->pass++;
	s->poked = s->incomplete = false;
	s->work_ns = 0;
	list_each(it, &s->targets)
	{
		struct sweep_target *t = list_entry(it, struct sweep_target, link);
		t->members = t->fresh = t->orphans = t->moving = 0;
		t->ghosts = 0;
	}
	return 0;
}

/* True when this whole pass proves that nothing is left. */
static bool is_gone(struct sweep *s, struct sweep_target *t)
{
	bool dead_before = t->main_dead;

	if (s->incomplete || t->members || t->orphans)
		return false;
	/* Ghosts that stay the same, pass after pass, are kept from being reaped by a tracer: gone all the same. */
	t->ghost_passes = t->ghosts == t->ghosts_before ? t->ghost_passes + 1 : 0;
	t->ghosts_before = t->ghosts;
	if (t->ghosts && t->ghost_passes < GHOST_PASSES)
		return false;
	if (!dead_before && !main_alive(s, t)) {
		t->main_dead = true;
		s->poked = true;
	}
	return dead_before && !s->incomplete;
}

/* What the targets that are left ask of the next pass. */
struct wants {
	bool kill, hot, look, freeze;
};

/* True when the next pass is to begin at once. */
static bool is_hot(struct sweep_target *t)
{
	if (t->stop_passes) {
		t->stop_passes = t->moving ? t->stop_passes - 1 : 0;
		return true;
	}
	t->hot_passes = t->fresh ? t->hot_passes + 1 : 0;
	if (t->hot_passes == HOT_MAX) {
		t->hot_passes = 0;
		t->stop_passes = STOP_MAX;
	}
	return t->fresh > 0;
}

static void target_done(struct sweep *s, struct sweep_target *t, struct wants *w)
{
	bool gone = is_gone(s, t);

	t->passes++;
	if (!gone && t->sig == SIGKILL) {
		w->kill = true;
		w->hot |= is_hot(t);
		w->freeze |= t->fresh >= BOMB && t->passes > 1;
	} else if (!gone) {
		w->look = true;
	}
	t->fn(t, t->members, gone); /* t may be no more */
}

static int64_t grow(int64_t *delay, int64_t max)
{
	int64_t d = *delay;

	*delay = d * 2 < max ? d * 2 : max;
	return d;
}

static void schedule(struct sweep *s, const struct wants *w)
{
	int64_t now = clock_mono_ns();

	s->due_ns = now;
	s->not_before_ns = now;
	if (w->hot) {
		s->kill_delay_ns = KILL_DELAY_MIN;
		s->poked = true;
	} else if (w->kill) {
		s->due_ns += grow(&s->kill_delay_ns, KILL_DELAY_MAX);
	} else {
		s->due_ns += grow(&s->look_delay_ns, LOOK_DELAY_MAX);
		/* Deaths elsewhere must not keep us looking all the time: at most a fifth of it. */
		s->not_before_ns += 4 * s->work_ns;
	}
}

static void freeze(struct sweep *s)
{
	if (!s->pid1 || !s->ntargets || clock_mono_ns() < s->next_freeze_ns)
		return;
	freeze_and_kill(s);
	s->next_freeze_ns = clock_mono_ns() + NS_PER_SEC;
}

/* Asked in the midst of a pass too: among hundreds that spin, one pass may take us seconds. */
static void freeze_what_outruns(struct sweep *s)
{
	int64_t now = clock_mono_ns();

	list_each(it, &s->targets)
	{
		struct sweep_target *t = list_entry(it, struct sweep_target, link);
		if (t->sig != SIGKILL || !t->fresh ||
			now - t->kill_since_ns < FREEZE_AFTER_S * NS_PER_SEC)
			continue;
		freeze(s);
		return;
	}
}

static void pass_end(struct sweep *s)
{
	struct wants w = { 0 };

	walk_close(&s->walk);
	s->running = false;
	if (!s->incomplete && s->seen_n > SEEN_MIN / 2)
		(void)seen_rebuild(s, s->pass);
	list_each(it, &s->targets)
	{
		struct sweep_target *t = list_entry(it, struct sweep_target, link);
		if ((int)(s->pass - t->pass_from) >= 0)
			target_done(s, t, &w);
		else
			s->poked = true; /* it came in the midst of the pass */
	}
	bool poked = s->poked;
	schedule(s, &w);
	if (poked && !w.look)
		s->not_before_ns = 0;
	if (w.freeze)
		freeze(s);
}

static int64_t wait_ns(const struct sweep *s, int64_t now)
{
	int64_t at = s->not_before_ns;

	if (!s->ntargets)
		return -1;
	if (s->running)
		return 0;
	if (!s->poked && s->due_ns > at)
		at = s->due_ns;
	return at > now ? at - now : 0;
}

int64_t sweep_step(struct sweep *s, int64_t now_ns, int64_t budget_ns)
{
	int64_t wait = wait_ns(s, now_ns), begun = clock_mono_ns(), spent = 0;
	pid_t pid;

	if (wait != 0)
		return wait;
	if (!s->running && pass_begin(s) < 0) {
		s->not_before_ns = now_ns + KILL_DELAY_MAX;
		return KILL_DELAY_MAX;
	}
	for (unsigned i = 1; (pid = walk_next(&s->walk)) > 0; i++) {
		visit(s, pid);
		if (i % CLOCK_EVERY)
			continue;
		spent = clock_mono_ns() - begun;
		if (spent >= budget_ns)
			break;
	}
	s->work_ns += spent;
	freeze_what_outruns(s);
	if (pid == 0)
		pass_end(s);
	return wait_ns(s, clock_mono_ns());
}

void sweep_orphan(struct sweep *s, pid_t pid)
{
	bool matters = false;

	/* Where the pass has found members already it will not say that nothing is left, whatever
	 * ended meanwhile; and with a fork bomb a mark read for each end would be most of what we
	 * do. */
	list_each(it, &s->targets) matters |= !list_entry(it, struct sweep_target, link)->members;
	struct sweep_target *t = matters ? target_of(s, pid) : NULL;
	if (t)
		t->orphans++;
	s->poked = true;
}

void sweep_poke(struct sweep *s)
{
	s->poked = true;
}

bool sweep_outrun(const struct sweep_target *t)
{
	return t->sig == SIGKILL && (t->fresh > 0 || t->passes < 2);
}

unsigned sweep_members(struct sweep *s, uint64_t mark, pid_t session, pid_t *pids, unsigned max)
{
	struct sweep_target t = { .mark = mark, .session = session };
	struct proc_stat st;
	struct walk w;
	unsigned n = 0;
	pid_t pid;

	if (walk_open(&w) < 0)
		return 0;
	while ((pid = walk_next(&w)) > 0) {
		if (pid == s->self || pid == s->spare || !is_member(s, pid, &t, &st))
			continue;
		if (n < max)
			pids[n] = pid;
		n++;
	}
	walk_close(&w);
	return n;
}
