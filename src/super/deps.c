/* Which waiting services may start: each waits for the conditions that it names, and for nothing
 * else. */
#include <string.h>

#include "base/log.h"
#include "super/define.h"
#include "super/hooks.h"

enum verdict { DEP_WAIT, DEP_OK, DEP_NEVER, DEP_SKIPPED };

static enum verdict completed(const struct unit *dep)
{
	if (dep->state == NODE_FAILED)
		return DEP_NEVER;
	if (dep->state != NODE_DONE)
		return DEP_WAIT;
	return dep->exit.code == 0 ? DEP_OK : DEP_NEVER;
}

static enum verdict up(const struct unit *dep, bool healthy)
{
	switch (dep->state) {
	case NODE_FAILED:
		return DEP_NEVER;
	case NODE_READY:
		return healthy && dep->unhealthy ? DEP_WAIT : DEP_OK;
	case NODE_RUNNING:
		return healthy ? DEP_WAIT : DEP_OK;
	case NODE_DRAINING:
	case NODE_DONE:
		/* it was up and has done what it had to do */
		return DEP_OK;
	default:
		return DEP_WAIT;
	}
}

static enum verdict met(const struct super *s, const struct dep *d)
{
	const struct unit *dep = s->unit_of[d->index];

	if (!dep)
		return DEP_WAIT; /* its project was stopped: as for a unit that was */
	if (dep->state == NODE_SKIPPED)
		return DEP_SKIPPED;
	return d->condition == DEP_COMPLETED ? completed(dep)
					     : up(dep, d->condition == DEP_HEALTHY);
}

static const char *condition_words(enum dep_condition c)
{
	return c == DEP_COMPLETED ? "complete" : c == DEP_HEALTHY ? "become healthy" : "start";
}

static int never(const struct dep *d, struct err *err)
{
	err_set(err, ERR_DEP_FAILED, 0, "not started: %s did not %s", d->name,
		condition_words(d->condition));
	return err_help(err, "sysg logs %s", d->name);
}

static void refuse(struct super *s, struct unit *u, const struct dep *d)
{
	(void)never(d, &u->trouble);
	trouble_say(s, u);
	event_add(s, EVENT_FAILED, u, ERR_DEP_FAILED, "%s", u->trouble.msg);
	post(s, u, EV_DEP_FAILED);
}

static enum verdict all_met(struct super *s, struct unit *u, const struct service *svc)
{
	enum verdict all = DEP_OK;

	for (size_t i = 0; i < svc->ndeps; i++) {
		enum verdict v = met(s, &svc->deps[i]);
		if (v == DEP_NEVER) {
			refuse(s, u, &svc->deps[i]);
			return v;
		}
		if (v == DEP_SKIPPED)
			return v;
		if (v == DEP_WAIT)
			all = v;
	}
	return all;
}

/* What is stopped or in its back-off isn't waited for: somebody waits for the answer. What waits itself is, until another
 * order comes, as that may be what it waits for. */
static bool comes(const struct super *s, const struct unit *dep)
{
	return dep && dep->state != NODE_IDLE && dep->state != NODE_BACKOFF &&
	       (dep->state != NODE_WAITING || list_empty(&s->changes));
}

int deps_allow(struct super *s, const struct service *svc, struct err *err)
{
	int all = 1;

	for (size_t i = 0; i < svc->ndeps; i++) {
		enum verdict v = met(s, &svc->deps[i]);
		const struct unit *dep = s->unit_of[svc->deps[i].index];
		if (v == DEP_OK)
			continue;
		if (v != DEP_WAIT || !comes(s, dep))
			return never(&svc->deps[i], err);
		all = 0;
	}
	return all;
}

static int64_t coming_up(const struct super *s)
{
	int64_t n = 0;

	for (size_t i = 0; i < s->m->nservices; i++) {
		const struct unit *u = s->unit_of[i];
		n += u && (u->state == NODE_PREPARING || u->state == NODE_STARTING ||
				  u->state == NODE_RUNNING);
	}
	return n;
}

void deps_check(struct super *s)
{
	define_rights(s);
	int64_t room = s->m->max_concurrent < 0 ? INT64_MAX : s->m->max_concurrent - coming_up(s);

	for (size_t i = 0; i < s->plan->n && s->phase == PHASE_RUN; i++) {
		size_t at = s->plan->order[i];
		struct unit *u = s->unit_of[at];
		if (!u || u->state != NODE_WAITING)
			continue;
		const struct service *svc = &s->m->services[at];
		enum verdict v = svc->skip && !job_of(u)->judged ? DEP_SKIPPED : all_met(s, u, svc);
		if (v == DEP_SKIPPED)
			post(s, u, EV_SKIP);
		if (v != DEP_OK || room-- <= 0)
			continue;
		if (s->starts >= STARTS_A_TURN) {
			s->again = true;
			return;
		}
		s->starts++;
		define_take(s, job_of(u)); /* its hooks are those of what is to run */
		define_rights(s);
		post(s, u, hooks_first(s, job_of(u)) != HOOK_COUNT ? EV_PREPARE : EV_DEPS_UP);
	}
}

void deps_lost(struct super *s, struct unit *crashed)
{
	for (size_t i = 0; i < s->m->nservices; i++) {
		struct unit *u = s->unit_of[i];
		const struct service *svc = &s->m->services[i];
		for (size_t d = 0; u && d < svc->ndeps; d++) {
			const struct dep *dep = &svc->deps[d];
			bool runs = u->state == NODE_PREPARING || u->state == NODE_STARTING ||
				    u->state == NODE_RUNNING || u->state == NODE_READY;
			if (s->unit_of[dep->index] != crashed || !dep->restart ||
				u->cause == CAUSE_DEPENDENCY || /* was here by another way */
				dep->condition == DEP_COMPLETED || !runs)
				continue;
			log_line(LOG_WARN, "%s goes down with %s, and up again with it", u->name,
				crashed->name);
			order_stop(s, u, CAUSE_DEPENDENCY);
			deps_lost(s, u);
			break;
		}
	}
}
