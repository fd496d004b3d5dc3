/* What becomes of a unit's children when it is stopped, ends, or starts again. Source: spec "When a parent ends". */
#include <inttypes.h>

#include "base/clock.h"
#include "base/log.h"
#include "node/exit.h"
#include "node/rights.h"
#include "super/kids.h"

int64_t kids_deadline(struct job *j)
{
	if (!j->stop_deadline_ns)
		j->stop_deadline_ns = clock_mono_ns() + job_stop_timeout(j);
	return j->stop_deadline_ns;
}

void kids_stop(struct super *s, struct unit *u)
{
	struct job *j = job_of(u);
	int64_t deadline = kids_deadline(j);
	bool stay = unit_kids_stay(u);

	if (!unit_spawned(u) && (u->cause == CAUSE_MEMORY || u->cause == CAUSE_UNREADY ||
					u->cause == CAUSE_UNHEALTHY))
		deps_lost(s, u); /* as when it had crashed: nobody ordered it */
	if (!stay)
		tree_close(u);
	queue_touch(u);
	for (struct unit *d = NULL; !stay && (d = tree_walk(u, d));) {
		struct job *dj = job_of(d);
		if (dj && !dj->stop_deadline_ns)
			dj->stop_deadline_ns = deadline;
		order_stop(s, d,
			u->cause == CAUSE_SHUTDOWN || u->cause == CAUSE_ORDER ? u->cause
									      : CAUSE_CASCADE);
	}
	if (!u->live_children || j->at_once || stay)
		post(s, u, EV_KIDS_GONE);
}

void kids_ended(struct super *s, struct unit *u)
{
	const struct job *j = job_of(u);
	bool drains = u->policy == POLICY_DRAIN && exit_clean(u, j->svc);

	if (!unit_spawned(u) &&
		exit_resolve(u, j->svc) != EV_GONE_DONE) /* else it has done what it had to */
		deps_lost(s, u);
	if (u->policy <= POLICY_REPARENT)
		return; /* told where they go once it is known whether it starts again */
	tree_close(u);
	queue_touch(u);
	if (!u->live_children || drains)
		return;
	int64_t deadline = clock_mono_ns() + job_stop_timeout(j);
	for (struct unit *d = NULL; (d = tree_walk(u, d));) {
		struct job *dj = job_of(d);
		if (!dj)
			continue;
		dj->at_once = true;
		dj->stop_deadline_ns = deadline;
		order_stop(s, d, CAUSE_CASCADE);
	}
}

void kids_hand_over(struct super *s, struct unit *u)
{
	/* its own parent is there for as long as it has children */
	struct unit *to = u->policy == POLICY_REPARENT ? unit_owner(u) : NULL;
	char was[UNIT_PATH_MAX];

	if (!to)
		rights_part(&s->tree, u, true);
	list_each(it, &u->kids)
	{
		struct unit *kid = list_entry(it, struct unit, sibling);
		if (kid->ended || kid->orphan)
			continue;
		(void)unit_path(kid, was, sizeof was);
		tree_adopt(kid, to);
		event_add(s, EVENT_ADOPTED, kid, ERR_OK, "parent=@%" PRIu64 " was=%s",
			to ? to->id : 0, was);
	}
}

bool kids_settled(struct super *s, struct unit *u)
{
	const struct job *j = job_of(u);

	if (u->policy > POLICY_REPARENT) {
		if (u->state == NODE_ENDING && u->policy == POLICY_DRAIN && exit_clean(u, j->svc))
			post(s, u, EV_KIDS_LEFT);
		return false;
	}
	return exit_resolve(u, j->svc) != EV_GONE_DOWN || unit_kids_stay(u);
}

void kids_order(struct super *s, struct unit *root, bool orphans, enum stop_cause cause)
{
	list_each(it, &root->kids)
	{
		struct unit *u = list_entry(it, struct unit, sibling);
		if (u->orphan == orphans && !u->ended && (u->want_up || cause == CAUSE_SHUTDOWN))
			order_stop(s, u, cause);
	}
}
