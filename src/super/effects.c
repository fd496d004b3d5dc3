/* One function per effect of the state table: the only way from a state to a system call. */
#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/units.h"
#include "node/exit.h"
#include "os/proc.h"
#include "probe/probe.h"
#include "super/hooks.h"
#include "super/kids.h"
#include "super/message.h"

#define SETUP_NS   (30 * NS_PER_SEC) /* from fork to execve */
#define SURVIVE_NS (5 * NS_PER_SEC)  /* from the first KILL to being called a survivor */

enum {
	OUTRUN_MAX = 25
}; /* seconds that a fork bomb may go on being killed before it counts as a survivor */

static timer_fn fired;

/* --- stopping --- */

/* Its main process ended by itself and left others running: the usual reason is named, once a
 * start. */
static void tell_leftovers(struct job *j, unsigned members)
{
	char path[UNIT_PATH_MAX];

	if (j->leftovers_told)
		return;
	j->leftovers_told = true;
	event_add(j->s, EVENT_LEFTOVERS, j->u, ERR_OK, "left=%u", members);
	log_line(LOG_WARN,
		"%s: its main process ended and left %u of its own running, killed now; it has to "
		"run in the foreground",
		unit_path(j->u, path, sizeof path), members);
}

static void swept(struct sweep_target *t, unsigned members, bool gone)
{
	struct job *j = container_of(t, struct job, sweep);

	if (members && j->u->state == NODE_ENDING)
		tell_leftovers(j, members);
	if (!gone)
		return;
	sweep_del(j->s->sweep, t);
	j->sweeping = false;
	j->u->own_left = false;
	check_gone(j->s, j->u);
}

static void sweep_for(struct super *s, struct job *j, int sig)
{
	signal_over(j, 0); /* a stop takes its place */
	j->sweep.fn = swept;
	sweep_add(s->sweep, &j->sweep, sig);
	j->sweeping = true;
	s->sweep_at_ns = 0;
}

static void fx_disarm(struct super *s, struct unit *u)
{
	timer_del(s, &job_of(u)->timer);
	job_of(u)->timed_out = false;
}

static void fx_unprobe(struct super *s, struct unit *u)
{
	struct job *j = job_of(u);

	(void)s;
	j->probe = probe_free(j->probe);
}

static void fx_deps(struct super *s, struct unit *u)
{
	if (unit_spawned(u))
		post(s, u, EV_DEPS_UP);
	s->deps_dirty = true;
}

/* The end of a start that never was: no process, so its exit is ours to tell. */
static void never_born(struct super *s, struct unit *u, const struct err *err)
{
	u->trouble = *err;
	u->main_alive = u->own_left = false;
	u->started_ns = u->exit.ended_ns = clock_mono_ns();
	u->exit.known = true;
	u->exit.code = 127;
	u->exit.signal = 0;
	u->exit.reason = END_EXEC_FAILED;
	u->exit.ended_wall_ns = clock_wall_ns();
	event_add(s, EVENT_FAILED, u, err->code, "%s", err->msg);
	post(s, u, EV_MAIN_EXIT);
}

static void fx_spawn(struct super *s, struct unit *u)
{
	struct err err;

	trouble_launch(job_of(u));
	if (launch_start(s, u, &err) < 0)
		never_born(s, u, &err);
}

static void signal_main(struct super *s, struct job *j)
{
	struct unit *u = j->u;
	struct proc_stat st;
	enum stop_target target = j->svc ? j->svc->stop_target : STOP_MAIN;
	int sig = j->svc ? j->svc->stop_signal : SIGTERM;

	j->term_sent = true;
	if (target ==
		STOP_TREE) /* first, so that what gets it below is known not to need it again */
		sweep_for(s, j, sig);
	if (target == STOP_GROUP) {
		/* each process gets it once: what is in the group now is passed over when the rest
		 * gets it */
		j->sweep.told_group = u->pid;
		j->sweep.told_ticks = sweep_ticks();
	}
	/* else its set-up has not made the group yet, or it is another user's */
	if (target != STOP_GROUP || kill(-u->pid, sig) < 0) {
		j->sweep.told_group = 0;
		if (kill(u->pid, sig) == 0)
			sweep_mark_sent(s->sweep, &j->sweep, u->pid);
		else if (errno == EPERM)
			sweep_for(s, j, sig); /* the sweep has a helper that takes its user */
	}
	if (proc_stat_read(u->pid, &st) == 0 && st.state == 'T')
		(void)kill(u->pid, SIGCONT); /* a stopped process could not obey */
}

