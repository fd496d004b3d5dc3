/* Changes, one at a time: read, chosen, what has to go stopped, the new manifest put in the old
 * one's place in one go, what has to come started. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "super/callers.h"
#include "super/change.h"
#include "super/deploy.h"
#include "super/hooks.h"
#include "super/kids.h"
#include "super/meter.h"

enum { CHANGES_MAX = 64, CHANGES_UNIT = 8 };

static bool same_names(const struct change *a, const struct change *b)
{
	size_t i = 0;

	while (i < a->nnames && i < b->nnames && strcmp(a->names[i], b->names[i]) == 0)
		i++;
	return i == a->nnames && i == b->nnames;
}

int change_add(struct super *s, struct change *ch, struct err *err)
{
	unsigned n = 0, own = 0;

	list_each(it, &s->changes)
	{
		const struct change *other = list_entry(it, const struct change, link);
		n++;
		own += ch->by && other->by == ch->by;
		if (ch->by && other->by == ch->by && other->what == ch->what &&
			(ch->with_asker || ch->by == BY_HUP) && other->step == CHANGE_QUEUED &&
			same_names(ch, other))
			return 1;
	}
	if (n >= CHANGES_MAX || own >= CHANGES_UNIT)
		return err_set(err, ERR_BUSY, 0,
			"%u starts and restarts wait for their turn already",
			own >= CHANGES_UNIT ? own : n);
	ch->s = s;
	ch->number = ++s->orders;
	list_add_tail(&s->changes, &ch->link);
	return 0;
}

void changes_stopped(struct super *s, struct unit *u)
{
	if (!u)
		s->all_stopped = ++s->orders;
	else if (job_of(u))
		job_of(u)->stopped = ++s->orders;
}

/* It was told to be down since this was asked for. */
static bool stopped_since(const struct change *ch, const struct unit *u)
{
	return job_of(u)->stopped > ch->number || ch->s->all_stopped > ch->number;
}

void changes_forget(struct super *s, const struct conn *c)
{
	list_each(it, &s->changes)
	{
		struct change *ch = list_entry(it, struct change, link);
		if (ch->c == c)
			ch->c = NULL;
	}
}

void changes_end(struct super *s)
{
	list_each(it, &s->changes) change_free(list_entry(it, struct change, link));
}

/* What it had stopped comes up again as it was. */
static void fail(struct change *ch, const struct err *err)
{
	static const char *const words[] = { "start", "restart", "stop", "reload", "reload" };
	struct super *s = ch->s;
	struct conn *c = ch->c;

	log_line(LOG_WARN, "error[SG%04d]: %s: %s", (int)err->code, words[ch->what], err->msg);
	if (ch->what == DO_RELOAD)
		reload_tell(ch, err);
	bool back = ch->what != DO_UNLOAD && s->phase == PHASE_RUN;
	for (size_t i = 0; ch->stop && back && i < s->m->nservices; i++)
		if (ch->stop[i] == 2 && s->unit_of[i] && !stopped_since(ch, s->unit_of[i])) {
			order_start(s, s->unit_of[i]);
			job_of(s->unit_of[i])->judged = true;
		}
	(void)change_free(ch);
	if (!c)
		return;
	conn_waits(c, WAIT_NOTHING);
	conn_fail(c, err);
}

/* --- reading --- */

static void was_read(struct reading *r, const struct err *failed)
{
	struct change *ch = container_of(r, struct change, reading);
	struct err err;

	ch->step = CHANGE_READ;
	if (!failed)
		return;
	err = *failed;
	(void)change_refuse(ch, &err);
	fail(ch, &err);
}

static int begin(struct change *ch, struct err *err)
{
	ch->step = CHANGE_READ;
	if (!ch->nfiles)
		return 0;
	ch->step = CHANGE_READING;
	ch->reading.done = was_read;
	int rc = reading_start(ch->s, &ch->reading, ch->files, ch->nfiles, err);
	return rc < 0 ? change_refuse(ch, err) : 0;
}

/* --- stopping --- */

/* Dependents before what they depend on: marks in held[] what one that still stops depends on. */
static void hold(const struct change *ch, unsigned char *held)
{
	const struct super *s = ch->s;

	for (size_t i = 0; i < s->m->nservices; i++) {
		if (!ch->stop[i] || !s->unit_of[i] || !unit_is_up(s->unit_of[i]))
			continue;
		for (size_t d = 0; d < s->m->services[i].ndeps; d++)
			held[s->m->services[i].deps[d].index] = 1;
	}
}

static int survivor(const struct unit *u, struct err *err)
{
	*err = u->trouble;
	return err_wrap(err, "%s", u->name);
}

/* What tells of the end of a unit that goes from the manifest is part of that end. */
static bool hooks_go_on(const struct change *ch)
{
	const struct super *s = ch->s;

	for (size_t i = 0; s->hooks && i < s->m->nservices; i++)
		if (ch->to[i] < 0 && s->unit_of[i] && hooks_tell_end(s, job_of(s->unit_of[i])))
			return true;
	return false;
}

