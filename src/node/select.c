/* Selectors: @id, self, parent, a pid, a path from the top, or any suffix of a path. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/units.h"
#include "manifest/manifest.h"
#include "node/tree.h"

struct match {
	struct unit *live, *ended; /* the newest of each */
	unsigned n_live;
	bool ended_differ; /* ended ones of several paths */
};

static bool ends_with(const char *want, const char *end, const char *name, size_t n)
{
	return (size_t)(end - want) >= n && memcmp(end - n, name, n) == 0;
}

/* Component by component from the end, so that no path is too long for it. from_top: the whole path
 * has to be it. */
static bool path_matches(const struct unit *u, const char *want, bool from_top)
{
	const char *end = want + strlen(want);

	for (; u; u = u->parent) {
		const char *name = unit_name(u);
		size_t n = strlen(name);
		if (!ends_with(want, end, name, n) &&
			(!(n = u->short_len) || !ends_with(want, end, name, n)))
			return false;
		end -= n;
		if (end == want)
			return !from_top || (!u->parent && !u->prefix);
		if (*--end != '/')
			return false;
		if (u->prefix)
			return end - want == u->prefix - 1 &&
			       memcmp(want, u->name, u->prefix - 1) == 0;
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

bool unit_same_project(const struct unit *a, const struct unit *b)
{
	return a->root->prefix == b->root->prefix &&
	       memcmp(a->root->name, b->root->name, a->root->prefix) == 0;
}

/* Where a caller is heard first: below itself, then in its project. */
enum scope { SCOPE_BELOW, SCOPE_OWN_PROJECT, SCOPE_ALL };

static bool in_scope(const struct unit *u, const struct unit *caller, enum scope scope)
{
	return scope == SCOPE_ALL     ? true
	       : scope == SCOPE_BELOW ? u != caller && unit_descends(u, caller)
				      : unit_same_project(u, caller);
}

struct listed {
	size_t n;
	const struct unit *v[64]; /* more than an error's text has room for */
};

static bool is_listed(const struct listed *l, const struct unit *u)
{
	for (size_t i = 0; i < l->n; i++)
		if (same_path(l->v[i], u))
			return true;
	return false;
}

/* Lists what was the choice: the live ones, or, where none is, the ended ones, a path once. */
static int ambiguous(struct tree *t, const char *selector, const struct unit *caller,
	enum scope scope, bool live, struct err *err)
{
	char list[200] = "", path[UNIT_PATH_MAX];
	struct listed listed = { .n = 0 };
	size_t at = 0;

	list_each(it, &t->all)
	{
		struct unit *u = list_entry(it, struct unit, all);
		if (!in_scope(u, caller, scope) || !selects(u, selector) || u->ended == live ||
			is_listed(&listed, u))
			continue;
		unit_path(u, path, sizeof path);
		listed.v[listed.n++] = u;
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

/* -1: there are not so many left. */
static int take_looks(struct tree *t, size_t n, struct err *err)
{
	if (t->looks < n) {
		err_set(err, ERR_TOO_LARGE, 0, "too many units are named by path among %zu",
			t->units);
		return err_help(err, "name them by their ids: @17");
	}
	if (t->looks != SIZE_MAX)
		t->looks -= n;
	return 0;
}

static struct unit *by_suffix(struct tree *t, const char *selector, const struct unit *caller,
	enum scope scope, struct err *err)
{
	struct match m = { 0 };

	if (take_looks(t, t->units, err) < 0)
		return NULL;
	list_each(it, &t->all)
	{
		struct unit *u = list_entry(it, struct unit, all);
		if (selects(u, selector) && in_scope(u, caller, scope))
			note(&m, u);
	}
	if (m.n_live == 1)
		return m.live;
	if (m.n_live > 1 || m.ended_differ) {
		ambiguous(t, selector, caller, scope, m.n_live > 1, err);
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
	bool top = !caller || *selector == '/';
	struct unit *u = by_word(t, caller, selector, &decided);

	err->code = ERR_OK;
	if (selects_project(selector)) {
		err_set(err, ERR_NO_UNIT, 0, "no one unit: %s is all of a project", selector);
		err_help(err, "sysg status lists the units; -s UNIT names one of them");
		return NULL;
	}
	for (enum scope scope = top ? SCOPE_ALL : SCOPE_BELOW;
		!decided && *selector && !u && err->code == ERR_OK && scope <= SCOPE_ALL; scope++)
		u = by_suffix(t, selector, caller, scope, err);
	if (!u && err->code == ERR_OK) {
		err_set(err, ERR_NO_UNIT, 0, "no such unit: %s", selector);
		err_help(err, "sysg status lists the units");
	}
	return u;
}

/* As many as each takes that is one of several: who asks looks through those that it has already. All of the services that
 * there can be are named once by what a request may take. */
enum { COPY_LOOKS = 200 };

static bool same_copies(const struct unit *a, const struct unit *b)
{
	return b->short_len && unit_same_project(a, b) && a->short_len == b->short_len &&
	       memcmp(unit_name(a), unit_name(b), a->short_len) == 0;
}

/* In the order of the services. */
static struct list *first_behind(struct tree *t, const struct unit *after)
{
	return after ? after->sibling.next : t->services.next;
}

/* The next copy of the one service that is meant; NULL where several are. What names one copy names no other. */
static struct unit *next_copy(
	struct tree *t, const struct unit *caller, const char *selector, const struct unit *after)
{
	struct unit *ret = NULL;

	for (struct list *it = first_behind(t, after); it != &t->services; it = it->next) {
		struct unit *u = list_entry(it, struct unit, sibling);
		if (after && same_copies(after, u) && selects(u, selector))
			return u;
		if (after || !selects(u, selector))
			continue;
		if (ret && caller && *selector != '/' &&
			unit_same_project(ret, caller) != unit_same_project(u, caller)) {
			if (unit_same_project(u, caller))
				ret = u; /* it goes before */
		} else if (ret && !same_copies(ret, u)) {
			return NULL;
		} else if (!ret) {
			ret = u;
		}
	}
	return ret && ret->short_len ? ret : NULL;
}

static bool in_project(const struct unit *u, const char *selector)
{
	const char *id = u->prefix ? u->name : PROJECT_LOOSE "/";
	size_t n = u->prefix ? u->prefix : sizeof PROJECT_LOOSE;

	selector += *selector == '/';
	return strlen(selector) == n && memcmp(selector, id, n) == 0;
}

static struct unit *next_of_project(
	struct tree *t, const char *selector, const struct unit *after, struct err *err)
{
	err->code = ERR_OK;
	for (struct list *it = first_behind(t, after); it != &t->services; it = it->next) {
		struct unit *u = list_entry(it, struct unit, sibling);
		if (in_project(u, selector))
			return take_looks(t, COPY_LOOKS, err) < 0 ? NULL : u;
	}
	if (!after)
		(void)no_project(selector, err);
	return NULL;
}

struct unit *tree_select_next(struct tree *t, struct unit *caller, const char *selector,
	const struct unit *after, struct err *err)
{
	struct unit *u = NULL;

	if (selects_project(selector))
		return next_of_project(t, selector, after, err);
	if (!after)
		u = tree_select(t, caller, selector, err);
	if (u || (after && !after->short_len) || (!after && err->code != ERR_AMBIGUOUS))
		return u;
	u = next_copy(t, caller, selector, after);
	if (!u)
		return NULL;
	err->code = ERR_OK;
	return take_looks(t, COPY_LOOKS, err) < 0 ? NULL : u;
}
