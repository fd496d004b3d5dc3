/* Hooks: each run a process tree of its own; nothing waits for it but a state of its unit. */
#include "super/hook_run.h"

#include <errno.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/units.h"
#include "os/spawn.h"
#include "super/deploy.h"

#define SURVIVE_NS (5 * NS_PER_SEC) /* from KILL to being called a survivor */

static const struct hook *hook_of(const struct job *j, enum hook_kind kind)
{
	const struct hook *h = j->svc && j->svc->hooks ? &j->svc->hooks[kind] : NULL;

	return h && h->argv ? h : NULL;
}

bool hooks_wants(const struct super *s, const struct job *j, enum hook_kind kind)
{
	/* The service isn't stopped where a candidate for its place is. */
	const unsigned of_a_stop = 1u << HOOK_PRE_STOP | 1u << HOOK_POST_STOP |
				   1u << HOOK_STOP_SUCCESS | 1u << HOOK_STOP_ERROR;

	/* Once everything is being killed there is no time left for what comes before or after. */
	return hook_of(j, kind) && !s->killing && s->phase < PHASE_TERM &&
	       !(j->candidate && of_a_stop >> kind & 1);
}

bool hooks_use_mark(const struct super *s, uint64_t mark)
{
	for (const struct hook_run *h = s->hooks; h; h = h->next)
		if (h->in.mark == mark)
			return true;
	return false;
}

/* --- its end --- */

void hook_free(struct hook_run *h)
{
	struct super *s = h->s;
	struct hook_run **at = &s->hooks;

	while (*at && *at != h)
		at = &(*at)->next;
	if (*at)
		*at = h->next;
	timer_del(s, &h->timer);
	if (h->sweeping)
		sweep_del(s->sweep, &h->sweep);
	if (!h->reaped && h->pid)
		aux_forget_hook(s, h->pid);
	if (h->status_fd >= 0)
		close(h->status_fd);
	group_close(s, &h->group);
	if (h->j && node_state_at_rest(h->j->u->state))
		group_leave_tree(s, h->j);
	free(h);
}

/* 0: it did what it was to do; else what is wrong, in words that follow the unit's name. */
static int judge(const struct hook_run *h, struct err *err)
{
	const char *name = hook_name(h->kind);
	char limit[32];

	if (h->failed.code != ERR_OK) {
		err_set(err, ERR_PRE_START, 0, "its %s hook could not be run: %s", name,
			h->failed.msg);
		return err_help(err, "is %s in this image, and executable?", h->program);
	}
	if (!h->slow && !h->sig && !h->code)
		return 0;
	if (h->slow) {
		err_set(err, ERR_PRE_START_SLOW, 0,
			"its %s hook took longer than %s and was killed", name,
			duration_print(limit, sizeof limit, h->timeout_ns));
		return err_help(err,
			"what it printed: sysg logs %s\nits `timeout` gives it more time",
			h->j ? h->j->svc->name : "");
	}
	if (h->sig)
		err_set(err, ERR_PRE_START, 0, "its %s hook was ended by signal %d", name, h->sig);
	else
		err_set(err, ERR_PRE_START, 0, "its %s hook ended with code %d", name, h->code);
	return err_help(err, "what it printed: sysg logs %s", h->j ? h->j->svc->name : "");
}

void hook_warn(const struct job *j, const struct err *err)
{
	char path[UNIT_PATH_MAX];

	event_add(j->s, EVENT_HOOK, j->u, ERR_OK, "%s", err->msg);
	log_line(LOG_WARN, "%s: %s", unit_path(j->u, path, sizeof path), err->msg);
	trouble_say_help(LOG_WARN, err->help);
}

