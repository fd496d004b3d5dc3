/* Every child is waited for: main processes, checks, and orphans that nobody knows. */
#include <signal.h>
#include <stdlib.h>

#include <uthash.h>

#include "base/log.h"
#include "os/reap.h"
#include "probe/probe.h"
#include "super/state.h"

/* A process that serves a unit without being its main process: a check's command. */
struct aux {
	UT_hash_handle hh;
	pid_t pid;
	struct job *job; /* NULL: the unit is gone */
};

void aux_add(struct super *s, pid_t pid, struct job *j)
{
	struct aux *a = calloc(1, sizeof *a);

	if (!a)
		return; /* it is reaped as an unknown one, and calls as nobody */
	a->pid = pid;
	a->job = j;
	HASH_ADD(hh, s->aux, pid, sizeof a->pid, a);
}

static struct aux *aux_find(struct super *s, pid_t pid)
{
	struct aux *a;

	HASH_FIND(hh, s->aux, &pid, sizeof pid, a);
	return a;
}

void aux_forget(struct super *s, const struct job *j)
{
	struct aux *a, *next;

	HASH_ITER(hh, s->aux, a, next)
		if (a->job == j)
			a->job = NULL;
}

struct unit *aux_unit(struct super *s, pid_t pid)
{
	struct aux *a = aux_find(s, pid);

	return a && a->job ? a->job->u : NULL;
}

static void reap_aux(struct super *s, struct aux *a, int code)
{
	struct job *j = a->job;
	pid_t pid = a->pid;

	HASH_DEL(s->aux, a);
	free(a);
	if (j && j->probe)
		probe_exited(j->probe, pid, code);
}

static void reap_main(struct super *s, struct unit *u, pid_t pid)
{
	struct job *j = job_of(u);
	int code, sig;

	/* While it is unreaped its group is still its own: what it left there goes before the number can be used again. */
	if (u->cause == CAUSE_NONE)
		(void)kill(-pid, SIGKILL);
	if (j->status.fd >= 0)
		j->status.fn(s->loop, &j->status, 0); /* how its exec went is known by now, and comes first */
	if (reap_take(pid, &code, &sig) == 0) {
		s->reaped_own++;
		effects_exit(s, u, code, sig);
	}
}

static bool reap_other(struct super *s, pid_t pid)
{
	struct aux *a = aux_find(s, pid);
	int code, sig;

	sweep_orphan(s->sweep, pid);
	if (reap_take(pid, &code, &sig) < 0)
		return false;
	if (a) {
		s->reaped_own++;
		reap_aux(s, a, code);
	} else if (logproc_is(s, pid)) {
		logproc_died(s);
	} else {
		s->reaped_adopted++;
	}
	return true;
}

void reap_all(struct super *s)
{
	for (pid_t pid; (pid = reap_peek());) {
		struct unit *u = tree_by_pid(&s->tree, pid);
		if (u)
			reap_main(s, u, pid);
		else if (!reap_other(s, pid))
			break; /* a tracer has it still; it is looked at again with the next SIGCHLD */
		if (u && u->main_alive)
			break;
	}
	sweep_poke(s->sweep);
	s->sweep_at_ns = 0;
}
