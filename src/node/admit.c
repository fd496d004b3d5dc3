/* The rules of a birth. Everything is asked of every ancestor, from the parent up to the service at
 * the root. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/units.h"
#include "manifest/manifest.h"
#include "node/memory.h"
#include "node/tree.h"

static int over(const struct full *f, struct err *err)
{
	const char *key = limit_rows[f->key].key, *root = f->holder->root->name;
	char path[UNIT_PATH_MAX];

	(void)err_set(err, limit_rows[f->key].code, 0,
		"%s limit of %s reached: %" PRId64 " of %" PRId64, key,
		unit_path(f->holder, path, sizeof path), f->count, f->limit);
	if (f->key == LIMIT_RATE)
		return err_help(err,
			"try again within a second; `spawn.limits.rate` of %s bounds it", root);
	return err_help(err, "sysg tree %s\n`spawn.limits.%s` of %s bounds it", root, key, root);
}

bool tree_closed(const struct unit *u)
{
	while (u && !u->closed && !u->ended && !u->orphan)
		u = u->parent;
	return u != NULL;
}

static int may_spawn(const struct unit *parent, struct err *err)
{
	char path[UNIT_PATH_MAX];

	if (!parent->root->dynamic) {
		err_set(err, ERR_NOT_DYNAMIC, 0,
			"service %s may not spawn: its manifest does not say spawn.mode: dynamic",
			parent->root->name);
		return err_help(
			err, "add to service %s: spawn: {mode: dynamic}", parent->root->name);
	}
	for (const struct unit *a = parent; a; a = a->parent) {
		if (a->orphan)
			return err_set(err, ERR_NOT_DYNAMIC, 0,
				"%s is an orphan: nothing spawns there",
				unit_path(a, path, sizeof path));
		if (a->no_spawn) {
			err_set(err, ERR_NOT_DYNAMIC, 0,
				"%s has no right to spawn: --no-spawn, or it was revoked",
				unit_path(a, path, sizeof path));
			return err_help(err, "its parent can give it: sysg grant %s spawn", path);
		}
	}
	for (const struct unit *a = parent; a; a = a->parent)
		if (a->closed || a->ended)
			return err_set(err, ERR_PARENT_STOPPING, 0,
				"%s is ending; nothing in its tree is spawned any more",
				unit_path(a, path, sizeof path));
	return 0;
}

/* From nine tenths on. child_memory of an ancestor is of each unit between it and the child. */
static int near(
	const struct unit *a, const struct unit *parent, enum limit_key key, struct err *err)
{
	int64_t limit = a->limits.v[key];
	const struct unit *u = key == LIMIT_TOTAL_MEMORY ? a : parent;

	if (!u->parent && u->memory_max && memory_near(u->memory_tree, u->memory_max))
		return err_set(err, ERR_MEMORY, 0, "limits.memory of %s: %" PRId64 " of %" PRId64,
			u->name, u->memory_tree, u->memory_max);
	for (; u && (key == LIMIT_TOTAL_MEMORY || u != a); u = u == a ? NULL : u->parent)
		if (memory_near(u->memory_tree, limit))
			return over(&(struct full){ a, key, limit, u->memory_tree }, err);
	return 0;
}

/* One limit of one ancestor against what the child would make of it. */
static bool is_full(const struct unit *a, const struct unit *parent, struct full *f)
{
	f->holder = a;
	f->limit = a->limits.v[f->key];
	switch (f->key) {
	case LIMIT_DEPTH:
		f->count = parent->depth - a->depth;
		break;
	case LIMIT_CHILDREN:
		f->count = parent->live_children;
		break;
	case LIMIT_DESCENDANTS:
		f->count = a->descendants;
		break;
	default:
		f->count = (int64_t)a->ever;
		break;
	}
	return f->limit != LIMIT_NONE && f->count >= f->limit;
}

static bool any_full(const struct unit *parent, const enum limit_key keys[2], struct full *f)
{
	for (int i = 0; i < 2; i++) {
		f->key = keys[i];
		for (const struct unit *a = parent; a; a = a->parent)
			if (is_full(a, parent, f))
				return true;
	}
	return false;
}

/* The smallest value of a per-unit limit along the ancestors; its holder. LIMIT_NONE: nobody has
 * one. */
static int64_t least(const struct unit *parent, enum limit_key key, const struct unit **ret_holder)
{
	int64_t v = LIMIT_NONE;

	*ret_holder = NULL;
	for (const struct unit *a = parent; a; a = a->parent)
		if (a->limits.v[key] != LIMIT_NONE && (v == LIMIT_NONE || a->limits.v[key] < v)) {
			v = a->limits.v[key];
			*ret_holder = a;
		}
	return v;
}

