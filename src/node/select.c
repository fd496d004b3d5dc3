/* Selectors: @id, self, parent, a pid, a path from the top, or any suffix of a path. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/units.h"
#include "node/tree.h"

struct match {
	struct unit *live, *ended; /* the newest of each */
	unsigned n_live;
	bool ended_differ; /* ended ones of several paths */
};

/* Component by component from the end, so that no path is too long for it. from_top: the whole path
 * has to be it. */
static bool path_matches(const struct unit *u, const char *want, bool from_top)
{
	const char *end = want + strlen(want);

	for (; u; u = u->parent) {
		size_t n = strlen(u->name);
		if ((size_t)(end - want) < n || memcmp(end - n, u->name, n) != 0)
			return false;
		end -= n;
		if (end == want)
			return !from_top || !u->parent;
		if (*--end != '/')
			return false;
	}
	return false;
}

static bool selects(const struct unit *u, const char *selector)
{
	return *selector == '/' ? path_matches(u, selector + 1, true)
				: path_matches(u, selector, false);
}

static bool same_path(const struct unit *a, const struct unit *b)
{
	for (; a && b && a != b; a = a->parent, b = b->parent)
		if (strcmp(a->name, b->name) != 0)
			return false;
	return a == b;
}

static void note(struct match *m, struct unit *u)
{
	if (!u->ended) {
		m->live = u;
		m->n_live++;
		return;
	}
	if (m->ended && !same_path(m->ended, u))
		m->ended_differ = true;
	m->ended = u;
}

static bool in_scope(const struct unit *u, const struct unit *below)
{
	return !below || (u != below && unit_descends(u, below));
}

/* Did an ended unit of the same path match before this one? */
static bool listed_before(struct tree *t, const struct unit *u)
{
	list_each(it, &t->all)
	{
		const struct unit *a = list_entry(it, const struct unit, all);
		if (a == u)
			return false;
		if (a->ended && same_path(a, u))
			return true;
	}
	return false;
}

/* Lists what was the choice: the live ones, or, where none is, the ended ones, a path once. */
static int ambiguous(
	struct tree *t, const char *selector, const struct unit *below, bool live, struct err *err)
{
	char list[200] = "", path[UNIT_PATH_MAX];
	size_t at = 0;

	list_each(it, &t->all)
	{
		struct unit *u = list_entry(it, struct unit, all);
		if (!in_scope(u, below) || !selects(u, selector) || u->ended == live ||
			(u->ended && listed_before(t, u)))
			continue;
		unit_path(u, path, sizeof path);
		if (at + strlen(path) + 8 > sizeof list) {
			memcpy(list + at, ", ...", 6);
			break;
		}
		if (at) {
			list[at++] = ',';
			list[at++] = ' ';
		}
		memcpy(list + at, path, strlen(path) + 1);
		at += strlen(path);
	}
	return err_set(err, ERR_AMBIGUOUS, 0, "%.100s matches several units: %s", selector, list);
}

static struct unit *by_suffix(
	struct tree *t, const char *selector, const struct unit *below, struct err *err)
{
	struct match m = { 0 };

	list_each(it, &t->all)
	{
		struct unit *u = list_entry(it, struct unit, all);
		if (selects(u, selector) && in_scope(u, below))
			note(&m, u);
	}
	if (m.n_live == 1)
		return m.live;
	if (m.n_live > 1 || m.ended_differ) {
		ambiguous(t, selector, below, m.n_live > 1, err);
		return NULL;
	}
	return m.ended;
}

static struct unit *by_pid(struct tree *t, const char *digits)
{
	const char *why;
	int64_t n;

	return whole_parse(digits, 1, INT32_MAX, &n, &why) < 0 ? NULL : tree_had_pid(t, (pid_t)n);
}

static struct unit *by_word(
	struct tree *t, struct unit *caller, const char *selector, bool *ret_decided)
{
	*ret_decided = true;
	if (*selector == '@') {
		const char *why;
		int64_t id;
		return whole_parse(selector + 1, 1, INT64_MAX, &id, &why) < 0
			       ? NULL
			       : tree_by_id(t, (uint64_t)id);
	}
	if (strcmp(selector, "self") == 0)
		return caller;
	if (strcmp(selector, "parent") == 0)
		return caller ? unit_owner(caller) : NULL;
	if (*selector && strspn(selector, "0123456789") == strlen(selector))
		return by_pid(t, selector);
	*ret_decided = false;
	return NULL;
}

struct unit *tree_select(struct tree *t, struct unit *caller, const char *selector, struct err *err)
{
	bool decided;
	struct unit *u = by_word(t, caller, selector, &decided);

	err->code = ERR_OK;
	if (!decided && *selector && caller && *selector != '/')
		u = by_suffix(t, selector, caller, err);
	if (!decided && *selector && !u && err->code == ERR_OK)
		u = by_suffix(t, selector, NULL, err);
	if (!u && err->code == ERR_OK) {
		err_set(err, ERR_NO_UNIT, 0, "no such unit: %s", selector);
		err_help(err, "sysg status lists the units");
	}
	return u;
}
