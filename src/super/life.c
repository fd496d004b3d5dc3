/* Orders and ends: what happens to a unit from outside the table. */
#include <inttypes.h>
#include <signal.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "node/exit.h"
#include "os/usock.h"
#include "probe/probe.h"
#include "super/checks.h"
#include "super/hooks.h"
#include "super/kids.h"
#include "super/message.h"
#include "super/schedule.h"

static bool stays_down(const struct unit *u, enum stop_cause cause)
{
	return (cause == CAUSE_MEMORY && unit_spawned(u)) || cause == CAUSE_ORDER ||
	       cause == CAUSE_SHUTDOWN || cause == CAUSE_TTL || cause == CAUSE_CASCADE;
}

/* A shell tells by 137 that what it ran was killed. */
static enum end_reason reason_of(const struct unit *u, int code, int sig)
{
	if (!u->exec_ok && u->trouble.code != ERR_OK)
		return END_EXEC_FAILED;
	switch (u->cause) {
	case CAUSE_ORDER:
	case CAUSE_DEPENDENCY:
		return END_STOPPED;
	case CAUSE_SHUTDOWN:
		return END_SHUTDOWN;
	case CAUSE_TTL:
		return END_TTL;
	case CAUSE_MEMORY:
		return END_MEMORY;
	case CAUSE_CASCADE:
		return END_CASCADE;
	default:
		return code == 128 + SIGKILL && group_oom(job_of(u)) ? END_OOM
		       : sig                                         ? END_SIGNAL
								     : END_EXITED;
	}
}

/* Stopped in its back-off: its last end was its own, that it is the last one isn't. */
static void over_between(struct unit *u, enum stop_cause cause)
{
	u->cause = cause;
	u->trouble.code = ERR_OK;
	u->exit.reason = reason_of(u, 0, 0);
}

/* The start that was to come after its stop doesn't come: what waited for that is over. */
static void stay_idle(struct super *s, struct unit *u)
{
	if (u->state != NODE_IDLE || !u->keeps_kids)
		return;
	u->keeps_kids = false;
	message_unit_over(s, u);
	serve_unit_told(s, u);
}

static void stop(struct super *s, struct unit *u, enum stop_cause cause, bool keep_kids)
{
	bool stayed = unit_kids_stay(u);

	if (u->ended || !u->rt)
		return;
	if (stays_down(u, cause)) {
		if (!keep_kids)
			stay_idle(s, u);
		u->keeps_kids = keep_kids && (u->want_up || u->keeps_kids);
		u->want_up = job_of(u)->cron_on = job_of(u)->cron_again = false;
	}
	if (u->cause == CAUSE_NONE && u->state != NODE_ENDING && u->state != NODE_DRAINING &&
		u->state != NODE_CLOSING && u->state != NODE_BACKOFF) /* that end was its own */
		u->cause = cause;
	if (unit_spawned(u) && u->state == NODE_BACKOFF)
		over_between(u, cause);
	if (!stays_down(u, cause))
		post(s, u, EV_RESTART);
	else if (unit_spawned(u))
		post_stop(s, u);
	else
		post(s, u, EV_STOP);
	if (stayed && !unit_kids_stay(u) &&
		(u->state == NODE_STOPPING || u->state == NODE_KILLING || u->state == NODE_CLOSING))
		kids_stop(s, u); /* they were passed over */
}

void order_stop(struct super *s, struct unit *u, enum stop_cause cause)
{
	stop(s, u, cause, false);
}

void order_restart(struct super *s, struct unit *u)
{
	stop(s, u, CAUSE_ORDER, true);
}

void order_start(struct super *s, struct unit *u)
{
	if (schedule_start(s, job_of(u)))
		stay_idle(s, u);
	else
		order_now(s, u);
}

void order_now(struct super *s, struct unit *u)
{
	u->want_up = true;
	if (node_state_at_rest(u->state) && u->state != NODE_BACKOFF) {
		u->in_a_row = 0;
		u->ever = 0;
		if (u->state != NODE_WAITING)
			job_of(u)->relaunch = false;
		job_of(u)->judged = false;
		if (unit_rests(u))
			tree_forget_kids(&s->tree, u);
	}
	post(s, u, EV_START);
}

