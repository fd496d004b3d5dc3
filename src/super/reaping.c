/* Every child is waited for: main processes, checks, and orphans that nobody knows. */

#include <signal.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/log.h"
#include "os/ask.h"
#include "os/reap.h"
#include "probe/probe.h"
#include "super/checks.h"
#include "super/drawer.h"
#include "super/hooks.h"

/* Of one turn, so that a service that makes orphans as fast as it can does not keep the others
 * waiting. */
#define REAP_NS (2 * NS_PER_MS)
enum { REAPS_A_LOOK = 16 };

/* A process that serves a unit without being its main process: a check's command, or a hook's. */
struct aux {
	struct numbered by_pid; /* s->aux_by_pid */
	struct list all;        /* s->aux */
	pid_t pid;
	struct job *job;       /* NULL: the unit is gone */
	struct hook_run *hook; /* NULL: of a check, or nobody waits for it any more */
};

int aux_add(struct super *s, pid_t pid, struct job *j, struct hook_run *h)
{
	struct aux *a = calloc(1, sizeof *a);

	if (!a) /* it is reaped as an unknown one, and calls as nobody */
		return -1;
	a->pid = pid;
	a->job = j;
	a->hook = h;
	numbers_add(&s->aux_by_pid, &a->by_pid, (uint64_t)pid);
	list_add_tail(&s->aux, &a->all);
	return 0;
}

static struct aux *aux_find(struct super *s, pid_t pid)
{
	struct numbered *e = numbers_find(&s->aux_by_pid, (uint64_t)pid);

	return e ? container_of(e, struct aux, by_pid) : NULL;
}

void aux_forget_hook(struct super *s, pid_t pid)
{
	struct aux *a = aux_find(s, pid);

	if (a)
		a->hook = NULL;
}

void aux_forget(struct super *s, const struct job *j)
{
	list_each(it, &s->aux)
	{
		struct aux *a = list_entry(it, struct aux, all);
		if (a->job == j)
			a->job = NULL;
	}
}

struct unit *aux_unit(struct super *s, pid_t pid)
{
	struct aux *a = aux_find(s, pid);

	return a && a->job ? a->job->u : NULL;
}

static void check_over(struct job *j, pid_t pid, int code)
{
	if (j->probe)
		probe_exited(j->probe, pid, code);
	check_ended(j, pid);
}

static void reap_aux(struct super *s, struct aux *a, int code, int sig)
{
	struct hook_run *h = a->hook;
	struct job *j = a->job;
	pid_t pid = a->pid;

	numbers_del(&s->aux_by_pid, &a->by_pid);
	list_del(&a->all);
	free(a);
	if (h)
		hook_exited(h, code, sig);
	else if (j)
		check_over(j, pid, code);
}

static void reap_main(struct super *s, struct unit *u, pid_t pid)
{
	struct job *j = job_of(u);
	struct reap_use use;
	int code, sig;

	/* While it is unreaped its group is still its own: what it left there goes before the
	 * number can be used again. */
	if (u->cause == CAUSE_NONE &&
		!j->mark) /* by the mark the sweep finds them, and counts them */
		(void)kill(-pid, SIGKILL);
	if (j->status.fd >= 0)
		j->status.fn(s->loop, &j->status,
			0); /* how its exec went is known by now, and comes first */
	if (reap_take(pid, &code, &sig, &use) == 0) {
		s->reaped_own++;
		if (use.peak_bytes > u->memory_peak)
			u->memory_peak = use.peak_bytes;
		u->cpu_before_ns += use.cpu_ns > u->cpu_ns ? use.cpu_ns : u->cpu_ns;
		u->cpu_ns = 0;
		effects_exit(s, u, code, sig);
	}
}

static bool reap_other(struct super *s, pid_t pid)
{
	struct aux *a = aux_find(s, pid);
	struct reap_use use;
	int code, sig;

	sweep_orphan(s->sweep, pid);
	if (a && a->hook)
		hook_ending(a->hook);
	else if (a && a->job)
		check_cut(a->job, pid);
	if (reap_take(pid, &code, &sig, &use) < 0)
		return false;
	if (a) {
		s->reaped_own++;
		reap_aux(s, a, code, sig);
	} else if (logproc_is(s, pid)) {
		logproc_died(s, code, sig);
	} else if (drawer_ended(s, pid) || ask_was(pid)) {
		s->reaped_own++;
	} else {
		s->reaped_adopted++;
	}
	return true;
}

static bool reap_one(struct super *s, pid_t pid)
{
	struct unit *u = tree_by_pid(&s->tree, pid);

	if (!u)
		return reap_other(s, pid);
	reap_main(s, u, pid);
	return !u->main_alive;
}

bool reap_all(struct super *s)
{
	int64_t until = clock_mono_ns() + REAP_NS;
	bool more = true;

	while (more) {
		for (int i = 0; more && i < REAPS_A_LOOK; i++) {
			pid_t pid = reap_peek();
			/* one that can't be taken is looked at again with the next SIGCHLD */
			more = pid && reap_one(s, pid);
		}
		if (more && clock_mono_ns() >= until)
			break;
	}
	sweep_poke(s->sweep);
	s->sweep_at_ns = 0;
	return more;
}
