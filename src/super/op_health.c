/* health and ready: may a runtime kill us, and may it send us work? Everyone may ask. */
#include <stdio.h>
#include <string.h>

#include "super/ops.h"

static void answer(struct conn *c, bool yes, const char *why)
{
	struct buf b;

	answer_begin(&b);
	packet_put(&b, "yes", yes ? "1" : "0");
	packet_put(&b, "why", why);
	answer_send(c, &b);
}

static void answer_unit(struct conn *c, bool yes, const struct unit *u)
{
	char path[UNIT_PATH_MAX], why[UNIT_PATH_MAX + 512];
	bool tell = u->trouble.code != ERR_OK && !yes;

	snprintf(why, sizeof why, "%s is %s%s%s", unit_path(u, path, sizeof path),
		u->unhealthy ? "failing" : unit_state(u), tell ? ": " : "",
		tell ? u->trouble.msg : "");
	answer(c, yes, why);
}

/* Looked up without asking for a right. NULL: all are meant, or those of *ret_project. */
static struct unit *asked_for(
	struct conn *c, const struct packet *p, const char **ret_project, bool *ret_failed)
{
	const char *selector = packet_get(p, "unit");
	struct err err;
	bool project = selector && selects_project(selector);
	struct unit *u = project    ? tree_select_next(&c->s->tree, c->unit, selector, NULL, &err)
			 : selector ? tree_select(&c->s->tree, c->unit, selector, &err)
				    : NULL;

	*ret_failed = selector && !u;
	*ret_project = project ? selector : NULL;
	if (*ret_failed)
		conn_fail(c, &err);
	return project ? NULL : u;
}

static bool is_in(const struct super *s, size_t i, const char *project)
{
	return !project || service_meant(&s->m->services[i], project);
}

/* A runtime must not kill what the init is mending: booting, in backoff, in shutdown.delay all
 * count as healthy. */
void op_health(struct conn *c, const struct packet *p)
{
	struct super *s = c->s;
	const char *project;
	bool bad;
	struct unit *u = asked_for(c, p, &project, &bad);

	if (bad)
		return;
	if (u) {
		answer_unit(c, u->state != NODE_FAILED, u);
		return;
	}
	for (size_t i = 0; i < s->m->nservices; i++) {
		u = s->unit_of[i];
		if (u && u->state == NODE_FAILED && unit_essential(s, u) && is_in(s, i, project)) {
			answer_unit(c, false, u);
			return;
		}
	}
	answer(c, true, "healthy");
}

static bool intends(const struct super *s, const struct unit *u, const char *intent)
{
	return strcmp(unit_intent(s, u), intent) == 0;
}

static bool serves(const struct unit *u)
{
	return u->state == NODE_READY && !u->unhealthy;
}

/* Those that count, in the order of their starts the other way round: so who depends on a unit was
 * looked at before it. Returns the first that is not as it has to be. */
static struct unit *not_ready(struct super *s)
{
	for (size_t i = s->plan->n; i-- > 0;) {
		size_t at = s->plan->order[i];
		const struct service *svc = &s->m->services[at];
		struct unit *u = s->unit_of[at];
		if (!u || !job_of(u)->counts)
			continue;
		if (intends(s, u, "serve") ? !serves(u)
					   : intends(s, u, "once") && u->state != NODE_DONE)
			return u;
		for (size_t d = 0; d < svc->ndeps; d++) {
			struct unit *dep = s->unit_of[svc->deps[d].index];
			if (dep && intends(s, dep, "once"))
				job_of(dep)->counts = true;
		}
	}
	return NULL;
}

static struct unit *not_ready_of(struct super *s, struct unit *only, const char *project)
{
	for (size_t i = 0; i < s->m->nservices; i++) {
		struct unit *u = s->unit_of[i];
		if (u)
			job_of(u)->counts =
				only ? u == only : intends(s, u, "serve") && is_in(s, i, project);
	}
	return not_ready(s);
}

void op_ready(struct conn *c, const struct packet *p)
{
	struct super *s = c->s;
	const char *project;
	bool bad;
	struct unit *u = asked_for(c, p, &project, &bad), *not = NULL;

	if (bad)
		return;
	if (s->phase != PHASE_RUN) {
		answer(c, false, "shutting down");
		return;
	}
	if (u && !serves(u) && u->state != NODE_DONE && !intends(s, u, "cron"))
		not = u;
	else if (!u || intends(s, u, "serve"))
		not = not_ready_of(s, u, project);
	if (not )
		answer_unit(c, false, not );
	else if (u)
		answer_unit(c, true, u);
	else
		answer(c, true, "ready");
}