static void fx_term(struct super *s, struct unit *u)
{
	struct job *j = job_of(u);
	int sig = j->svc ? j->svc->stop_signal : SIGTERM;

	if (u->live_children && !j->at_once && !unit_kids_stay(u))
		return; /* KIDS_GONE comes when the last of them is gone */
	if (u->main_alive) {
		if (!j->term_sent)
			signal_main(s, j);
		return;
	}
	/* What is left after the main process gets the signal now, each once. */
	if (u->own_left)
		sweep_for(s, j, sig);
	else
		check_gone(s, u);
}

static void kill_own(struct super *s, struct unit *u)
{
	if (u->main_alive) {
		(void)kill(-u->pid, SIGKILL);
		(void)kill(u->pid, SIGKILL);
	}
	if (u->own_left)
		sweep_for(s, job_of(u), SIGKILL);
}

static void fx_clear(struct super *s, struct unit *u)
{
	kill_own(s, u);
	check_gone(s, u);
}

static void fx_kill(struct super *s, struct unit *u)
{
	job_of(u)->forced |= u->main_alive || u->own_left;
	kill_own(s, u);
	for (struct unit *d = NULL; !unit_kids_stay(u) && (d = tree_walk(u, d));)
		if (d->own_left && job_of(d) && d->state == NODE_STOPPING)
			timer_set(s, &job_of(d)->timer, 0, fired);
		else if (d->own_left && job_of(d) && d->state != NODE_KILLING)
			post_stop(s, d);
}

const char *said_path(const struct unit *u, char path[UNIT_PATH_MAX])
{
	return u ? unit_path(u, path, UNIT_PATH_MAX) : "a service that is no more";
}

bool survivor_said(struct super *s, const struct unit *u, uint64_t mark, pid_t pid, const char *of)
{
	char path[UNIT_PATH_MAX];

	if (!sweep_members(s->sweep, mark, pid, &pid, 1) && !pid)
		return false;
	event_add(s, EVENT_SURVIVORS, u, ERR_SURVIVORS, "pid=%d", (int)pid);
	log_line(LOG_ERR, "error[SG0713]: %s: pid %d of its %s can't be killed", said_path(u, path),
		(int)pid, of);
	return true;
}

bool outruns_still(struct super *s, struct timer *t, const struct sweep_target *of)
{
	if (!sweep_outrun(of))
		return false;
	timer_in(s, t, NS_PER_SEC, t->fn);
	return true;
}

static void name_survivors(struct super *s, struct unit *u)
{
	enum { NAMED = 8 };
	char list[NAMED * 12 + 1] = "";
	struct job *j = job_of(u);
	pid_t pids[NAMED];
	size_t at = 0;

	if (!u->own_left && !u->main_alive) {
		u->exit.left = 0;
		err_set(&u->trouble, ERR_SURVIVORS, 0,
			"processes of a unit that it spawned can't be killed");
		trouble_say(s, u);
		return;
	}
	pids[0] = u->pid; /* if no member is seen alive: it is kept from being reaped */
	u->exit.left = sweep_members(s->sweep, j->mark, u->main_alive ? u->pid : 0, pids, NAMED);
	if (!u->exit.left)
		u->exit.left = u->main_alive;
	for (unsigned i = 0; i < u->exit.left && i < NAMED; i++)
		at += (size_t)snprintf(list + at, sizeof list - at, " %d", (int)pids[i]);
	err_set(&u->trouble, ERR_SURVIVORS, 0, "%u of its processes can't be killed:%s",
		u->exit.left, list);
	trouble_say(s, u);
}

/* Its own, or what a unit below it could not be rid of, which says so a moment later. */
static bool has_survivors(struct super *s, struct unit *u)
{
	if (u->own_left || u->main_alive)
		return true;
	if (!u->live_children)
		return false;
	for (struct unit *d = NULL; (d = tree_walk(u, d));)
		if (job_of(d) && job_of(d)->survived)
			return true;
	timer_in(s, &job_of(u)->timer, NS_PER_SEC, fired);
	return false;
}

/* 5 s after the first KILL: said now, to those who wait too; the unit stays as it is, and no second
 * copy starts. */
static void fx_survive(struct super *s, struct unit *u)
{
	struct job *j = job_of(u);

	if (j->survived || !has_survivors(s, u))
		return;
	if (u->own_left && ++j->outrun < OUTRUN_MAX && outruns_still(s, &j->timer, &j->sweep))
		return;
	name_survivors(s, u);
	event_add(s, EVENT_SURVIVORS, u, ERR_SURVIVORS, "%s", u->trouble.msg);
	j->survived = true;
	if (!u->exit.known) {
		u->exit.known = true;
		u->exit.code = 137;
		u->exit.signal = SIGKILL;
		u->exit.reason = END_STOPPED;
		u->exit.ended_ns = clock_mono_ns();
	}
	serve_unit_told(s, u);
	message_notice(s, u);
}

