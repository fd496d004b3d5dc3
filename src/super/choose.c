/* What a start or a restart comes to: which units stop, which definitions change, which units
 * start. Nothing is changed here. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "super/change.h"
#include "super/schedule.h"

#define DEFINE_NS (5 * NS_PER_MS) /* of one turn */
enum { WANTED_NAMED = 3 };        /* of itself, and not as one of a project or for another */

bool unit_is_up(const struct unit *u)
{
	return !node_state_over(u->state);
}

bool unit_lives(const struct unit *u)
{
	return unit_is_up(u) || u->live_children || u->orphans;
}

/* --- old and new --- */

struct unit *unit_before(const struct change *ch, size_t i)
{
	return ch->from[i] < 0 ? NULL : ch->s->unit_of[ch->from[i]];
}

static int match(struct change *ch, struct err *err)
{
	const struct manifest *before = ch->s->m;
	size_t n = ch->m->nservices + 1;

	ch->defs = calloc(n, sizeof(struct definition *));
	ch->wanted = calloc(n, 1);
	ch->start = calloc(n, 1);
	ch->await = calloc(n, 1);
	ch->roll = calloc(n, 1);
	ch->from = calloc(n, sizeof *ch->from);
	ch->to = calloc(before->nservices + 1, sizeof *ch->to);
	ch->stop = calloc(before->nservices + 1, 1);
	if (!ch->defs || !ch->wanted || !ch->start || !ch->await || !ch->roll || !ch->from ||
		!ch->to || !ch->stop || manifest_match(before, ch->m, ch->to) < 0)
		return err_no_memory(err);
	for (size_t i = 0; i < n; i++)
		ch->from[i] = -1;
	for (size_t i = 0; i < before->nservices; i++)
		if (ch->what == DO_UNLOAD && service_meant(&before->services[i], ch->names[0]))
			ch->to[i] = -1;
		else if (ch->to[i] >= 0)
			ch->from[ch->to[i]] = (ssize_t)i;
	return 0;
}

static void forget_match(struct change *ch)
{
	for (size_t i = 0; ch->defs && i < ch->m->nservices; i++)
		ch->defs[i] = define_free(ch->s, ch->defs[i]);
	free(ch->defs);
	free(ch->wanted);
	free(ch->start);
	free(ch->await);
	free(ch->roll);
	free(ch->from);
	free(ch->to);
	free(ch->stop);
	ch->defs = NULL;
	ch->wanted = ch->start = ch->await = ch->roll = ch->stop = NULL;
	ch->from = ch->to = NULL;
	ch->plan = plan_free(ch->plan);
	ch->m = manifest_free(ch->m);
}

bool change_alters(const struct change *ch, size_t i)
{
	const struct unit *u = unit_before(ch, i);

	return u && ch->defs[i] && !define_same(job_of(u), ch->defs[i]);
}

/* --- the ones that are meant --- */

/* Where one file is meant, in that. */
static ssize_t select_in(const struct change *ch, const char *name, ssize_t after, struct err *err)
{
	const struct manifest *m = ch->m;
	ssize_t base = 0;

	if (ch->one_file && !ch->kept)
		m = manifest_file_at(ch->m, ch->files->path);
	while (ch->m->services[base].of != m && m != ch->m)
		base++;
	ssize_t i = manifest_select(m, name, after < 0 ? after : after - base, err);
	return i < 0 ? i : i + base;
}

/* A name of the new manifest, which may be that of several, or a selector of a service that runs. -1 behind the last with
 * ERR_OK. */
static ssize_t find_named(const struct change *ch, const char *name, ssize_t after, struct err *err)
{
	ssize_t i = select_in(ch, name, after, err);

	if (i >= 0 || after >= 0 || err->code != ERR_OK)
		return i;
	if (selects_project(name))
		return no_project(name, err);
	const struct unit *u = tree_select(&ch->s->tree, NULL, name, err);
	if (!u)
		return -1;
	if (unit_spawned(u)) {
		(void)err_set(
			err, ERR_BAD_REQUEST, 0, "%s was spawned: it is not started again", name);
		(void)err_help(err, "sysg spawn makes a new one");
		return -1;
	}
	if (ch->to[u->service] < 0)
		(void)err_set(
			err, ERR_NO_UNIT, 0, "%s is no service of %s any more", name, ch->m->path);
	return ch->to[u->service];
}