static void tell_stop(struct change *ch, size_t i, struct unit *u)
{
	struct super *s = ch->s;
	bool goes = ch->to[i] < 0;

	if (!goes && ch->start[ch->to[i]]) {
		order_restart(s, u);
		return;
	}
	order_stop(s, u, CAUSE_ORDER);
	if (goes)
		kids_order(s, u, true, CAUSE_ORDER);
}

/* 1: all of them are down; 0: not yet; -1: one can't be stopped. */
static int stop_next(struct change *ch, struct err *err)
{
	struct super *s = ch->s;
	unsigned char *held = calloc(s->m->nservices + 1, 1);
	int rc = 1;

	ch->more = false;
	if (!held) /* the order is lost, not the stop */
		log_line(LOG_WARN, "out of memory: units are stopped in no order");
	else
		hold(ch, held);
	for (size_t i = 0; rc >= 0 && i < s->m->nservices; i++) {
		struct unit *u = s->unit_of[i];
		bool goes = ch->to[i] < 0;
		if (!ch->stop[i] || !u || !(goes ? unit_lives(u) : unit_is_up(u)))
			continue;
		rc = job_of(u)->survived ? survivor(u, err) : 0;
		if (rc < 0 || ch->stop[i] == 2 || (held && held[i]))
			continue;
		ch->stop[i] = 2;
		ch->more = true;
		tell_stop(ch, i, u);
	}
	free(held);
	return rc == 1 && hooks_go_on(ch) ? 0 : rc;
}

/* --- the new manifest --- */

static void warn_settings(const struct manifest *a, const struct manifest *b)
{
	struct manifest control = *a;

	control.max_concurrent = b->max_concurrent;
	control.shutdown_timeout_ns = b->shutdown_timeout_ns;
	control.shutdown_delay_ns = b->shutdown_delay_ns;
	control.exit_code_from = b->exit_code_from;
	control.sample_interval_s = b->sample_interval_s;
	control.retention_min = b->retention_min;
	if (!manifest_same_settings(&control, b))
		log_line(LOG_WARN,
			"%s: what control: and logs.max_total say holds from the next start "
			"of the supervisor on",
			b->path);
}

static void remove_unit(struct super *s, struct unit *u)
{
	log_line(LOG_INFO, "%s is a unit no more", u->name);
	remote_forget(job_of(u));
	job_free(s, job_of(u));
	tree_remove_service(&s->tree, u);
}

/* New units first, as that may fail: then none of them was. */
static int make_units(struct change *ch, struct unit **unit_of, struct err *err)
{
	struct super *s = ch->s;

	for (size_t i = 0; i < ch->m->nservices; i++) {
		if (ch->from[i] >= 0)
			unit_of[i] = s->unit_of[ch->from[i]];
		if (unit_of[i] || !ch->defs[i])
			continue;
		unit_of[i] = define_unit(s, i, ch->defs[i], err);
		ch->defs[i] = NULL;
		if (unit_of[i])
			continue;
		for (size_t k = 0; k < i; k++)
			if (unit_of[k] && (ch->from[k] < 0 || !s->unit_of[ch->from[k]]))
				remove_unit(s, unit_of[k]);
		return -1;
	}
	return 0;
}

static int put_in_place(struct change *ch, struct err *err)
{
	struct super *s = ch->s;
	struct unit **unit_of = calloc(ch->m->nservices + 1, sizeof(struct unit *));

	if (!unit_of || make_units(ch, unit_of, err) < 0) {
		free(unit_of);
		return unit_of ? -1 : err_no_memory(err);
	}
	if (ch->what == DO_UNLOAD && project_unload(s, ch->names[0], err) < 0) {
		free(unit_of);
		return -1;
	}
	for (size_t i = 0; i < s->m->nservices; i++) {
		if (!s->unit_of[i] || ch->to[i] >= 0)
			continue;
		if (ch->what == DO_UNLOAD && ch->c)
			conn_stopped(ch->c, s->unit_of[i]);
		remove_unit(s, s->unit_of[i]);
	}
	for (size_t i = 0; i < ch->m->nservices; i++) {
		if (!unit_of[i])
			continue;
		unit_of[i]->service = (ssize_t)i;
		if (ch->roll[i])
			continue; /* the one that runs stays as it is */
		if (ch->defs[i])
			define_give(s, job_of(unit_of[i]), ch->defs[i]);
		ch->defs[i] = NULL;
	}
	rolls_move(s, ch->to);
	warn_settings(s->m, ch->m);
	free(s->unit_of);
	s->unit_of = unit_of;
	(void)plan_free(s->plan);
	s->plan = steal_ptr(ch->plan);
	(void)manifest_free(s->m);
	s->m = manifest_ref(ch->m);
	projects_forget(s);
	sampling_set(s);
	s->deps_dirty = s->rights_dirty = true;
	return 0;
}

/* The one that was named. */
static const struct manifest *change_file(const struct change *ch)
{
	return ch->one_file ? manifest_file_at(ch->m, ch->files->path) : NULL;
}

