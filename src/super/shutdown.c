/* The end of the container: levels of the reverse graph, one budget, everything that is left, the
 * logger, the code. */
#include <signal.h>

#include "base/clock.h"
#include "base/log.h"
#include "super/checks.h"
#include "super/deploy.h"
#include "super/kids.h"

#define BUDGET_NS      (8 * NS_PER_SEC)  /* inside a runtime's usual 10 s */
#define BUDGET_MORE_NS (3 * NS_PER_SEC)  /* above the longest chain of stop_timeouts */
#define KILLED_NS      (1 * NS_PER_SEC)  /* how long what was killed may take to be gone */
#define MOMENT_NS      (500 * NS_PER_MS) /* between TERM and KILL to what belongs to no unit */
#define WORDS_NS       (500 * NS_PER_MS) /* for the last lines and the termination log */
#define LOGGER_NS      (1 * NS_PER_SEC)
enum { EXIT_SURVIVORS = 70 };

static void next_phase(struct super *s);

static void time_is_up(struct super *s, struct timer *t)
{
	(void)t;
	next_phase(s);
}

static void enter(struct super *s, enum phase phase, int64_t lasts_ns)
{
	s->phase = phase;
	/* The time was spent on what can't be killed, and a runtime waits 10 s. */
	if (s->survivors && phase != PHASE_WORDS)
		lasts_ns /= 4;
	timer_in(s, &s->shut, lasts_ns, time_is_up);
}

/* It, a child that stayed while it is down, or an orphan of its tree. */
static bool lives(const struct unit *u)
{
	return !node_state_at_rest(u->state) || u->live_children || u->orphans;
}

static bool level_empty(const struct super *s, unsigned level)
{
	list_each(it, &s->tree.services)
	{
		const struct unit *u = list_entry(it, struct unit, sibling);
		if (s->plan->level[u->service] == level && lives(u))
			return false;
	}
	return true;
}

static void stop_level(struct super *s, unsigned level)
{
	list_each(it, &s->tree.services)
	{
		struct unit *u = list_entry(it, struct unit, sibling);
		if (s->plan->level[u->service] != level || !lives(u) || job_of(u)->shut_ordered)
			continue;
		job_of(u)->shut_ordered = true;
		if (!node_state_at_rest(u->state) || u->live_children)
			order_stop(s, u, CAUSE_SHUTDOWN);
		kids_order(s, u, true, CAUSE_SHUTDOWN);
	}
}

/* Nothing new is started: what waits or is in its backoff goes down now, whatever its level. */
static void cancel_starts(struct super *s)
{
	list_each(it, &s->tree.services)
	{
		struct unit *u = list_entry(it, struct unit, sibling);
		if (u->state == NODE_WAITING || u->state == NODE_BACKOFF ||
			u->state == NODE_PREPARING)
			order_stop(s, u, CAUSE_SHUTDOWN);
		else
			u->want_up = false;
	}
	list_each(it, &s->tree.all)
	{
		struct unit *u = list_entry(it, struct unit, all);
		if (u->again && u->state == NODE_BACKOFF)
			order_stop(s, u, CAUSE_SHUTDOWN);
		else if (u->again)
			u->want_up = false;
	}
}

static int64_t budget(const struct super *s)
{
	bool any = false;

	if (s->m->shutdown_timeout_ns >= 0)
		return s->m->shutdown_timeout_ns;
	for (size_t i = 0; i < s->m->nservices; i++)
		any |= s->m->services[i].stop_timeout_set;
	return any ? plan_stop_budget(s->m, s->plan) + BUDGET_MORE_NS : BUDGET_NS;
}

static void begin_levels(struct super *s)
{
	enter(s, PHASE_LEVELS, budget(s));
	s->level = s->plan->levels;
	list_each(it, &s->tree.services)
	{
		struct unit *u = list_entry(it, struct unit, sibling);
		tree_close(u);
		queue_touch(u);
	}
}

void shutdown_begin(struct super *s, const char *why)
{
	if (s->phase != PHASE_RUN)
		return;
	log_line(LOG_INFO, "shutting down: %s", why);
	event_add(s, EVENT_SHUTDOWN, NULL, ERR_OK, "%s", why);
	cancel_starts(s);
	if (s->m->shutdown_delay_ns > 0)
		enter(s, PHASE_DELAY, s->m->shutdown_delay_ns);
	else
		begin_levels(s);
}

void shutdown_decide(struct super *s, int code, const struct unit *u)
{
	if (s->code_decided)
		return;
	s->code_decided = true;
	s->code = code;
	s->blamed = u ? u->id : 0;
}

static void kill_all(struct super *s)
{
	s->killing = true;
	list_each(it, &s->tree.all) kill_now(s, list_entry(it, struct unit, all));
}

void shutdown_now(struct super *s)
{
	if (s->phase == PHASE_DELAY)
		begin_levels(s);
	if (s->phase != PHASE_LEVELS || s->killing)
		return;
	log_line(LOG_WARN, "a second signal: everything that is left is killed now");
	kill_all(s);
	enter(s, PHASE_LEVELS, KILLED_NS);
}

/* Hooks that tell how a unit ended are part of the end, too. */
static bool all_at_rest(const struct super *s)
{
	if (s->hooks)
		return false;
	list_each(it,
		&s->tree.services) if (lives(list_entry(it, struct unit, sibling))) return false;
	return true;
}

