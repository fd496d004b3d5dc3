/* What a check leaves running goes with it: it wears a mark of its own, not its unit's. */
#include "super/checks.h"

#include <signal.h>
#include <stdlib.h>

#include "base/clock.h"
#include "probe/probe.h"

#define SURVIVE_NS (5 * NS_PER_SEC)

void check_free(struct job *j)
{
	struct check_run *r = j->check;

	if (!r)
		return;
	j->check = NULL;
	if (r->survived)
		j->check_mark = 0; /* it may be worn still */
	timer_del(j->s, &r->timer);
	sweep_del(j->s->sweep, &r->sweep);
	free(r);
}

int check_start(void *job, char *const *argv, pid_t *ret_pid, struct err *err)
{
	struct job *j = job;

	*ret_pid = 0;
	if (j->check)
		return 0;
	struct check_run *r = calloc(1, sizeof *r);
	if (!r)
		return err_no_memory(err);
	r->j = j;
	if (!j->check_mark)
		j->check_mark = launch_mark(j->s);
	r->sweep.mark = j->check_mark;
	r->sweep.cgroup_kill_fd = -1;
	if (launch_probe(j->s, j, argv, r->sweep.mark, &r->pid, err) < 0) {
		free(r);
		return -1;
	}
	j->check = r;
	*ret_pid = r->pid;
	return 0;
}

/* The unit may have waited for it, or the next attempt. */
static void through(struct job *j)
{
	check_free(j);
	check_gone(j->s, j->u);
	probe_again(j->probe);
}

static void swept(struct sweep_target *t, unsigned members, bool gone)
{
	struct check_run *r = container_of(t, struct check_run, sweep);

	(void)members;
	if (gone && !r->pid)
		through(r->j);
}

static void survives(struct super *s, struct timer *t)
{
	struct check_run *r = container_of(t, struct check_run, timer);

	if (outruns_still(s, t, &r->sweep))
		return;
	r->survived = true;
	(void)survivor_said(s, r->j->u, r->sweep.mark, r->pid, CHECK_OF);
	if (r->sweep.mark)
		sweep_add(s->sweep, &r->sweep, 0); /* its end is looked for, at leisure */
	check_gone(s, r->j->u);
}

void check_cut(void *job, pid_t pid)
{
	struct job *j = job;
	struct check_run *r = j->check;

	if (!r || r->pid != pid)
		return;
	/* While it is unreaped its group is still its own. */
	if (kill(-pid, SIGKILL) < 0)
		(void)kill(pid, SIGKILL); /* it has no group yet, or we may not */
	if (r->sweep.fn)
		return;
	r->sweep.fn = swept;
	timer_in(j->s, &r->timer, SURVIVE_NS, survives);
	if (r->sweep.mark) /* no marks here: its group is all that is known of it */
		sweep_add(j->s->sweep, &r->sweep, SIGKILL);
	j->s->sweep_at_ns = 0;
}

void check_ended(struct job *j, pid_t pid)
{
	struct check_run *r = j->check;

	if (!r || r->pid != pid)
		return;
	r->pid = 0;
	if (!r->sweep.mark)
		through(j);
}