/* A start that failed before there was a main process: its end is the hook's. */
void hook_prepare_failed(struct super *s, struct unit *u, int code, int sig, const struct err *err)
{
	char path[UNIT_PATH_MAX];

	u->trouble = *err;
	u->trouble.sys = 0; /* that of a hook makes no start hopeless */
	u->unprepared = true;
	u->exit = (struct unit_exit){
		.known = true,
		.code = code,
		.signal = sig,
		.reason = err->code == ERR_RLIMIT ? END_EXEC_FAILED
			  : sig                   ? END_SIGNAL
						  : END_EXITED,
		.ended_ns = clock_mono_ns(),
		.ended_wall_ns = clock_wall_ns(),
	};
	event_add(s, EVENT_HOOK, u, err->code, "%s", err->msg);
	post(s, u, EV_HOOK_FAIL);
	if (err->code == ERR_RLIMIT)
		return; /* tried once, and said when it is at rest */
	log_line(LOG_ERR, "error[SG%04d]: %s: %s", err->code, unit_path(u, path, sizeof path),
		err->msg);
	trouble_say_help(LOG_ERR, err->help);
}

/* Its command ended with anything but 0, or could not tell: it is started. */
static void not_skipped(
	struct super *s, struct job *j, const struct hook_run *h, const struct err *err)
{
	if (h->sig || h->failed.code != ERR_OK)
		hook_warn(j, err);
	j->judged = true;
	hooks_prepare(s, j->u);
}

/* The state of the unit that was there for this run goes on. */
static void gate_done(
	struct super *s, struct job *j, bool good, const struct hook_run *h, const struct err *err)
{
	struct unit *u = j->u;

	j->gate = NULL;
	switch (u->state) {
	case NODE_PREPARING:
		if (good && h->kind == HOOK_SKIP && !j->judged)
			post(s, u, EV_SKIP);
		else if (h->kind == HOOK_SKIP)
			not_skipped(s, j, h, err);
		else if (good)
			post(s, u, EV_HOOK_OK);
		else
			hook_prepare_failed(s, u, h->code, h->sig, err);
		break;
	case NODE_LEAVING:
		post(s, u, EV_HOOK_OK);
		break;
	default: /* CLOSING, or it was told to go on without */
		check_gone(s, u);
		break;
	}
}

static const struct unit *unit_of(const struct hook_run *h)
{
	return h->j ? h->j->u : NULL;
}

static void finish(struct hook_run *h)
{
	struct job *j = h->j;
	struct err err = { 0 };
	bool good = judge(h, &err) == 0;

	if (!good && j && !h->cut && !(h == j->gate && j->u->state == NODE_PREPARING))
		hook_warn(j, &err);
	if (j && h == j->gate)
		gate_done(h->s, j, good, h, &err);
	else if (j && h->kind >= HOOK_SWITCH_A)
		roll_hook_over(h, good, &err);
	hook_free(h);
}

static void survives(struct super *s, struct timer *t)
{
	struct hook_run *h = container_of(t, struct hook_run, timer);

	if (outruns_still(s, t, &h->sweep))
		return;
	(void)survivor_said(s, unit_of(h), h->in.mark, h->reaped ? 0 : h->pid, hook_name(h->kind));
	finish(h);
}

static void swept(struct sweep_target *t, unsigned members, bool gone)
{
	struct hook_run *h = container_of(t, struct hook_run, sweep);
	char path[UNIT_PATH_MAX];

	if (members && h->reaped && !h->slow && !h->cut && !h->told) {
		h->told = true;
		event_add(h->s, EVENT_LEFTOVERS, unit_of(h), ERR_OK, "left=%u", members);
		log_line(LOG_WARN,
			"%s: its %s hook ended and left %u processes running, killed now",
			said_path(unit_of(h), path), hook_name(h->kind), members);
	}
	if (!gone)
		return;
	sweep_del(h->s->sweep, t);
	h->sweeping = false;
	h->gone = true;
	if (h->reaped)
		finish(h);
}

/* KILL to all of it, until nothing is left. */
static void clear(struct hook_run *h)
{
	struct super *s = h->s;

	if (!h->reaped) {
		(void)kill(-h->pid, SIGKILL);
		(void)kill(h->pid, SIGKILL);
	}
	if (h->sweeping || h->gone)
		return;
	h->sweep.fn = swept;
	sweep_add(s->sweep, &h->sweep, SIGKILL);
	h->sweeping = true;
	s->sweep_at_ns = 0;
	timer_in(s, &h->timer, SURVIVE_NS, survives);
}