/* --- probing, timers --- */

static void fx_probe(struct super *s, struct unit *u)
{
	struct job *j = job_of(u);

	if (unit_spawned(u))
		job_exec_done(s, j);
	health_begin(s, u);
}

static void fired(struct super *s, struct timer *t)
{
	struct job *j = container_of(t, struct job, timer);
	struct unit *u = j->u;

	if (u->state == NODE_STARTING && !u->trouble.code) {
		err_set(&u->trouble, ERR_EXEC_FAILED, ETIMEDOUT,
			"its set-up before exec took more than 30 s");
		event_add(s, EVENT_FAILED, u, u->trouble.code, "%s", u->trouble.msg);
		u->cause = CAUSE_SETUP;
		serve_exec(s, j, &u->trouble);
	}
	time_out(s, u);
}

void time_out(struct super *s, struct unit *u)
{
	if (job_of(u)->timed_out)
		return;
	job_of(u)->timed_out = true;
	post(s, u, EV_TIMEOUT);
}

static void arm(struct super *s, struct unit *u, int64_t deadline_ns)
{
	job_of(u)->timed_out = false;
	timer_set(s, &job_of(u)->timer, deadline_ns, fired);
}

static void fx_arm_start(struct super *s, struct unit *u)
{
	if (u->main_alive)
		arm(s, u, clock_mono_ns() + SETUP_NS);
}

static void fx_arm_stop(struct super *s, struct unit *u)
{
	arm(s, u, s->killing ? clock_mono_ns() : kids_deadline(job_of(u)));
}

static void fx_arm_kill(struct super *s, struct unit *u)
{
	arm(s, u, clock_mono_ns() + SURVIVE_NS);
}

static void fx_arm_backoff(struct super *s, struct unit *u)
{
	const struct job *j = job_of(u);
	char path[UNIT_PATH_MAX], delay[32];
	int64_t ns = j->svc ? exit_backoff(u, &j->svc->backoff, random_u64()) : exit_delay(u);

	log_line(LOG_WARN, "%s ended (%s %d); restart %u in %s", unit_path(u, path, sizeof path),
		u->exit.signal ? "signal" : "code", u->exit.signal ? u->exit.signal : u->exit.code,
		u->in_a_row, duration_print(delay, sizeof delay, ns));
	bool ended = u->trouble.code == ERR_OK;
	if (j->svc && u->in_a_row == 1 && u->exit.code && (ended || !j->trouble_said) &&
		!s->opts->one_command) {
		if (ended)
			trouble_ended(u);
		trouble_say(s, u); /* the first of a row tells why, the others would say the same */
	}
	event_add(s, EVENT_RESTART, u, ERR_OK, "restart=%u delay=%s", u->in_a_row, delay);
	arm(s, u, clock_mono_ns() + ns);
}

static void fx_tell(struct super *s, struct unit *u)
{
	tell(s, u);
}

static void (*const run[FX_COUNT])(struct super *, struct unit *) = {
	[FX_BIT_DISARM] = fx_disarm,
	[FX_BIT_UNPROBE] = fx_unprobe,
	[FX_BIT_UNHOOK] = hooks_drop,
	[FX_BIT_DEPS] = fx_deps,
	[FX_BIT_PREPARE] = hooks_prepare,
	[FX_BIT_SPAWN] = fx_spawn,
	[FX_BIT_PRE_STOP] = hooks_leave,
	[FX_BIT_POST_STOP] = hooks_close,
	[FX_BIT_KIDS] = kids_stop,
	[FX_BIT_CASCADE] = kids_ended,
	[FX_BIT_TERM] = fx_term,
	[FX_BIT_CLEAR] = fx_clear,
	[FX_BIT_KILL] = fx_kill,
	[FX_BIT_SURVIVE] = fx_survive,
	[FX_BIT_PROBE] = fx_probe,
	[FX_BIT_ARM_START] = fx_arm_start,
	[FX_BIT_ARM_STOP] = fx_arm_stop,
	[FX_BIT_ARM_KILL] = fx_arm_kill,
	[FX_BIT_ARM_BACKOFF] = fx_arm_backoff,
	[FX_BIT_TELL] = fx_tell,
};

void effects_run(struct super *s, struct unit *u, unsigned fx)
{
	for (int bit = 0; bit < FX_COUNT && u; bit++)
		if (fx >> bit & 1) {
			run[bit](s, u);
			if (bit == FX_BIT_TELL)
				return; /* the unit may be freed */
		}
}
