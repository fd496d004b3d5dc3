#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "super/parts.h"

enum {
	STEPS_A_TURN = 100000
}; /* far above what a shutdown of thousands of units takes; a loop would be a bug */

static int grow(struct super *s)
{
	if (s->ev_at) { /* what was drained makes room first */
		for (size_t i = s->ev_at; i < s->ev_n; i++)
			s->events[i - s->ev_at] = s->events[i];
		s->ev_n -= s->ev_at;
		s->ev_at = 0;
		return 0;
	}
	size_t cap = s->ev_cap ? 2 * s->ev_cap : 64;
	struct event *v = realloc(s->events, cap * sizeof *v);
	if (!v)
		return -1;
	s->events = v;
	s->ev_cap = cap;
	return 0;
}

static void apply(struct super *s, struct unit *u, enum node_event ev)
{
	char path[UNIT_PATH_MAX];

	if (ev == EV_TIMEOUT && !job_of(u)->timed_out)
		return; /* it was behind what ended the state whose time it was */
	if (ev == EV_TIMEOUT)
		job_of(u)->timed_out = false;
	if (ev == EV_STOP && u->live_children && node_state_at_rest(u->state) && !unit_kids_stay(u))
		ev = EV_STOP_KIDS;
	struct node_cell c = node_next(u->state, ev);
	if (c.next == NODE_ILLEGAL) {
		log_line(LOG_WARN, "internal: %s of %s in state %s; ignored", node_event_name(ev),
			unit_path(u, path, sizeof path), node_state_name(u->state));
		return;
	}
	if (log_level_get() >= LOG_DBG)
		log_line(LOG_DBG, "%s: %s, %s -> %s", unit_path(u, path, sizeof path),
			node_event_name(ev), node_state_name(u->state), node_state_name(c.next));
	if (c.next != u->state) {
		const char *from = node_state_status(u->state), *to = node_state_status(c.next);
		s->deps_dirty = true;
		if (strcmp(from, to) != 0)
			event_add(s, EVENT_STATE, u, ERR_OK, "%s -> %s", from, to);
	}
	u->state = c.next;
	effects_run(s, u, c.fx);
}

void post(struct super *s, struct unit *u, enum node_event ev)
{
	if (s->ev_n == s->ev_cap && grow(s) < 0) {
		/* No memory for the queue: taken at once. The order may differ; that it happens
		 * does not. */
		apply(s, u, ev);
		return;
	}
	s->events[s->ev_n++] = (struct event){ u, ev };
}

void post_stop(struct super *s, struct unit *u)
{
	struct job *j = job_of(u);

	if (list_empty(&j->stop))
		list_add_tail(&s->stops, &j->stop);
}

static void stop_one(struct super *s)
{
	struct job *j = list_entry(s->stops.next, struct job, stop);

	list_del(&j->stop);
	apply(s, j->u, EV_STOP);
}

void settle(struct super *s)
{
	bool any = false; /* a stop at least, whatever else took the time */

	for (int steps = 0; steps < STEPS_A_TURN; steps++) {
		if (s->ev_at == s->ev_n) {
			s->ev_at = s->ev_n = 0;
			if (!list_empty(&s->stops) && !(any && turn_spent(s))) {
				any = true;
				stop_one(s);
				continue;
			}
			if (s->queue_dirty && queues_serve(s))
				continue;
			if (!s->deps_dirty)
				return;
			s->deps_dirty = false;
			deps_check(s);
			continue;
		}
		struct event e = s->events[s->ev_at++];
		if (e.u && e.u->rt)
			apply(s, e.u, e.ev);
	}
	log_line(LOG_ERR, "internal: events without end");
}

void settle_forget(struct super *s, const struct unit *u)
{
	for (size_t i = s->ev_at; i < s->ev_n; i++)
		if (s->events[i].u == u)
			s->events[i].u = NULL;
}