static unsigned count_survivors(struct super *s)
{
	unsigned n = 0;

	list_each(it, &s->tree.all)
	{
		const struct unit *u = list_entry(it, struct unit, all);
		const struct job *j = job_of(u);
		if (u->ended || !j)
			continue;
		if (u->own_left)
			n += survivor_said(s, u, j->mark, 0, "tree");
		if (j->check)
			n += survivor_said(s, u, j->check->sweep.mark, 0, CHECK_OF);
	}
	return n;
}

static void begin_everyone(struct super *s)
{
	s->survivors = count_survivors(s);
	serve_shutdown_told(s);
	if (!s->pre.pid1 || sweep_everyone(s->sweep, SIGTERM) == 0) {
		s->phase = PHASE_KILL;
		next_phase(s);
		return;
	}
	enter(s, PHASE_TERM, MOMENT_NS);
}

/* Its own code in every case. Where it was our own stop signal that ended it, it has none: 0, or what an essential
 * service that ended before it has decided. */
static void code_from(struct super *s)
{
	ssize_t i = s->m->exit_code_from ? manifest_find(s->m, s->m->exit_code_from) : -1;
	const struct unit *u = i >= 0 ? s->unit_of[i] : NULL;

	if (!u || !u->exit.known)
		return;
	bool ours = u->cause != CAUSE_NONE &&
		    (u->exit.signal == s->m->services[i].stop_signal || u->exit.signal == SIGKILL);
	s->code_decided &= ours || s->survivors;
	shutdown_decide(s, ours ? 0 : unit_exit_code(u), u);
}

/* Nothing runs any more: what failed may still have its last lines with the logger, and the runtime
 * is told. */
static void begin_words(struct super *s)
{
	if (s->survivors) {
		s->code_decided = true;
		s->code = EXIT_SURVIVORS;
	}
	code_from(s);
	enter(s, PHASE_WORDS, WORDS_NS);
}

static void step_words(struct super *s)
{
	if (trouble_waits(s))
		return;
	termlog_begin(s);
	if (termlog_done(s))
		next_phase(s);
}

static void begin_logger(struct super *s)
{
	trouble_flush(s);
	termlog_free(s);
	logproc_stop(s);
	enter(s, PHASE_LOGGER, LOGGER_NS);
}

/* What each phase goes over to, because it is through or because its time is up. */
static void next_phase(struct super *s)
{
	switch (s->phase) {
	case PHASE_DELAY:
		begin_levels(s);
		break;
	case PHASE_LEVELS:
		if (!all_at_rest(s) && !s->killing) {
			log_line(LOG_WARN, "the shutdown's time is spent; everything that is left "
					   "is killed now");
			kill_all(s);
			enter(s, PHASE_LEVELS, KILLED_NS);
			break;
		}
		begin_everyone(s);
		break;
	case PHASE_TERM:
		if (sweep_everyone(s->sweep, SIGKILL) > 0) {
			enter(s, PHASE_KILL, KILLED_NS);
			break;
		}
		begin_words(s);
		break;
	case PHASE_KILL:
		if (s->pre.pid1 && sweep_everyone(s->sweep, SIGKILL) > 0) {
			log_line(LOG_ERR,
				"error[SG0713]: processes of this container can't be killed");
			s->survivors++;
		}
		begin_words(s);
		break;
	case PHASE_WORDS:
		begin_logger(s);
		break;
	default:
		s->over = true;
		break;
	}
}

/* The next level goes when the one above it is at rest. */
static void step_levels(struct super *s)
{
	while (s->level > 0 && level_empty(s, s->level - 1))
		s->level--;
	if (s->level > 0)
		stop_level(s, s->level - 1);
	else if (!s->hooks)
		next_phase(s);
}

void shutdown_step(struct super *s)
{
	switch (s->phase) {
	case PHASE_LEVELS:
		step_levels(s);
		break;
	case PHASE_TERM:
	case PHASE_KILL:
		if (sweep_everyone(s->sweep, s->phase == PHASE_KILL ? SIGKILL : 0) == 0)
			next_phase(s);
		break;
	case PHASE_WORDS:
		step_words(s);
		break;
	case PHASE_LOGGER:
		if (logproc_done(s))
			s->over = true;
		break;
	default:
		break;
	}
}

/* A unit that keeps the container: it runs, is going to (a cron unit too), or is down by somebody's hand. */
static bool keeps(const struct unit *u)
{
	return u->state == NODE_IDLE || !node_state_over(u->state) || u->orphans ||
	       job_of(u)->cron_on;
}

void idle_check(struct super *s)
{
	const struct unit *first = NULL;

	if (s->phase != PHASE_RUN || s->opts->detached || !list_empty(&s->changes) ||
		rolls_busy(s) || s->nunloaded)
		return;
	for (size_t i = 0; i < s->m->nservices; i++) {
		const struct unit *u = s->unit_of[i];
		if (!u)
			continue;
		if (keeps(u))
			return;
		if (u->state == NODE_FAILED && (!first || u->failed_ns < first->failed_ns))
			first = u;
	}
	shutdown_decide(s, first ? unit_exit_code(first) : 0, first);
	shutdown_begin(s, "every service is done");
}