static void too_slow(struct super *s, struct timer *t)
{
	struct hook_run *h = container_of(t, struct hook_run, timer);

	(void)s;
	h->slow = true;
	clear(h);
}

void hook_cut(struct hook_run *h)
{
	h->cut |= !h->reaped;
	clear(h);
}

void hook_ending(struct hook_run *h)
{
	/* While it is unreaped its group is still its own. */
	(void)kill(-h->pid, SIGKILL);
	if (h->status_fd < 0)
		return;
	if (spawn_result(0, h->status_fd, h->program, &h->failed) >= 0)
		h->failed.code = ERR_OK;
	close(h->status_fd);
	h->status_fd = -1;
}

void hook_exited(struct hook_run *h, int code, int sig)
{
	h->reaped = true;
	h->code = code;
	h->sig = sig;
	if (h->in.mark)
		h->sweep.session = 0; /* the number may be used again from here on */
	if (h->gone)
		finish(h);
	else
		clear(h);
}

/* --- its beginning --- */

/* SYSG_PRE_START_TIMEOUT_SECS is the limit of every pre_start, whatever the manifest says. */
static int64_t limit_of(const struct hook *hook, enum hook_kind kind)
{
	const char *text = kind == HOOK_PRE_START ? getenv("SYSG_PRE_START_TIMEOUT_SECS") : NULL,
		   *why;
	int64_t seconds;

	if (!text || !*text)
		return hook->timeout_ns;
	if (whole_parse(text, 1, INT64_MAX / NS_PER_SEC / 2, &seconds, &why) == 0)
		return seconds * NS_PER_SEC;
	log_line(LOG_WARN, "SYSG_PRE_START_TIMEOUT_SECS=%.32s is passed over: %s", text, why);
	return hook->timeout_ns;
}

static struct hook_run *run_new(
	struct super *s, struct job *j, enum hook_kind kind, struct err *err)
{
	struct hook_run *h = calloc(1, sizeof *h);

	(void)err_set(err, ERR_PRE_START, ENOMEM, "out of memory");
	if (!h)
		return NULL;
	if (group_open(s, j, (int)(j->hook_runs++ % INT_MAX), &h->group, err) < 0) {
		free(h);
		return NULL;
	}
	h->s = s;
	h->j = j;
	h->kind = kind;
	h->status_fd = -1;
	h->in.cgroup_procs = h->group.procs;
	h->timeout_ns = limit_of(hook_of(j, kind), kind);
	snprintf(h->program, sizeof h->program, "%s", hook_of(j, kind)->argv[0]);
	h->in.mark = launch_mark(s);
	h->sweep = (struct sweep_target){ .mark = h->in.mark, .cgroup_kill_fd = h->group.kill_fd };
	h->next = s->hooks;
	s->hooks = h;
	return h;
}

/* Every run is limited from its fork on. NULL: err says why it could not be started. */
struct hook_run *hook_begin(struct super *s, struct job *j, enum hook_kind kind, struct err *err)
{
	struct hook_run *h = run_new(s, j, kind, err);
	struct spawned child;

	if (!h) {
		(void)err_wrap(err, "its %s hook could not be started", hook_name(kind));
		return NULL;
	}
	if (launch_hook(s, j, kind, &h->in, &child, err) < 0) {
		err_wrap(err, "its %s hook could not be started", hook_name(kind));
		err->code = ERR_PRE_START;
		hook_free(h);
		return NULL;
	}
	h->pid = h->sweep.session = child.pid;
	h->status_fd = child.status_fd;
	timer_in(s, &h->timer, h->timeout_ns, too_slow);
	if (aux_add(s, child.pid, j, h) < 0) {
		/* Its end could not be told from that of any orphan. */
		(void)kill(child.pid, SIGKILL);
		err_set(err, ERR_PRE_START, ENOMEM,
			"its %s hook could not be started: out of memory", hook_name(kind));
		hook_free(h);
		return NULL;
	}
	return h;
}
