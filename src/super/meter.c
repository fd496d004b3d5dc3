/* Limits on memory: how much is in use is found by a fork, from time to time; the rules are in node/memory.c. */
#include "super/meter.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/units.h"
#include "node/memory.h"
#include "os/memuse.h"

#define PATIENCE_NS (2 * NS_PER_SEC)  /* of a look; a process that hangs may hold it up */
#define AGAIN_NS    (100 * NS_PER_MS) /* after one that failed */
#define WATCH_NS    (10 * NS_PER_MS)  /* while something is being stopped */
#define GROWTH_NS   (10 * NS_PER_MS)  /* over less no growth is reckoned */
enum { VICTIMS = 64, PLAIN_LOOKS = 10 };

static void look(struct super *s, struct timer *t);

/* No later than so many ns from now. */
static void arm(struct super *s, int64_t ns)
{
	int64_t at = clock_mono_ns() + ns;

	if (!s->meter->timer.node.at || s->meter->timer.node.key > at)
		timer_set(s, &s->meter->timer, at, look);
}

static void end_look(struct super *s)
{
	struct meter *m = s->meter;

	if (m->w.fd >= 0 && m->ids) {
		loop_del(s->loop, &m->w);
		close(m->w.fd);
	}
	free(m->ids);
	free(m->answer);
	m->ids = NULL;
	m->answer = NULL;
	m->w.fd = -1;
}

int meter_new(struct super *s)
{
	struct meter *m = s->meter = calloc(1, sizeof *m);

	if (!m)
		return -1;
	m->s = s;
	m->w.fd = -1;
	return 0;
}

void meter_free(struct super *s)
{
	if (!s->meter)
		return;
	timer_del(s, &s->meter->timer);
	timer_del(s, &s->meter->sample);
	timer_del(s, &s->meter->patience);
	end_look(s);
	free(s->meter);
}

int meter_can(const struct super *s, const struct unit *u, struct err *err)
{
	if (s->pre.have_proc || memory_least(u) == INT64_MAX)
		return 0;
	return err_set(
		err, ERR_RLIMIT, 0, "a limit on memory can't be held: there is no /proc of ours");
}

void meter_read(struct super *s, struct unit *root)
{
	const struct job *j = job_of(root);

	if (!j || !j->tree_group || !j->tree_memory)
		return;
	int64_t use = cgroup_number(s->cgroup, j->tree_group, "memory.current", "");
	int64_t cache = cgroup_number(s->cgroup, j->tree_group, "memory.stat", "inactive_file") +
			cgroup_number(s->cgroup, j->tree_group, "memory.stat", "active_file");
	if (use < 0)
		return;
	/* What the kernel takes back before it kills is not in the way of anything. */
	root->memory_tree = use > cache ? use - cache : 0;
}

/* --- what has to go --- */

static void stop(struct super *s, struct unit *root, struct unit *u, const struct unit *holder)
{
	char path[UNIT_PATH_MAX], use[32], most[32];

	err_set(&u->trouble, ERR_MEMORY, 0,
		"stopped: the memory limit of %.200s was passed, %s%s of %s",
		unit_path(holder, path, sizeof path), job_of(u)->memory_bound ? "at most " : "",
		bytes_print(use, sizeof use, holder->memory_tree),
		bytes_print(most, sizeof most, memory_limit(holder)));
	event_add(s, EVENT_FAILED, u, ERR_MEMORY, "%s", u->trouble.msg);
	log_line(LOG_WARN, "warning[SG%04d]: %s: %s", ERR_MEMORY, unit_path(u, path, sizeof path),
		u->trouble.msg);
	order_stop(s, u, CAUSE_MEMORY);
	for (struct unit *d = NULL;
		(d = tree_walk(u, d));) /* whatever the policy: they are part of it */
		order_stop(s, d, CAUSE_CASCADE);
	memory_sum(root);
	if (memory_urgent(root)) /* there is no time for a grace */
		job_of(u)->stop_deadline_ns = clock_mono_ns();
}

