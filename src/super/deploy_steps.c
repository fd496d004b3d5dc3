/* What each step of a deployment does: the candidate made, the names changed, one of the two stopped, and what is told. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "node/rights.h"
#include "super/change.h"
#include "super/hooks.h"
#include "super/kids.h"
#include "super/roll.h"

/* --- what a step begins with --- */

/* NAME.next, NAME.old; where that is another's, or too long, its id. */
static void give_name(struct super *s, struct unit *u, const char *base, const char *which)
{
	char name[CAP_SERVICE_NAME + 8];
	int n = snprintf(name, sizeof name, "%s.%s", base, which);
	bool taken = n - (int)u->prefix > CAP_NAME || manifest_find(s->m, name) >= 0;

	list_each(it, &s->tree.services)
	{
		const struct unit *other = list_entry(it, struct unit, sibling);
		taken |= strcmp(other->name, name) == 0;
	}
	if (taken)
		snprintf(name, sizeof name, "%.*s%" PRIu64, (int)u->prefix, base, u->id);
	snprintf(u->name, sizeof u->name, "%.*s", CAP_SERVICE_NAME, name);
}

/* What it and its hooks print is the service's. */
static int log_as(struct unit *u, const char *name)
{
	if (!u->logged_as)
		u->logged_as = strdup(name);
	return u->logged_as ? 0 : -1;
}

static void remove_one(struct super *s, struct unit *u)
{
	job_free(s, job_of(u));
	tree_remove_service(&s->tree, u);
}

/* It is wanted by nobody until it serves, so no policy starts it again. */
static void begin_rise(struct roll *r)
{
	struct super *s = r->s;
	struct definition *d = r->def;

	r->def = NULL;
	if (!d && !(d = define_again(s, job_of(r->old), &r->why)))
		return;
	if (d->svc->deployment.blue && define_slot(s, d, !d->slot, &r->why) < 0) {
		(void)define_free(s, d);
		return;
	}
	struct unit *u = define_unit(s, r->index, d, &r->why);
	if (!u)
		return;
	struct job *j = job_of(u);
	u->short_len = 0;
	give_name(s, u, j->svc->name, "next");
	j->candidate = j->judged = j->relaunch = true;
	r->next = r->goes = u;
	if (log_as(u, j->svc->name) < 0) {
		(void)err_no_memory(&r->why);
		return;
	}
	define_rights(s);
	log_line(LOG_INFO, "%s: a new instance is started beside the one that runs", j->svc->name);
	post(s, u, EV_START);
	post(s, u, hooks_first(s, j) != HOOK_COUNT ? EV_PREPARE : EV_DEPS_UP);
}

static void begin_grace(struct roll *r)
{
	r->until_ns = clock_mono_ns() + job_of(r->next)->svc->deployment.grace_ns;
}

/* What was given at run time goes over; what the manifest says follows by itself. */
static void move_rights(struct super *s, struct unit *old, struct unit *next)
{
	struct err err;

	next->no_spawn |= old->no_spawn;
	for (unsigned i = 0; i < old->nrights; i++)
		if (!old->rights[i].manifest &&
			rights_add(&s->tree, next, &old->rights[i], &err) < 0)
			log_line(LOG_WARN, "a right is not in force: %s", err.msg);
	list_each(it, &s->tree.all)
	{
		struct unit *u = list_entry(it, struct unit, all);
		for (unsigned i = 0; i < u->nrights; i++)
			if (u->rights[i].target == old->id && !u->rights[i].manifest)
				u->rights[i].target = next->id;
	}
	if (old->public && !next->public)
		rights_part(&s->tree, next, false);
	s->rights_dirty = true;
}

/* Who waits for the service to end waits for the instance that it has. */
static void move_waits(struct super *s, const struct unit *old, const struct unit *next)
{
	list_each(it, &s->conns)
	{
		struct conn *c = list_entry(it, struct conn, link);
		for (size_t i = 0; c->wait == WAIT_ENDS && i < c->nunits; i++)
			if (c->units[i].id == old->id && !c->units[i].over)
				c->units[i].id = next->id;
	}
}

/* It is the service that used it. */
static void move_usage(const struct unit *old, struct unit *next)
{
	struct samples *v = job_of(old)->samples;

	job_of(old)->samples = job_of(next)->samples;
	job_of(next)->samples = v;
	next->cpu_before_ns = old->cpu_before_ns + old->cpu_ns;
}