/* Is it of the project, or of the file, that it is about? */
static bool is_in(const struct change *ch, const struct service *svc)
{
	const char *project = change_project(ch);

	return (!project || service_meant(svc, project)) &&
	       (!ch->one_file || change_reads(ch, svc->of->path));
}

/* Into wanted: those that have a unit, all where all are meant, those that are named; and what they
 * depend on. */
static int want(struct change *ch, struct err *err)
{
	bool every = !ch->nnames && (ch->what == DO_START || !ch->s->some);

	for (size_t i = 0; i < ch->m->nservices; i++) {
		bool down = ch->what != DO_START &&
			    project_unloaded(ch->s, service_project(&ch->m->services[i]));
		ch->wanted[i] =
			unit_before(ch, i) || (every && !down && is_in(ch, &ch->m->services[i]));
	}
	if (ch->what == DO_UNLOAD)
		return find_named(ch, ch->names[0], -1, err) < 0 ? -1 : 0;
	if (ch->what >= DO_RELOAD && change_project(ch) && project_is_unloaded(ch->s, ch->names[0]))
		return err_set(
			err, ERR_PROJECT, 0, "%s is stopped; sysg start -p loads it", ch->names[0]);
	for (size_t n = 0; n < ch->nnames; n++) {
		ssize_t i = -1;
		while ((i = find_named(ch, ch->names[n], i, err)) >= 0 &&
			(selects_project(ch->names[n]) ||
				schedule_refuses(&ch->m->services[i], err) == 0)) {
			ch->wanted[i] |= selects_project(ch->names[n]) ? 1 : WANTED_NAMED;
			ch->await[i] = 1;
		}
		if (err->code != ERR_OK)
			return -1;
	}
	plan_close(ch->m, ch->wanted);
	plan_close(ch->m, ch->await);
	return 0;
}

int change_refuse(const struct change *ch, struct err *err)
{
	struct err why = *err;

	if (ch->what == DO_START)
		return -1;
	(void)err_set(
		err, ERR_REFUSED, 0, "%s (SG%04d); nothing was changed", why.msg, (int)why.code);
	return err_help(err, "%s", why.help[0] ? why.help : "sysg validate says all that is wrong");
}

static const struct job *job_before(const struct change *ch, size_t i)
{
	const struct unit *u = unit_before(ch, i);

	return u ? job_of(u) : NULL;
}

/* Each may have an environment of a megabyte. */
static int define_wanted(struct change *ch, struct err *err)
{
	int64_t until = clock_mono_ns() + DEFINE_NS;

	while (ch->defined < ch->m->nservices && clock_mono_ns() < until) {
		size_t i = ch->defined++;
		bool again = ch->fresh && change_reads(ch, ch->m->services[i].of->path);
		if (!ch->wanted[i] || (!again && unit_before(ch, i)))
			continue;
		if (!(ch->defs[i] = define(
			      ch->s, ch->m, i, job_before(ch, i), &ch->reading.bundle, err))) {
			define_place(ch->m, i, err);
			return change_refuse(ch, err);
		}
	}
	return ch->defined < ch->m->nservices;
}

/* --- what goes down, what comes up --- */

/* Does it take along what depends on it? Of copies that become fewer those that stay are enough. */
static bool takes_along(const struct change *ch, size_t i)
{
	return ch->stop[i] && (ch->to[i] >= 0 || ch->s->m->services[i].copy < 2);
}

/* What depends on something that stops goes down with it, unless it says restart: false. */
static void stop_dependents(struct change *ch)
{
	const struct super *s = ch->s;

	for (size_t n = 0; n < s->plan->n; n++) { /* what it depends on comes before it */
		size_t i = s->plan->order[n];
		const struct service *svc = &s->m->services[i];
		bool up = s->unit_of[i] && unit_is_up(s->unit_of[i]);
		for (size_t d = 0; up && d < svc->ndeps; d++)
			ch->stop[i] |= svc->deps[d].restart && takes_along(ch, svc->deps[d].index);
	}
}

