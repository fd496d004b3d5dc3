/* What a start or a restart comes to: which units stop, which definitions change, which units
 * start. Nothing is changed here. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "super/change.h"

#define DEFINE_NS (5 * NS_PER_MS) /* of one turn */

bool unit_is_up(const struct unit *u)
{
	return u->state != NODE_IDLE && u->state != NODE_DONE && u->state != NODE_FAILED;
}

bool unit_lives(const struct unit *u)
{
	return unit_is_up(u) || u->live_children || u->orphans;
}

/* --- old and new --- */

static struct unit *unit_before(const struct change *ch, size_t i)
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
	ch->from = calloc(n, sizeof *ch->from);
	ch->to = calloc(before->nservices + 1, sizeof *ch->to);
	ch->stop = calloc(before->nservices + 1, 1);
	if (!ch->defs || !ch->wanted || !ch->start || !ch->await || !ch->from || !ch->to ||
		!ch->stop || manifest_match(before, ch->m, ch->to) < 0)
		return err_no_memory(err);
	for (size_t i = 0; i < n; i++)
		ch->from[i] = -1;
	for (size_t i = 0; i < before->nservices; i++)
		if (ch->to[i] >= 0)
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
	free(ch->from);
	free(ch->to);
	free(ch->stop);
	ch->defs = NULL;
	ch->wanted = ch->start = ch->await = ch->stop = NULL;
	ch->from = ch->to = NULL;
	ch->plan = plan_free(ch->plan);
	ch->m = manifest_free(ch->m);
}

static bool is_changed(const struct change *ch, size_t i)
{
	const struct unit *u = unit_before(ch, i);

	return u && ch->defs[i] && !define_same(job_of(u), ch->defs[i]);
}

/* --- the ones that are meant --- */

