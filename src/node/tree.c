#include "node/tree.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "node/mailbox.h"

const char *end_reason_word(enum end_reason r)
{
	static const char *const words[END_COUNT] = {
#define X(name, word) [END_##name] = (word),
		END_REASONS(X)
#undef X
	};

	return (unsigned)r < END_COUNT ? words[r] : "";
}

char *unit_path(const struct unit *u, char *buf, size_t size)
{
	const struct unit *chain[CAP_PATH_DEPTH + 1];
	size_t n = 0, at = 0;

	for (; u && n <= CAP_PATH_DEPTH; u = u->parent)
		chain[n++] = u;
	buf[0] = '\0';
	while (n-- && at < size) {
		// cppcheck-suppress uninitvar; only what was filled above is read
		int m = snprintf(buf + at, size - at, "%s%s", at ? "/" : "", chain[n]->name);
		at += m > 0 ? (size_t)m : 0;
	}
	return buf;
}

char *unit_lasting_path(const struct unit *u, char *buf, size_t size)
{
	char path[UNIT_PATH_MAX];
	const struct unit *root = u->root;

	if (unit_spawned(root) || !root->logged_as)
		return unit_path(u, buf, size);
	snprintf(buf, size, "%s%s", root->logged_as,
		unit_path(u, path, sizeof path) + strlen(root->name));
	return buf;
}

char *unit_log_path(const struct unit *u, char *buf, size_t size)
{
	if (!u->logged_as)
		return unit_lasting_path(u, buf, size);
	snprintf(buf, size, "%s", u->logged_as);
	return buf;
}

bool unit_descends(const struct unit *u, const struct unit *from)
{
	while (u && u != from)
		u = unit_owner(u);
	return u != NULL;
}

bool unit_rests(const struct unit *u)
{
	return node_state_over(u->state) && !(u->state == NODE_IDLE && u->keeps_kids);
}

void tree_init(struct tree *t)
{
	*t = (struct tree){ .looks = SIZE_MAX };
	list_init(&t->all);
	list_init(&t->services);
}

/* The unit's pid is nobody's any more: neither in the table nor by itself. */
static void lose_pid(struct tree *t, struct unit *u)
{
	if (u->pid)
		numbers_del(&t->by_pid, &u->by_pid);
	u->pid = 0;
}

static void drop(struct tree *t, struct unit *u)
{
	lose_pid(t, u);
	numbers_del(&t->by_id, &u->by_id);
	list_del(&u->all);
	list_del(&u->sibling);
	list_del(&u->result);
	list_del(&u->notice);
	list_each(it, &u->notices) list_del(it);
	list_each(it, &u->results) list_del(it); /* inherited ones are older, and freed after it */
	mailbox_done(&u->box);
	t->units--;
	free(u->rights);
	free(u->logged_as);
	free(u);
}

void tree_clear(struct tree *t)
{
	while (!list_empty(&t->all)) {
		struct unit *u = list_entry(t->all.prev, struct unit, all);
		list_each(it, &u->kids) list_del(it);
		drop(t, u);
	}
}

static struct unit *add(struct tree *t, struct unit *parent)
{
	struct unit *u = calloc(1, sizeof *u);

	if (!u)
		return NULL;
	u->id = ++t->last_id;
	numbers_add(&t->by_id, &u->by_id, u->id);
	u->parent = parent;
	u->root = parent ? parent->root : u;
	u->depth = parent ? parent->depth + 1 : 0;
	u->service = -1;
	for (int i = 0; i < LIMIT_COUNT; i++)
		u->limits.v[i] = LIMIT_NONE;
	list_init(&u->kids);
	list_init(&u->notices);
	list_init(&u->notice);
	mailbox_init(&u->box);
	list_init(&u->sibling);
	list_init(&u->results);
	list_init(&u->result);
	list_init(&u->all);
	list_add_tail(parent ? &parent->kids : &t->services, &u->sibling);
	list_add_tail(&t->all, &u->all);
	t->units++;
	return u;
}

struct unit *tree_add_service(struct tree *t, const char *name, ssize_t index)
{
	struct unit *u = add(t, NULL);

	if (!u)
		return NULL;
	snprintf(u->name, sizeof u->name, "%s", name);
	u->prefix = (unsigned)strcspn(name, "/");
	u->prefix = name[u->prefix] ? u->prefix + 1 : 0;
	u->service = index;
	u->state = NODE_IDLE;
	return u;
}

struct unit *tree_add_child(struct tree *t, struct unit *parent)
{
	struct unit *u = add(t, parent);

	if (!u)
		return NULL;
	u->state = NODE_WAITING;
	u->want_up = true;
	parent->live_children++;
	for (struct unit *a = parent; a; a = a->parent) {
		a->descendants++;
		a->ever++;
	}
	return u;
}

static void uncount(struct unit *u)
{
	if (u->orphan)
		u->parent->orphans--;
	else
		u->parent->live_children--;
	for (struct unit *a = u->parent; a; a = a->parent)
		a->descendants--;
}