/* Which of those that are to be stopped are replaced without a gap. What went down with what it depends on
 * is none of them; what depends on one that is goes on, as it is never without it. */
static void choose_rolls(struct change *ch)
{
	for (size_t i = 0; i < ch->m->nservices; i++) {
		ssize_t was = ch->from[i];
		if (was < 0 || !ch->stop[was] || !roll_may(ch, i))
			continue;
		ch->roll[i] = 1;
		ch->stop[was] = ch->start[i] = 0;
	}
	stop_dependents(ch);
	for (size_t i = 0; i < ch->m->nservices; i++) {
		if (!ch->roll[i] || !ch->stop[ch->from[i]])
			continue;
		ch->roll[i] = 0;
		ch->start[i] = 1;
	}
}

/* Is there any difference that a restart of everything, or of that project, could apply? */
static bool differs(const struct change *ch)
{
	const struct manifest *before = ch->s->m;

	if (!change_project(ch) && !manifest_same_settings(before, ch->m))
		return true;
	for (size_t i = 0; i < before->nservices; i++)
		if (is_in(ch, &before->services[i]) && ch->s->unit_of[i] && ch->to[i] < 0)
			return true;
	for (size_t i = 0; i < ch->m->nservices; i++)
		if (is_in(ch, &ch->m->services[i]) && ch->wanted[i] &&
			(!unit_before(ch, i) || change_alters(ch, i)))
			return true;
	return false;
}

/* It is waited for, and not there. */
static bool lacks(const struct change *ch, size_t i)
{
	const struct unit *u = unit_before(ch, i);

	return ch->await[i] && (!u || (!unit_is_up(u) && u->state != NODE_DONE));
}

/* Of a unit that nobody asked for: it is needed, or went down with what was. */
static bool comes_along(const struct change *ch, size_t i)
{
	return lacks(ch, i) || (unit_before(ch, i) && ch->stop[ch->from[i]]);
}

/* It gave up, or was skipped, for want of something that comes now. */
static bool is_owed(const struct change *ch, size_t i)
{
	const struct service *svc = &ch->m->services[i];
	const struct unit *u = unit_before(ch, i);
	bool owed = false;

	for (size_t d = 0; d < svc->ndeps; d++)
		owed |= ch->start[svc->deps[d].index];
	return owed && (u->state == NODE_SKIPPED ||
			       (u->state == NODE_FAILED && u->trouble.code == ERR_DEP_FAILED));
}

/* Stays as it is. A reload does nothing for what didn't change, and leaves down what was stopped; a cron unit that waits
 * for its time wasn't. */
static bool rests(const struct change *ch, size_t i)
{
	const struct unit *u = unit_before(ch, i);

	if (u && ch->what >= DO_RELOAD)
		return !(u->want_up || job_of(u)->cron_on) ||
		       (!ch->stop[ch->from[i]] && !is_owed(ch, i));
	return u && !ch->stop[ch->from[i]] && (unit_is_up(u) || u->state == NODE_DONE);
}

static void restart_all(struct change *ch)
{
	const struct super *s = ch->s;
	bool some = ch->what >= DO_RELOAD || differs(ch);

	for (size_t i = 0; i < s->m->nservices; i++)
		ch->stop[i] = s->unit_of[i] && is_in(ch, &s->m->services[i]) &&
			      (!some || ch->to[i] < 0 || change_alters(ch, (size_t)ch->to[i]));
	choose_rolls(ch);
	for (size_t n = 0; n < ch->plan->n; n++) {
		size_t i = ch->plan->order[n];
		ch->start[i] = is_in(ch, &ch->m->services[i]) ? ch->wanted[i] && !rests(ch, i)
							      : comes_along(ch, i);
	}
}

static void restart_named(struct change *ch)
{
	struct err err;

	for (size_t n = 0; n < ch->nnames; n++) {
		ssize_t i = -1;
		while ((i = find_named(ch, ch->names[n], i, &err)) >= 0) {
			ch->start[i] = 1;
			if (ch->from[i] >= 0)
				ch->stop[ch->from[i]] = 1;
		}
	}
	choose_rolls(ch);
	for (size_t i = 0; i < ch->m->nservices; i++) {
		if (comes_along(ch, i))
			ch->start[i] = 1;
	}
}