/* A bucket of one second's worth: full_ns is when it would be full again; a spawn puts that off by
 * 1/rate. Returns what it would be charged; 0: there is no such limit. *ret_at_ns: when it has room. */
static int64_t rate(const struct unit *parent, int64_t now_ns, struct full *f, int64_t *ret_at_ns)
{
	int64_t limit = least(parent, LIMIT_RATE, &f->holder);
	int64_t full = parent->rate_full_ns > now_ns ? parent->rate_full_ns : now_ns;

	*ret_at_ns = now_ns;
	if (limit == LIMIT_NONE)
		return 0;
	f->key = LIMIT_RATE;
	f->limit = f->count = limit;
	*ret_at_ns = full + NS_PER_SEC / limit - NS_PER_SEC / limit * limit;
	return NS_PER_SEC / limit;
}

bool tree_full(const struct unit *parent, int64_t now_ns, struct full *ret, int64_t *ret_at_ns)
{
	static const enum limit_key keys[] = { LIMIT_CHILDREN, LIMIT_DESCENDANTS };

	*ret_at_ns = INT64_MAX;
	if (any_full(parent, keys, ret))
		return true;
	(void)rate(parent, now_ns, ret, ret_at_ns);
	return *ret_at_ns > now_ns;
}

static int ttl(
	const struct unit *parent, const struct spawn_want *want, int64_t *ret_ns, struct err *err)
{
	const struct unit *holder;
	int64_t limit = least(parent, LIMIT_TTL, &holder);
	char path[UNIT_PATH_MAX], have[32], may[32];

	*ret_ns = want->ttl_ns;
	if (limit == LIMIT_NONE)
		return 0;
	if (!want->ttl_ns)
		*ret_ns = limit;
	if (want->ttl_ns <= limit)
		return 0;
	duration_print(have, sizeof have, want->ttl_ns);
	duration_print(may, sizeof may, limit);
	err_set(err, ERR_ONLY_TIGHTEN, 0, "a TTL of %s is above limits.ttl of %s: %s", have,
		unit_path(holder, path, sizeof path), may);
	return err_help(err, "--ttl %s at most, or none for that much", may);
}

/* What the child may set at most for one key, by its ancestors. LIMIT_NONE: anything. */
static int64_t ceiling(const struct unit *parent, enum limit_key key)
{
	const struct unit *holder;
	int64_t v = LIMIT_NONE;

	if (key != LIMIT_DEPTH)
		return least(parent, key, &holder);
	for (const struct unit *a = parent; a; a = a->parent) {
		int64_t d = a->limits.v[LIMIT_DEPTH];
		if (d == LIMIT_NONE)
			continue;
		d -= parent->depth + 1 - a->depth; /* levels that are left below the child */
		if (v == LIMIT_NONE || d < v)
			v = d;
	}
	return v;
}

static int publicity(const struct unit *parent, const struct spawn_want *want, struct err *err)
{
	if (!want->public || parent->root->allow_public)
		return 0;
	err_set(err, ERR_DENIED, 0, "--public is not for what %s spawns", parent->root->name);
	return err_help(err, "`spawn.allow.public` of %s says so", parent->root->name);
}

static int tightens(const struct unit *parent, const struct spawn_want *want, struct err *err)
{
	for (int key = 0; key < LIMIT_COUNT; key++) {
		int64_t v = want->limits.v[key], may = ceiling(parent, (enum limit_key)key);
		if (v == LIMIT_NONE && may != LIMIT_NONE && want->unlimited >> key & 1) {
			err_set(err, ERR_ONLY_TIGHTEN, 0,
				"--limit %s=0 would lift the limit that is in force here",
				limit_rows[key].key);
			return err_help(err, "leave it out: the limit holds for the child too");
		}
		if (v != LIMIT_NONE && may != LIMIT_NONE && v > may) {
			int64_t unit = key == LIMIT_TTL ? NS_PER_SEC : 1;
			err_set(err, ERR_ONLY_TIGHTEN, 0,
				"--limit %s=%" PRId64 " is above what is left here: %" PRId64,
				limit_rows[key].key, v / unit, may / unit);
			return err_help(err, "`spawn.limits.%s` of %s bounds it",
				limit_rows[key].key, parent->root->name);
		}
	}
	if (want->has_policy && want->policy < parent->policy) {
		err_set(err, ERR_ONLY_TIGHTEN, 0, "--policy %s is looser than the parent's: %s",
			policy_name(want->policy), policy_name(parent->policy));
		return err_help(err, "leave it out, or make it stricter");
	}
	return 0;
}