static void hurry(struct super *s, struct unit *root)
{
	for (struct unit *u = root; u; u = memory_walk(root, u))
		if (u->cause == CAUSE_MEMORY &&
			(u->state == NODE_STOPPING || u->state == NODE_LEAVING))
			kill_now(s, u);
}

static void enforce(struct super *s, struct unit *root)
{
	const struct unit *holder;
	struct job *j = job_of(root);

	if (memory_urgent(root))
		hurry(s, root);
	for (int i = 0; i < VICTIMS; i++) {
		struct unit *victim = memory_victim(root, &holder);
		if (!victim && holder && !j->memory_told) {
			j->memory_told = true;
			log_line(LOG_WARN,
				"warning[SG%04d]: %s is past its total_memory by itself: nothing "
				"that it spawned is left to stop",
				ERR_MEMORY, root->name);
		}
		if (!victim)
			return;
		stop(s, root, victim, holder);
		if (victim->cause == CAUSE_NONE)
			return; /* it ends already */
	}
}

/* When this tree has to be looked at again. */
static int64_t tree_looked(struct super *s, struct unit *root, int64_t cpu_ns)
{
	struct job *j = job_of(root);
	int64_t now = s->meter->asked_ns, passed = now - j->memory_ns;

	memory_sum(root);
	if (passed >= GROWTH_NS) {
		int64_t grown =
			(root->memory_tree - j->memory_before) / (passed / NS_PER_MS) * 1000;
		if (j->memory_ns && grown > j->memory_growth)
			j->memory_growth = grown;
		j->memory_before = root->memory_tree;
		j->memory_ns = now;
	}
	enforce(s, root);
	int64_t ns = memory_next(memory_slack(root), j->memory_growth, cpu_ns);
	int64_t watch = 4 * cpu_ns > WATCH_NS ? 4 * cpu_ns : WATCH_NS;
	bool going = root->memory_stays < root->memory_tree;
	meter_read(s, root);
	return going ? watch : ns; /* ns is no earlier */
}

/* --- a look --- */

/* Has it processes to look at? */
static bool runs(const struct unit *u)
{
	return u->rt && (u->main_alive || u->own_left);
}

static void take_in(struct super *s, const struct mem_use *v, int64_t cpu_ns)
{
	const struct meter *m = s->meter;
	int64_t next = INT64_MAX;

	for (size_t i = 0; i < m->n; i++) {
		struct unit *u = tree_by_id(&s->tree, m->ids[i]);
		/* Of one that ended since it was asked no later look would take it back. */
		if (!u || !runs(u))
			continue;
		job_of(u)->memory_bound = v[i].bytes < 0;
		u->memory = v[i].bytes < 0 ? -v[i].bytes - 1 : v[i].bytes;
		if (m->full)
			u->rss_bytes = v[i].rss_bytes;
		/* What a process used that is gone unreaped is lost else. */
		if (v[i].cpu_ns > u->cpu_ns)
			u->cpu_ns = v[i].cpu_ns;
		if (u->memory > u->memory_peak)
			u->memory_peak = u->memory;
	}
	list_each(it, &s->tree.services)
	{
		struct unit *root = list_entry(it, struct unit, sibling);
		int64_t ns = root->rt && memory_least(root) != INT64_MAX
				     ? tree_looked(s, root, cpu_ns)
				     : INT64_MAX;
		next = ns < next ? ns : next;
	}
	if (next != INT64_MAX)
		arm(s, next);
}

/* Whoever wanted to know of all units is told; who came since is told by the next look. */
static void look_over(struct super *s, bool whole)
{
	bool full = s->meter->full;

	end_look(s);
	if (full)
		sampling_looked(s, whole);
	if (s->meter->want_full)
		look(s, NULL);
}

