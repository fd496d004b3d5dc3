/* What a check leaves running goes with it: it wears a mark of its own, not its unit's. */
#include "super/checks.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>

struct check_run {
	struct check_run *next; /* of the job */
	struct job *j;
	pid_t pid; /* 0: reaped */
	struct sweep_target sweep;
	bool sweeping;
};

bool checks_use_mark(const struct job *j, uint64_t mark)
{
	for (const struct check_run *r = j->checks; r; r = r->next)
		if (r->sweep.mark == mark)
			return true;
	return j->check_mark == mark;
}

/* One mark does for all checks of a unit, one after the other; not where one of them lingers. */
static uint64_t mark_for(struct job *j)
{
	if (j->checks)
		return launch_mark(j->s);
	if (!j->check_mark)
		j->check_mark = launch_mark(j->s);
	return j->check_mark;
}

static void run_free(struct check_run *r)
{
	struct check_run **at = &r->j->checks;

	while (*at && *at != r)
		at = &(*at)->next;
	if (*at)
		*at = r->next;
	if (r->sweeping)
		sweep_del(r->j->s->sweep, &r->sweep);
	free(r);
}

int check_start(struct job *j, char *const *argv, pid_t *ret_pid, struct err *err)
{
	struct check_run *r = calloc(1, sizeof *r);

	if (!r)
		return err_set(err, ERR_EXEC_FAILED, ENOMEM, "out of memory");
	r->j = j;
	r->sweep.mark = mark_for(j);
	r->sweep.cgroup_kill_fd = -1;
	if (launch_probe(j->s, j, argv, r->sweep.mark, &r->pid, err) < 0) {
		free(r);
		return -1;
	}
	r->next = j->checks;
	j->checks = r;
	*ret_pid = r->pid;
	return 0;
}

static struct check_run *run_of(struct job *j, pid_t pid)
{
	for (struct check_run *r = j->checks; r; r = r->next)
		if (r->pid == pid)
			return r;
	return NULL;
}

/* While it is unreaped its group is still its own. */
void check_ending(struct job *j, pid_t pid)
{
	if (run_of(j, pid))
		(void)kill(-pid, SIGKILL);
}

/* The unit may have waited for this one alone. */
static void through(struct check_run *r)
{
	struct job *j = r->j;

	run_free(r);
	if (!j->checks)
		check_gone(j->s, j->u);
}

static void swept(struct sweep_target *t, unsigned members, bool gone)
{
	(void)members;
	if (gone)
		through(container_of(t, struct check_run, sweep));
}

void check_ended(struct job *j, pid_t pid)
{
	struct check_run *r = run_of(j, pid);

	if (!r)
		return;
	r->pid = 0;
	if (!r->sweep.mark) { /* no marks here: its group is all that is known of it */
		through(r);
		return;
	}
	r->sweep.fn = swept;
	sweep_add(j->s->sweep, &r->sweep, SIGKILL);
	r->sweeping = true;
	j->s->sweep_at_ns = 0;
}

void checks_free(struct job *j)
{
	while (j->checks)
		run_free(j->checks);
}