static int may_ask(const struct unit *parent, const struct spawn_want *want, struct err *err)
{
	unsigned denied = want->asks & ~parent->root->terms.on_exit;
	const char *service = parent->root->name;

	if (!denied)
		return 0;
	err_set(err, ERR_DENIED, 0, "--on-exit %s is not for what is spawned below %s",
		on_exit_name((enum on_exit)__builtin_ctz(denied)), service);
	return err_help(err, "`spawn.allow.on_exit` of %s lists what is", service);
}

static bool taken(const struct unit *parent, const char *name)
{
	list_each(it, &((struct unit *)(uintptr_t)parent)->kids)
	{
		const struct unit *kid = list_entry(it, const struct unit, sibling);
		if (!kid->ended && strcmp(kid->name, name) == 0)
			return true;
	}
	return false;
}

/* %n in a name is the number of the id. */
static void fill_number(char *out, size_t size, const char *name, uint64_t id)
{
	size_t at = 0;

	for (; *name && at < size - 1; name++) {
		if (name[0] == '%' && name[1] == 'n') {
			at += (size_t)snprintf(out + at, size - at, "%" PRIu64, id);
			name++;
		} else {
			out[at++] = *name;
		}
	}
	out[at < size ? at : size - 1] = '\0';
}

void tree_name(const struct unit *parent, char *name, uint64_t id)
{
	char tail[32];

	if (!taken(parent, name))
		return;
	int n = snprintf(tail, sizeof tail, ".%" PRIu64, id);
	size_t room = (size_t)(CAP_NAME - n), len = strlen(name);
	memcpy(name + (len < room ? len : room), tail, (size_t)n + 1);
	if (taken(parent,
		    name)) /* a sibling was named so on purpose; no other has or gets this one */
		snprintf(name, CAP_NAME + 1, "@%" PRIu64, id);
}

static int choose_name(const struct unit *parent, const struct spawn_want *want, uint64_t id,
	char *ret, struct err *err)
{
	char full[4 * CAP_NAME];

	if (!want->name) {
		snprintf(ret, CAP_NAME + 1, "@%" PRIu64, id);
		return 0;
	}
	fill_number(full, sizeof full, want->name, id);
	if (unit_name_check(full, err) < 0)
		return -1;
	memcpy(ret, full, strlen(full) + 1); /* checked: at most CAP_NAME bytes */
	if (want->unique && taken(parent, ret)) {
		err_set(err, ERR_NAME_TAKEN, 0, "the name %s is taken by a living sibling", ret);
		return err_help(err, "without --unique it gets a number; %%n in a name is one too");
	}
	tree_name(parent, ret, id);
	return 0;
}

/* What no waiting changes. */
static int admissible(const struct unit *parent, struct err *err)
{
	static const enum limit_key keys[] = { LIMIT_DEPTH, LIMIT_EVER };
	struct full f = { parent->root, LIMIT_DEPTH, CAP_PATH_DEPTH - 1, parent->depth };

	if (may_spawn(parent, err) < 0)
		return -1;
	if (parent->depth + 1 >= CAP_PATH_DEPTH || any_full(parent, keys, &f))
		return over(&f, err);
	for (const struct unit *a = parent; a; a = a->parent)
		if (near(a, parent, LIMIT_TOTAL_MEMORY, err) < 0 ||
			near(a, parent, LIMIT_CHILD_MEMORY, err) < 0)
			return -1;
	return 0;
}

struct unit *tree_admit(struct tree *t, struct unit *parent, const struct spawn_want *want,
	int64_t now_ns, struct err *err)
{
	char name[CAP_NAME + 1];
	int64_t ttl_ns, at_ns;
	struct full f;

	if (admissible(parent, err) < 0 || tightens(parent, want, err) < 0 ||
		publicity(parent, want, err) < 0 || may_ask(parent, want, err) < 0 ||
		ttl(parent, want, &ttl_ns, err) < 0 ||
		choose_name(parent, want, t->last_id + 1, name, err) < 0)
		return NULL;
	if (tree_full(parent, now_ns, &f, &at_ns)) {
		(void)over(&f, err);
		return NULL;
	}
	struct unit *u = tree_add_child(t, parent);
	if (!u) {
		err_no_memory(err);
		return NULL;
	}
	snprintf(u->name, sizeof u->name, "%s", name);
	u->rate_charge_ns = rate(parent, now_ns, &f, &at_ns);
	if (u->rate_charge_ns)
		parent->rate_full_ns =
			u->rate_charge_ns +
			(parent->rate_full_ns > now_ns ? parent->rate_full_ns : now_ns);
	u->ttl_ns = ttl_ns;
	u->limits = want->limits;
	u->policy = want->has_policy ? want->policy : parent->policy;
	u->no_spawn = want->no_spawn;
	u->public = want->public;
	u->again = want->again;
	return u;
}
