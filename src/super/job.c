#include <stdlib.h>
#include <unistd.h>

#include "base/log.h"
#include "node/keep.h"
#include "node/memory.h"
#include "probe/probe.h"
#include "super/checks.h"
#include "super/define.h"
#include "super/env.h"
#include "super/hooks.h"
#include "super/message.h"
#include "super/meter.h"
#include "super/notify.h"
#include "super/schedule.h"
#include "super/will.h"

enum { STOP_TIMEOUT_DEFAULT_S = 5 };

struct job *job_new(struct super *s, struct unit *u, const struct service *svc)
{
	struct job *j = calloc(1, sizeof *j);

	if (!j)
		return NULL;
	j->s = s;
	j->u = u;
	j->svc = svc;
	list_init(&j->hearing);
	list_init(&j->stop);
	list_init(&j->unwatched);
	j->status.fd = -1;
	j->group = (struct group){ .procs = -1, .kill_fd = -1 };
	j->sweep.cgroup_kill_fd = -1;
	u->rt = j;
	return j;
}

void launch_free(struct launch *l)
{
	if (!l)
		return;
	free(l->argv);
	free(l->groups);
	free(l);
}

static void drop_status(struct super *s, struct job *j)
{
	if (j->status.fd < 0)
		return;
	loop_close(s->loop, &j->status);
	list_del(&j->unwatched);
}

void job_at_rest(struct super *s, struct job *j)
{
	if (j->sweeping)
		sweep_del(s->sweep, &j->sweep);
	j->sweeping = false;
	signal_over(j, 0);
	drop_status(s, j);
	j->sweep.cgroup_kill_fd = -1;
	group_close(s, &j->group);
	group_leave_tree(s, j);
	notify_close(j);
	if (j->u->state != NODE_BACKOFF) /* it counts over restarts */
		timer_del(s, &j->ttl);
	list_del(&j->hearing);
	j->heard = false;
	memory_gone(j->u);
	j->stop_deadline_ns = 0;
	j->outrun = 0;
	j->prepared = j->forced = false;
	j->leftovers_told = j->at_once = j->term_sent = j->survived = j->resolved = false;
}

void job_free(struct super *s, struct job *j)
{
	if (!j)
		return;
	job_at_rest(s, j);
	sampling_forget(s, j);
	hooks_leave_job(s, j);
	timer_del(s, &j->timer);
	timer_del(s, &j->ttl);
	probe_free(j->probe);
	check_free(j);
	aux_forget(s, j);
	queue_forget(s, j->u);
	queue_free(s, j);
	settle_forget(s, j->u);
	list_del(&j->stop);
	serve_forget_unit(s, j->u);
	logproc_forget_unit(s, j->u);
	launch_free(j->launch);
	if (unit_spawned(j->u))
		env_drop(s, j->env, j->u);
	else
		env_unref(s, j->env);
	(void)define_free(s, j->next);
	(void)manifest_free(j->m);
	free(j->cwd);
	free(j->tree_group);
	buf_done(&j->dropped);
	wills_free(j->wills);
	schedule_unref(j->schedule);
	trouble_forget(j);
	keep_sub(j->u, j->kept);
	free(j->command);
	j->u->rt = NULL;
	free(j);
}

/* A failure is told now that the unit is gone: whoever asks again finds its place free. */
static void tell_asker(struct super *s, struct job *j)
{
	struct err err = j->u->trouble;

	if (!err.code)
		err_set(&err, ERR_PARENT_STOPPING, 0, "%s was stopped before it was executed",
			j->u->name);
	serve_exec(s, j, j->u->exec_ok ? NULL : &err);
}

void job_end(struct super *s, struct unit *u)
{
	struct unit *parent = u->parent;
	struct job *j = job_of(u);
	bool stillborn = !u->born, orphan = u->orphan;

	if (j->asker) /* its execve failed, or it was stopped before that was told */
		tell_asker(s, j);
	serve_unit_told(s, u);
	if (!stillborn)
		message_notice(s, u);
	job_free(s, j);
	if (stillborn)
		tree_unadmit(&s->tree, u);
	else
		tree_end(&s->tree, u);
	queue_touch(parent);
	if (!orphan && !parent->live_children && parent->rt && !node_state_at_rest(parent->state)) {
		post(s, parent, EV_KIDS_GONE);
		check_gone(s, parent);
	}
}

int64_t job_stop_timeout(const struct job *j)
{
	const struct job *root = job_of(j->u->root);
	const struct service *svc = root ? root->svc : NULL;

	return svc ? svc->stop_timeout_ns : STOP_TIMEOUT_DEFAULT_S * INT64_C(1000000000);
}