/* --- starting --- */

static void start_by_hand(struct super *s, struct unit *u)
{
	u->in_a_row = 0;
	u->trouble.code = ERR_OK;
	order_start(s, u);
}

static void note(struct conn *c, const char *text)
{
	struct buf b;

	answer_begin(&b);
	packet_put(&b, "row", "note");
	packet_put(&b, "msg", text);
	answer_send(c, &b);
}

static void answer(struct change *ch)
{
	struct super *s = ch->s;
	struct conn *c = ch->c;
	size_t n = 0;

	if (!c || c->gone)
		return;
	struct awaited_id *ids = calloc(ch->m->nservices + 1, sizeof *ids);

	ch->c = NULL;
	conn_waits(c, WAIT_NOTHING);
	if (!ids) {
		await_impossible(c);
		return;
	}
	for (size_t i = 0; i < ch->m->nservices; i++)
		if (ch->await[i] && s->unit_of[i])
			ids[n++] = (struct awaited_id){ s->unit_of[i]->id, ch->roll[i] };
	if (ch->note[0] && ch->what < DO_RELOAD)
		note(c, ch->note);
	const struct manifest *file = change_file(ch);
	projects_tell(c, file ? file : ch->m, ch->nnames ? change_project(ch) : "");
	await_begin(c, ids, ch->wait ? n : 0, ch->deadline_ns);
	free(ids);
}

/* In their order, one after another. One for which there is no memory stays as it is. */
static void begin_rolls(struct change *ch)
{
	struct super *s = ch->s;
	struct err err;

	for (size_t n = 0; n < s->plan->n; n++) {
		size_t i = s->plan->order[n];
		if (!ch->roll[i])
			continue;
		if (roll_add(s, i, ch->defs[i], &err) < 0) {
			log_line(LOG_ERR, "error[SG0016]: %s: %s", s->unit_of[i]->name, err.msg);
			await_rolled(s, s->unit_of[i]->id, s->unit_of[i]->id, &err);
		}
		ch->defs[i] = NULL;
	}
}

static void finish(struct change *ch)
{
	struct super *s = ch->s;

	if (!ch->nnames && ch->what == DO_START)
		s->some = false;
	if (ch->what < DO_UNLOAD && (change_project(ch) || (!ch->nnames && ch->what == DO_START)))
		project_load(s, change_project(ch), change_file(ch));
	for (size_t i = 0; i < s->plan->n; i++) {
		size_t at = s->plan->order[i];
		if (!s->unit_of[at])
			continue;
		ch->start[at] &= !stopped_since(ch, s->unit_of[at]);
		if (ch->start[at])
			start_by_hand(s, s->unit_of[at]);
		if (ch->what == DO_START && change_names(ch, at))
			job_of(s->unit_of[at])->judged = true;
		if (!ch->start[at])
			continue;
		if (ch->what != DO_START && ch->from[at] >= 0 && ch->stop[ch->from[at]] == 2)
			job_of(s->unit_of[at])->relaunch = true; /* for its hooks */
	}
	if (ch->what == DO_RELOAD)
		reload_tell(ch, NULL);
	remember(s);
	list_del(&ch->link); /* what settles must not come here again */
	settle(s);
	answer(ch);
	begin_rolls(ch);
	(void)change_free(ch);
}

static void plan_only(struct change *ch)
{
	if (ch->c)
		await_begin(ch->c, NULL, 0, 0);
	(void)change_free(ch);
}

/* 1: through; 0: it waits for something; -1: err. */
static int step(struct change *ch, struct err *err)
{
	int rc;

	if (ch->s->phase != PHASE_RUN)
		return err_set(err, ERR_PARENT_STOPPING, 0, "the supervisor is shutting down");
	if (ch->step == CHANGE_QUEUED && begin(ch, err) < 0)
		return -1;
	if (ch->step == CHANGE_READING)
		return 0;
	if (ch->step == CHANGE_READ && (rc = change_choose(ch, err)) != 0) {
		ch->s->again |= rc > 0;
		return rc < 0 ? -1 : 0;
	}
	if (ch->what == DO_PLAN) {
		plan_only(ch);
		return 1;
	}
	ch->step = CHANGE_STOPPING;
	rc = stop_next(ch, err);
	if (rc <= 0)
		return rc;
	if (rolls_may_move(ch->s, ch->to, err) < 0 || put_in_place(ch, err) < 0)
		return -1;
	finish(ch);
	return 1;
}

void changes_step(struct super *s)
{
	struct err err;

	for (;;) {
		rolls_step(s);
		if (list_empty(&s->changes))
			return;
		struct change *ch = list_entry(s->changes.next, struct change, link);
		if (rolls_hold(s, ch))
			return;
		int rc = step(ch, &err);
		if (rc < 0)
			fail(ch, &err);
		settle(s);
		if (rc == 0 && !ch->more)
			return;
		if (rc != 0)
			await_look(s);
	}
}