/* A name of the new manifest, or a selector of a service that runs. */
static ssize_t find_named(const struct change *ch, const char *name, struct err *err)
{
	ssize_t i = manifest_find(ch->m, name);

	if (i >= 0)
		return i;
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

/* Into wanted: those that have a unit, all where all are meant, those that are named; and what they
 * depend on. */
static int want(struct change *ch, struct err *err)
{
	bool every = !ch->nnames && (!ch->restart || !ch->s->some);

	for (size_t i = 0; i < ch->m->nservices; i++)
		ch->wanted[i] = unit_before(ch, i) || every;
	for (size_t n = 0; n < ch->nnames; n++) {
		ssize_t i = find_named(ch, ch->names[n], err);
		if (i < 0)
			return -1;
		ch->wanted[i] = ch->await[i] = 1;
	}
	plan_close(ch->m, ch->wanted);
	plan_close(ch->m, ch->await);
	return 0;
}

/* What is wrong with the manifest, as a restart says it. */
static int refuse(const struct change *ch, struct err *err)
{
	struct err why = *err;

	if (!ch->restart)
		return -1;
	(void)err_set(
		err, ERR_REFUSED, 0, "%s (SG%04d); nothing was changed", why.msg, (int)why.code);
	return why.help[0] ? err_help(err, "%s", why.help) : -1;
}

/* Each may have an environment of a megabyte. */
static int define_wanted(struct change *ch, struct err *err)
{
	int64_t until = clock_mono_ns() + DEFINE_NS;

	while (ch->defined < ch->m->nservices && clock_mono_ns() < until) {
		size_t i = ch->defined++;
		if (!ch->wanted[i] || (!ch->fresh && unit_before(ch, i)))
			continue;
		if (!(ch->defs[i] = define(ch->s, ch->m, i, &ch->reading.bundle, err)))
			return refuse(ch, err);
	}
	return ch->defined < ch->m->nservices;
}

/* --- what goes down, what comes up --- */

/* What depends on something that stops goes down with it, unless it says restart: false. */
static void stop_dependents(struct change *ch)
{
	const struct manifest *m = ch->s->m;
	bool more = true;

	while (more) {
		more = false;
		for (size_t i = 0; i < m->nservices; i++) {
			const struct unit *u = ch->s->unit_of[i];
			for (size_t d = 0;
				u && unit_is_up(u) && !ch->stop[i] && d < m->services[i].ndeps; d++)
				if (m->services[i].deps[d].restart &&
					ch->stop[m->services[i].deps[d].index]) {
					ch->stop[i] = 1;
					more = true;
				}
		}
	}
}

/* Is there any difference that a restart of everything could apply? */
static bool differs(const struct change *ch)
{
	if (!manifest_same_settings(ch->s->m, ch->m))
		return true;
	for (size_t i = 0; i < ch->s->m->nservices; i++)
		if (ch->s->unit_of[i] && ch->to[i] < 0)
			return true;
	for (size_t i = 0; i < ch->m->nservices; i++)
		if (ch->wanted[i] && (!unit_before(ch, i) || is_changed(ch, i)))
			return true;
	return false;
}

static void restart_all(struct change *ch)
{
	const struct super *s = ch->s;
	bool some = differs(ch);

	for (size_t i = 0; i < s->m->nservices; i++)
		ch->stop[i] = s->unit_of[i] &&
			      (!some || ch->to[i] < 0 || is_changed(ch, (size_t)ch->to[i]));
	stop_dependents(ch);
	for (size_t i = 0; i < ch->m->nservices; i++) {
		const struct unit *u = unit_before(ch, i);
		bool rests =
			u && !ch->stop[ch->from[i]] && (unit_is_up(u) || u->state == NODE_DONE);
		ch->start[i] = ch->wanted[i] && !rests;
	}
}

static void restart_named(struct change *ch)
{
	struct err err;

	for (size_t n = 0; n < ch->nnames; n++) {
		ssize_t i = find_named(ch, ch->names[n], &err);
		ch->start[i] = 1;
		if (ch->from[i] >= 0)
			ch->stop[ch->from[i]] = 1;
	}
	stop_dependents(ch);
	for (size_t i = 0; i < ch->m->nservices; i++) {
		const struct unit *u = unit_before(ch, i);
		bool lacks = ch->await[i] && (!u || (!unit_is_up(u) && u->state != NODE_DONE));
		if (lacks || (u && ch->stop[ch->from[i]]))
			ch->start[i] = 1;
	}
}

static bool is_named(const struct change *ch, size_t i)
{
	for (size_t n = 0; n < ch->nnames; n++)
		if (strcmp(ch->names[n], ch->m->services[i].name) == 0)
			return true;
	return false;
}

static void start_them(struct change *ch)
{
	bool moved = strcmp(ch->m->path, ch->s->m->path) != 0;

	for (size_t i = 0; i < ch->m->nservices; i++) {
		const struct unit *u = unit_before(ch, i);
		bool meant = ch->nnames ? ch->await[i] : ch->wanted[i];
		bool again = moved || is_named(ch, i) || is_changed(ch, i);
		ch->await[i] = meant;
		ch->start[i] =
			meant && (!u || (!unit_is_up(u) && (u->state != NODE_DONE || again)));
		if (meant && u && unit_is_up(u) && is_changed(ch, i) && !ch->note[0])
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
	ch->fresh = ch->path && !ch->kept;
	ch->defined = 0;
	ch->plan = plan_new(m, err);
	if (!ch->plan)
		return refuse(ch, err);
	return match(ch, err) < 0 || want(ch, err) < 0 ? -1 : 0;
}

static void decide(struct change *ch)
{
	if (ch->restart && ch->nnames)
		restart_named(ch);
	else if (ch->restart)
		restart_all(ch);
	else
		start_them(ch);
	if (ch->restart)
		memcpy(ch->await, ch->start, ch->m->nservices);
}

static int other_project(const struct change *ch, struct err *err)
{
	for (size_t i = 0; i < ch->s->m->nservices; i++)
		if (ch->s->unit_of[i] && unit_lives(ch->s->unit_of[i])) {
			(void)err_set(err, ERR_PROJECT, 0,
				"the supervisor runs the services of %s, not those of %s",
				*ch->s->m->path ? ch->s->m->path : "a command", ch->path);
			return err_help(err, "sysg stop stops them; or run another supervisor: "
					     "sysg start --socket PATH");
		}
	return 0;
}

static struct manifest *load(struct change *ch, struct err *err)
{
	struct manifest *m;

	if (!ch->path)
		return manifest_ref(ch->s->m);
	if (strcmp(ch->path, ch->s->m->path) != 0 && other_project(ch, err) < 0)
		return NULL;
	m = bundle_manifest(&ch->reading.bundle, ch->path, ch->cwd_default, err);
	if (!m)
		(void)refuse(ch, err);
	return m;
}

int change_choose(struct change *ch, struct err *err)
{
	if (!ch->m) {
		struct manifest *m = load(ch, err);
		if (!m || begin_with(ch, m, err) < 0)
			return -1;
	}
	int rc = define_wanted(ch, err);
	if (rc != 0)
		return rc;
	decide(ch);
	const struct unit *left = ch->kept ? NULL : left_over(ch);
	if (!left)
		return 0;
	forget_match(ch);
	snprintf(ch->note, sizeof ch->note,
		"%s is in the manifest no more and still runs; the manifest as it was goes on "
		"being used until sysg restart applies the new one",
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
	free(ch->path);
	free(ch);
	return NULL;
}
