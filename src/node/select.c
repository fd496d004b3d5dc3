/* Selectors: @id, self, parent, a pid, a path from the top, or any suffix of a path. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/units.h"
#include "node/tree.h"

struct match {
	struct unit *live, *ended; /* the newest of each */
	unsigned n_live;
	bool ended_differ;         /* ended ones of several paths */
};

static bool path_ends_with(const struct unit *u, const char *tail)
{
	char path[UNIT_PATH_MAX];
	size_t n = strlen(unit_path(u, path, sizeof path)), m = strlen(tail);

	return n >= m && strcmp(path + n - m, tail) == 0 && (n == m || path[n - m - 1] == '/');
}

static bool path_is(const struct unit *u, const char *want)
{
	char path[UNIT_PATH_MAX];

	return strcmp(unit_path(u, path, sizeof path), want) == 0;
}

static bool same_path(const struct unit *a, const struct unit *b)
{
	char path[UNIT_PATH_MAX];

	return path_is(b, unit_path(a, path, sizeof path));
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

static int ambiguous(struct tree *t, const char *selector, const struct unit *below, struct err *err)
{
	char list[200] = "", path[UNIT_PATH_MAX];
	size_t at = 0;

	list_each(it, &t->all)
	{
		struct unit *u = list_entry(it, struct unit, all);
		if (!path_ends_with(u, selector) || (below && !unit_descends(u, below)))
			continue;
		unit_path(u, path, sizeof path);
		if (at + strlen(path) + 8 > sizeof list) {
			memcpy(list + at, ", ...", 6);
			break;
		}
		if (at) {
			memcpy(list + at, ", ", 2);
			at += 2;
		}
		memcpy(list + at, path, strlen(path) + 1);
		at += strlen(path);
	}
	return err_set(err, ERR_AMBIGUOUS, 0, "%s matches several units: %s", selector, list);
}

static struct unit *by_suffix(struct tree *t, const char *selector, const struct unit *below, struct err *err)
{
	struct match m = { 0 };

	list_each(it, &t->all)
	{
		struct unit *u = list_entry(it, struct unit, all);
		bool here = !below || (u != below && unit_descends(u, below));
		if (here && (*selector == '/' ? path_is(u, selector + 1) : path_ends_with(u, selector)))
			note(&m, u);
	}
	if (m.n_live == 1)
		return m.live;
	if (m.n_live > 1 || m.ended_differ) {
		ambiguous(t, selector, below, err);
		return NULL;
	}
	return m.ended;
}

static struct unit *by_pid(struct tree *t, const char *digits)
{
	const char *why;
	int64_t n;
	struct unit *u;

	if (whole_parse(digits, 1, INT32_MAX, &n, &why) < 0)
		return NULL;
	pid_t pid = (pid_t)n;
	HASH_FIND(by_pid, t->by_pid, &pid, sizeof pid, u);
	return u;
}

static struct unit *by_word(struct tree *t, struct unit *caller, const char *selector, bool *ret_decided)
{
	*ret_decided = true;
	if (*selector == '@') {
		const char *why;
		int64_t id;
		return whole_parse(selector + 1, 1, INT64_MAX, &id, &why) < 0 ? NULL : tree_by_id(t, (uint64_t)id);
	}
	if (strcmp(selector, "self") == 0)
		return caller;
	if (strcmp(selector, "parent") == 0)
		return caller ? caller->parent : NULL;
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