void kill_now(struct super *s, struct unit *u)
{
	struct job *j = job_of(u);

	if (j)
		hooks_kill(s, j);
	if (!j || node_state_at_rest(u->state))
		return;
	j->stop_deadline_ns = clock_mono_ns();
	j->at_once = true;
	if (u->state == NODE_STOPPING || u->state == NODE_LEAVING) {
		timer_del(s, &j->timer);
		time_out(s, u);
	} else if (u->state != NODE_KILLING) {
		order_stop(s, u, CAUSE_SHUTDOWN);
	}
}

static bool may_end(enum node_state state)
{
	return state == NODE_STOPPING || state == NODE_KILLING || state == NODE_ENDING ||
	       state == NODE_DRAINING || state == NODE_CLOSING;
}

void effects_exit(struct super *s, struct unit *u, int code, int sig)
{
	u->main_alive = false;
	if (job_remote(job_of(u)) && !code && !sig && !may_end(u->state)) {
		u->own_left = false; /* its token is written: it goes on without a process */
		return;
	}
	if (job_of(u)->mark)
		job_of(u)->sweep.session = 0; /* the number may be used again from here on */
	u->exit = (struct unit_exit){
		.known = true,
		.code = code,
		.signal = sig,
		.reason = reason_of(u, code, sig),
		.ended_ns = clock_mono_ns(),
		.ended_wall_ns = clock_wall_ns(),
		.peak_bytes = u->memory_peak,
	};
	trouble_exit(s, u);
	message_main_ended(s, u);
	post(s, u, EV_MAIN_EXIT);
}

void check_gone(struct super *s, struct unit *u)
{
	struct job *j = job_of(u);

	if (!j || j->resolved || j->gate || (j->check && !j->check->survived) || u->main_alive ||
		u->own_left || !may_end(u->state))
		return;
	if (u->live_children && !kids_settled(s, u))
		return;
	/* Its last messages come before its end, and there is a bound on how many end in a turn: each of a service may
	 * have hooks to start. */
	if ((unit_spawned(u) || j->svc->hooks) && !j->heard) {
		if (list_empty(&j->hearing)) {
			list_add_tail(&s->hearing, &j->hearing);
			j->heard_at = s->accepts + USOCK_BACKLOG + 1;
		}
		return;
	}
	j->resolved = true;
	bool hook = u->state != NODE_CLOSING && u->exec_ok && j->launched &&
		    hooks_wants(s, j, HOOK_POST_STOP);
	post(s, u, hook ? EV_EMPTY : exit_resolve(u, j->svc));
}

static void ttl_over(struct super *s, struct timer *t)
{
	struct job *j = container_of(t, struct job, ttl);

	order_stop(s, j->u, CAUSE_TTL);
}

void serve_exec(struct super *s, struct job *j, const struct err *failed)
{
	struct conn *c = j->asker;
	char path[UNIT_PATH_MAX];
	struct buf b;

	(void)s;
	j->asker = NULL;
	if (c)
		conn_back(c);
	if (!c || c->gone)
		return;
	c->tag = j->tag;
	c->tagged -= j->tag != 0;
	if (failed) {
		if (!c->tagged)
			conn_waits(c, WAIT_NOTHING);
		conn_fail(c, failed);
		c->tag = 0;
		return;
	}
	answer_begin(&b);
	packet_putf(&b, "id", "@%" PRIu64, j->u->id);
	packet_put(&b, "name", j->u->name);
	packet_put(&b, "path", unit_path(j->u, path, sizeof path));
	packet_put_int(&b, "pid", j->u->pid);
	packet_put_int(&b, "depth", j->u->depth);
	if (c->tag)
		packet_put_int(&b, "tag", c->tag);
	c->tag = 0;
	for (size_t i = 0; i < j->dropped.len; i += strlen(j->dropped.p + i) + 1)
		packet_put(&b, "dropped", j->dropped.p + i);
	answer_send(c, &b);
	if (!c->tagged)
		conn_waits(c, c->then_exit ? WAIT_EXIT : WAIT_NOTHING);
}

void job_exec_done(struct super *s, struct job *j)
{
	if (j->u->ttl_ns && !j->ttl.node.at)
		timer_in(s, &j->ttl, j->u->ttl_ns, ttl_over);
	if (!j->u->again) {
		launch_free(j->launch);
		j->launch = NULL;
	}
	event_add(s, EVENT_SPAWNED, j->u, ERR_OK, "pid=%d parent=@%" PRIu64, (int)j->u->pid,
		j->u->parent->id);
	serve_exec(s, j, NULL);
}