static void answered(struct loop *l, struct watch *w, uint32_t events)
{
	struct super *s = container_of(w, struct meter, w)->s;
	struct meter *m = s->meter;
	size_t size = sizeof(struct mem_took) + m->n * sizeof(struct mem_use);
	ssize_t r = read(w->fd, m->answer + m->got, size - m->got);

	(void)l;
	(void)events;
	if (r < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	m->got += r > 0 ? (size_t)r : 0;
	if (r > 0 && m->got < size)
		return;
	if (m->got == size && m->plain)
		m->plain--;
	else if (m->got < size)
		m->plain = PLAIN_LOOKS;
	const struct mem_took *took = (const void *)m->answer;
	bool whole = m->got == size;
	if (whole) {
		m->cost_ns = took->cpu_ns;
		take_in(s, (const void *)(took + 1), took->cpu_ns);
	} else if (m->limited) {
		arm(s, AGAIN_NS);
	}
	look_over(s, whole);
}

/* All units that run, those of a tree together. Returns how many; *ret_limited: is there a limit among them? */
static size_t list_units(struct super *s, struct mem_owner *v, uint64_t *ids, bool *ret_limited)
{
	size_t n = 0;

	list_each(it, &s->tree.services)
	{
		struct unit *root = list_entry(it, struct unit, sibling);
		int64_t least = root->rt ? memory_least(root) : INT64_MAX;
		size_t before = n;
		for (struct unit *u = root; u; u = memory_walk(root, u)) {
			if (!runs(u))
				continue;
			const struct job *j = job_of(u);
			ids[n] = u->id;
			v[n++] = (struct mem_owner){ .mark = j->mark,
				.main = u->main_alive ? u->pid : 0,
				.tree = (unsigned)before,
				.half = least == INT64_MAX && !s->meter->full   ? MEM_NOT_ASKED
					: least == INT64_MAX || s->meter->plain ? INT64_MAX - 1
										: least / 2 };
		}
		*ret_limited |= least != INT64_MAX && n > before;
	}
	return n;
}

static void look(struct super *s, struct timer *t)
{
	struct meter *m = s->meter;
	struct mem_ask ask = { .ours = s->marks };

	(void)t;
	if (m->ids) /* one is under way */
		return;
	m->full = m->want_full;
	m->want_full = m->limited = false;
	ask.v = calloc(s->tree.units + 1, sizeof *ask.v);
	m->ids = calloc(s->tree.units + 1, sizeof *m->ids);
	m->n = ask.n = ask.v && m->ids ? list_units(s, ask.v, m->ids, &m->limited) : 0;
	m->answer = m->limited || (m->full && m->n)
			    ? malloc(sizeof(struct mem_took) + m->n * sizeof(struct mem_use))
			    : NULL;
	m->got = 0;
	m->asked_ns = clock_mono_ns();
	m->w = (struct watch){
		.fd = m->answer ? mem_ask(&ask, PATIENCE_NS) : -1, .events = LOOP_IN, .fn = answered
	};
	free(ask.v);
	if (m->w.fd >= 0 && loop_add(s->loop, &m->w) == 0)
		return;
	if (m->w.fd >= 0)
		close(m->w.fd);
	m->w.fd = -1;
	bool nobody = m->ids && !m->n;
	end_look(s);
	if (m->limited)
		arm(s, AGAIN_NS); /* no memory, process or descriptor */
	if (m->full)
		sampling_looked(s, nobody);
}

void meter_look(struct super *s)
{
	s->meter->want_full = true;
	look(s, NULL);
}

void meter_started(struct super *s, struct unit *u)
{
	int64_t least = INT64_MAX;

	u->memory = u->memory_peak = 0;
	for (const struct unit *a = u; a; a = a->parent) {
		int64_t limit = memory_limit(a);
		if (limit != LIMIT_NONE && limit - a->memory_tree < least)
			least = limit - a->memory_tree;
	}
	if (!u->parent)
		job_of(u)->memory_told = false;
	if (least != INT64_MAX)
		arm(s, memory_next(least > 0 ? least : 0, job_of(u->root)->memory_growth, 0));
}