static void begin_leave(struct roll *r)
{
	struct super *s = r->s;
	struct unit *old = r->old, *next = r->next;
	char name[sizeof old->name];

	memcpy(name, old->name, sizeof name);
	(void)log_as(old, name); /* else what it still prints is in a file of its own */
	give_name(s, old, name, "old");
	memcpy(next->name, name, sizeof name);
	next->short_len = old->short_len;
	old->short_len = 0;
	next->restarts = old->restarts;
	move_usage(old, next);
	next->want_up = true;
	s->unit_of[r->index] = next;
	job_of(next)->candidate = false;
	job_of(next)->will_due = true;
	move_rights(s, old, next);
	move_waits(s, old, next);
	s->deps_dirty = true;
	const struct blue_green *blue = job_of(next)->svc->deployment.blue;
	event_add(s, EVENT_DEPLOYED, next, ERR_OK, "pid=%d was=@%" PRIu64 "%s%s", (int)next->pid,
		old->id, blue ? " slot=" : "", blue ? blue->slots[job_of(next)->slot] : "");
	log_line(LOG_INFO, "%s is the new instance, pid %d; the one before is stopped", name,
		(int)next->pid);
	if (blue) /* its own check, from here on */
		health_begin(s, next);
	roll_keep(r);
	hooks_up(s, job_of(next));
	job_of(old)->will_due = false; /* the service has not ended */
	r->goes = old;
	order_stop(s, old, CAUSE_ORDER);
	kids_order(s, old, true, CAUSE_ORDER);
}

/* Its other copies are not tried after it. */
static void spare_copies(const struct roll *r, const struct service *svc)
{
	list_each(it, &r->s->rolls)
	{
		struct roll *o = list_entry(it, struct roll, link);
		const char *of = r->s->m->services[o->index].copy_of;
		if (o->step == ROLL_WAIT && o->why.code == ERR_OK && of && svc->copy_of &&
			strcmp(of, svc->copy_of) == 0)
			(void)err_set(
				&o->why, ERR_START_FAILED, 0, "%s was not replaced", svc->name);
	}
}

/* --- what came of it all --- */

/* The candidate's lines are the reason; of the other there are none that matter now. */
static void swap_words(struct job *a, struct job *b)
{
	struct lastwords *w = a->lastwords;

	a->lastwords = b->lastwords;
	b->lastwords = w;
}

static void tell_failed(struct roll *r)
{
	struct super *s = r->s;
	struct err e;

	if (r->off) {
		await_rolled(s, r->was, r->was, &r->why);
		return;
	}
	if (r->next) {
		(void)trouble_explain(r->next, trouble_bad_end(r->next), &r->why);
		swap_words(job_of(r->next), job_of(r->old));
	}
	char code[16] = "";
	if (r->why.code != ERR_UNKNOWN && r->why.code != ERR_DEPLOYMENT)
		snprintf(code, sizeof code, "SG%04d: ", (int)r->why.code);
	(void)err_set(&e, ERR_DEPLOYMENT, 0,
		"a new instance could not take its place, the one that runs stays: %s%.300s", code,
		r->why.msg);
	memcpy(e.help, r->why.help, sizeof e.help);
	log_line(LOG_ERR, "error[SG%04d]: %s: %s", (int)e.code, r->old->name, e.msg);
	trouble_say_help(LOG_ERR, e.help);
	event_add(s, EVENT_FAILED, r->old, e.code, "%s", e.msg);
	await_rolled(s, r->was, r->was, &e);
}

static void tell_outcome(struct roll *r)
{
	bool replaced = r->goes && r->goes == r->old;

	if (r->told)
		return;
	r->told = true;
	if (replaced)
		await_rolled(r->s, r->was, r->next->id, NULL);
	else
		tell_failed(r);
}

/* The shutdown stops it when its level's turn comes. */
static void begin_drop(struct roll *r)
{
	spare_copies(r, &r->s->m->services[r->index]);
	if (r->s->phase != PHASE_RUN) {
		tell_outcome(r);
	} else if (r->next) {
		order_stop(r->s, r->next, CAUSE_ORDER);
		kids_order(r->s, r->next, true, CAUSE_ORDER);
	}
}

void roll_free(struct roll *r)
{
	roll_keep_end(r);
	timer_del(r->s, &r->timer);
	list_del(&r->link);
	(void)define_free(r->s, r->def);
	free(r);
}

static void begin_stuck(struct roll *r)
{
	log_line(LOG_ERR, "error[SG0713]: %s can't be killed: it stays beside %s", r->goes->name,
		r->s->m->services[r->index].name);
	tell_outcome(r);
	r->old = r->next = NULL;
}

static void begin_over(struct roll *r)
{
	tell_outcome(r);
	if (r->goes)
		remove_one(r->s, r->goes);
	roll_free(r);
}

void (*const roll_begin[ROLL_STEP_COUNT])(struct roll *r) = {
	[ROLL_RISE] = begin_rise,
	[ROLL_SWITCH] = roll_switch,
	[ROLL_VERIFY] = roll_verify,
	[ROLL_GRACE] = begin_grace,
	[ROLL_LEAVE] = begin_leave,
	[ROLL_BACK] = roll_switch_back,
	[ROLL_DROP] = begin_drop,
	[ROLL_STUCK] = begin_stuck,
	[ROLL_OVER] = begin_over,
};