static void unload(struct change *ch)
{
	for (size_t i = 0; i < ch->s->m->nservices; i++)
		ch->stop[i] = ch->s->unit_of[i] && ch->to[i] < 0;
}

const char *change_project(const struct change *ch)
{
	return ch->nnames == 1 && selects_project(ch->names[0]) ? ch->names[0] : NULL;
}

bool change_names(const struct change *ch, size_t i)
{
	return ch->wanted[i] == WANTED_NAMED;
}

static void start_them(struct change *ch)
{
	bool moved = strcmp(ch->m->path, ch->s->m->path) != 0;

	for (size_t i = 0; i < ch->m->nservices; i++) {
		const struct unit *u = unit_before(ch, i);
		bool meant =
			ch->nnames ? ch->await[i] : ch->wanted[i] && is_in(ch, &ch->m->services[i]);
		bool again = moved || change_names(ch, i) || change_alters(ch, i);
		ch->await[i] = meant;
		bool rests = !u || u->state == NODE_BACKOFF || !unit_is_up(u);
		ch->start[i] = meant && rests && (!u || u->state != NODE_DONE || again);
		if (meant && !rests && change_alters(ch, i) && !ch->note[0])
			snprintf(ch->note, sizeof ch->note,
				"%s changed in the manifest and goes on as it was started; "
				"sysg restart applies it",
				u->name);
	}
}

/* A unit that the new manifest lacks, and that this change would leave running. */
static const struct unit *left_over(const struct change *ch)
{
	for (size_t i = 0; i < ch->s->m->nservices; i++) {
		const struct unit *u = ch->s->unit_of[i];
		if (u && ch->to[i] < 0 && unit_lives(u) && !ch->stop[i])
			return u;
	}
	return NULL;
}

/* --- all of it --- */

static int begin_with(struct change *ch, struct manifest *m, struct err *err)
{
	ch->m = m;
	ch->fresh = ch->nfiles && !ch->kept;
	ch->defined = 0;
	ch->plan = plan_new(m, err);
	if (!ch->plan)
		return change_refuse(ch, err);
	return match(ch, err) < 0 || want(ch, err) < 0 ? -1 : 0;
}

static void decide(struct change *ch)
{
	if (ch->what == DO_START)
		start_them(ch);
	else if (ch->what == DO_UNLOAD)
		unload(ch);
	else if (ch->nnames && !change_project(ch))
		restart_named(ch);
	else
		restart_all(ch);
	for (size_t i = 0; ch->what != DO_START && i < ch->m->nservices; i++)
		ch->await[i] = ch->start[i] | ch->roll[i];
}

int change_choose(struct change *ch, struct err *err)
{
	if (!ch->m) {
		struct manifest *m = change_load(ch, err);
		if (!m)
			return change_refuse(ch, err);
		if (begin_with(ch, m, err) < 0)
			return -1;
	}
	int rc = define_wanted(ch, err);
	if (rc != 0)
		return rc;
	decide(ch);
	if (ch->what >= DO_RELOAD)
		reload_plan(ch);
	const struct unit *left = ch->kept ? NULL : left_over(ch);
	if (!left)
		return 0;
	forget_match(ch);
	snprintf(ch->note, sizeof ch->note,
		"%s is in the manifest no more and still runs; all stays as it was until sysg "
		"restart",
		left->name);
	ch->kept = true;
	return begin_with(ch, manifest_ref(ch->s->m), err) < 0 ? -1 : 1;
}

struct change *change_free(struct change *ch)
{
	if (!ch)
		return NULL;
	list_del(&ch->link);
	reading_stop(&ch->reading);
	bundle_done(&ch->reading.bundle);
	if (ch->m)
		forget_match(ch);
	for (size_t i = 0; i < ch->nnames; i++)
		free(ch->names[i]);
	free(ch->names);
	for (size_t i = 0; i < ch->nfiles; i++)
		free(ch->files[i].path);
	free(ch->files);
	free(ch);
	return NULL;
}