void tree_unadmit(struct tree *t, struct unit *u)
{
	struct unit *parent = u->parent;

	uncount(u);
	parent->ever--;
	for (struct unit *a = parent->parent; a; a = a->parent)
		a->ever--;
	if (u->sibling.next ==
		&parent->kids) /* one born since has counted on this one: then it stays paid */
		parent->rate_full_ns -= u->rate_charge_ns;
	tree_forget_kids(t, u);
	drop(t, u);
}

void tree_forget_kids(struct tree *t, struct unit *u)
{
	list_each(it, &u->kids)
	{
		struct unit *kid = list_entry(it, struct unit, sibling);
		if (kid->ended)
			drop(t, kid);
	}
	u->kept = 0;
}

void tree_forget(struct tree *t, struct unit *u)
{
	u->parent->kept--;
	drop(t, u);
}

void tree_remove_service(struct tree *t, struct unit *u)
{
	tree_forget_kids(t, u);
	drop(t, u);
}

/* The oldest result is the one that ended first, not the one that was born first; the newest is
 * never the one. */
static void forget_oldest(struct tree *t, struct unit *parent, const struct unit *newest)
{
	struct unit *oldest = list_entry(parent->results.next, struct unit, result);

	while (oldest != newest && oldest->notice_held) /* it is being collected */
		oldest = list_entry(oldest->result.next, struct unit, result);
	if (oldest == newest)
		return;
	drop(t, oldest);
	parent->kept--;
	parent->lost++;
}

/* The children limit that is in force for one unit: the smallest of it and its ancestors. */
static int64_t children_limit(const struct unit *u)
{
	int64_t least = -1;

	for (; u; u = u->parent) {
		int64_t v = u->limits.v[LIMIT_CHILDREN];
		if (v != LIMIT_NONE && (least < 0 || v < least))
			least = v;
	}
	return least;
}

int64_t tree_results_max(const struct unit *parent)
{
	int64_t n = 4 * children_limit(parent);

	return n > CAP_RESULTS_MIN ? n : CAP_RESULTS_MIN;
}

void tree_end(struct tree *t, struct unit *u)
{
	struct unit *parent = u->parent;

	tree_forget_kids(t, u);
	uncount(u);
	u->ended = true;
	free(u->rights); /* they end with their holder */
	u->rights = NULL;
	u->nrights = 0;
	if (u->orphan) { /* nobody would ask for its result */
		drop(t, u);
		return;
	}
	list_add_tail(&parent->results, &u->result);
	parent->kept++;
	if (u->collected) {
		tree_forget(t, u);
		return;
	}
	if ((int64_t)parent->kept > tree_results_max(parent))
		forget_oldest(t, parent, u);
}

void tree_close(struct unit *u)
{
	for (struct unit *at = u; at; at = tree_walk(u, at == u ? NULL : at))
		at->closed = true;
}

void tree_set_pid(struct tree *t, struct unit *u, pid_t pid)
{
	struct unit *old;

	lose_pid(t, u);
	old = tree_had_pid(t, pid);
	if (old) /* a number used again: the one that had it before loses it */
		lose_pid(t, old);
	u->pid = pid;
	numbers_add(&t->by_pid, &u->by_pid, (uint64_t)pid);
}

struct unit *tree_had_pid(struct tree *t, pid_t pid)
{
	struct numbered *e = numbers_find(&t->by_pid, (uint64_t)pid);

	return e ? container_of(e, struct unit, by_pid) : NULL;
}

struct unit *tree_by_pid(struct tree *t, pid_t pid)
{
	struct unit *u = tree_had_pid(t, pid);

	return u && u->main_alive ? u : NULL;
}

struct unit *tree_by_id(struct tree *t, uint64_t id)
{
	struct numbered *e = numbers_find(&t->by_id, id);

	return e ? container_of(e, struct unit, by_id) : NULL;
}

struct unit *tree_after(struct tree *t, uint64_t id)
{
	struct unit *u = id ? tree_by_id(t, id) : NULL;

	if (u)
		return u->all.next == &t->all ? NULL : list_entry(u->all.next, struct unit, all);
	list_each(it, &t->all)
	{
		u = list_entry(it, struct unit, all);
		if (u->id > id)
			return u;
	}
	return NULL;
}

static struct unit *live_from(struct list *at, struct list *head)
{
	for (; at != head; at = at->next) {
		struct unit *u = list_entry(at, struct unit, sibling);
		if (!u->ended && !u->orphan)
			return u;
	}
	return NULL;
}

struct unit *tree_walk(struct unit *u, struct unit *at)
{
	struct unit *next = live_from((at ? at : u)->kids.next, &(at ? at : u)->kids);

	while (!next && at && at != u) {
		next = live_from(at->sibling.next, &at->parent->kids);
		at = at->parent;
	}
	return next;
}
