/* Rights: by one's place in the tree, and at most CAP_RIGHTS that are stored with their holder. One
 * over a unit that ended is worth nothing, as ids are never used again, and goes when there is
 * something to add. */
#include "node/rights.h"

#include <stdio.h>
#include <stdlib.h>

bool rights_stored(const struct unit *holder, enum right_verb verb, uint64_t id)
{
	for (unsigned i = 0; i < holder->nrights; i++)
		if (holder->rights[i].verb == verb &&
			(holder->rights[i].target == id || holder->rights[i].target == RIGHT_ALL))
			return true;
	return false;
}

bool rights_may(const struct unit *holder, enum right_verb verb, const struct unit *target)
{
	if (!holder)
		return false;
	if (unit_descends(target, holder) ||
		(verb == VERB_MESSAGE && (target->public || target == unit_owner(holder))))
		return true;
	return rights_stored(holder, verb, target->ended ? RIGHT_ALL : target->id);
}

bool rights_spawn(const struct unit *u)
{
	for (const struct unit *a = u; a; a = a->parent) {
		int64_t levels = a->limits.v[LIMIT_DEPTH];
		if (a->orphan || a->no_spawn ||
			(levels != LIMIT_NONE && u->depth - a->depth >= levels))
			return false;
	}
	return u->root->dynamic;
}

static struct right *find(struct unit *u, enum right_verb verb, uint64_t target)
{
	for (unsigned i = 0; i < u->nrights; i++)
		if (u->rights[i].verb == verb && u->rights[i].target == target)
			return &u->rights[i];
	return NULL;
}

static void take_out(struct unit *u, struct right *r)
{
	*r = u->rights[--u->nrights];
}

void rights_prune(struct tree *t, struct unit *u)
{
	for (unsigned i = u->nrights; i-- > 0;) {
		uint64_t id = u->rights[i].target;
		const struct unit *target = id == RIGHT_ALL ? u : tree_by_id(t, id);
		if (!target || target->ended)
			take_out(u, &u->rights[i]);
	}
}

static bool has_place(struct unit *u, bool manifest)
{
	struct right *given = NULL;
	unsigned n = 0;

	for (unsigned i = 0; i < u->nrights; i++) {
		n += !u->rights[i].stale;
		if (!u->rights[i].manifest)
			given = &u->rights[i];
	}
	if (n < CAP_RIGHTS)
		return true;
	if (!manifest || !given)
		return false;
	take_out(u, given);
	return true;
}

int rights_add(struct tree *t, struct unit *to, const struct right *r, struct err *err)
{
	struct right *have = find(to, r->verb, r->target), *more;
	char path[UNIT_PATH_MAX];

	if (have) {
		have->manifest |= r->manifest;
		have->stale &= !r->manifest;
		return 0;
	}
	rights_prune(t, to);
	if (!has_place(to, r->manifest)) {
		err_set(err, ERR_TOO_LARGE, 0, "%s holds %d rights already",
			unit_path(to, path, sizeof path), CAP_RIGHTS);
		return err_help(err, "sysg caps %s\nsysg revoke %s RIGHT", path, path);
	}
	more = realloc(to->rights, (to->nrights + 1) * sizeof *more);
	if (!more)
		return err_no_memory(err);
	to->rights = more;
	more[to->nrights++] = *r;
	return 0;
}

/* "PATH may not ...": what is missing, in the form that rights are written in. */
static int denied(const struct unit *who, const char *what, enum right_verb verb,
	const struct unit *target, struct err *err)
{
	char a[UNIT_PATH_MAX], b[UNIT_PATH_MAX];

	return err_set(err, ERR_DENIED, 0, "%s %s %s%s%s", unit_path(who, a, sizeof a), what,
		right_word(verb), target ? ":" : "", target ? unit_path(target, b, sizeof b) : "");
}

static int both_live(const struct unit *to, const struct unit *target, struct err *err)
{
	const struct unit *gone = to->ended ? to : target && target->ended ? target : NULL;
	char path[UNIT_PATH_MAX];

	return gone ? err_set(err, ERR_GONE, 0, "%s has ended", unit_path(gone, path, sizeof path))
		    : 0;
}

int rights_request(
	const struct unit *parent, enum right_verb verb, const struct unit *target, struct err *err)
{
	if (both_live(parent, target, err) < 0)
		return -1;
	if (target ? rights_may(parent, verb, target) : rights_spawn(parent))
		return 0;
	return denied(parent, "does not hold", verb, target, err);
}

/* Over oneself or what is below it to anyone; anything held to what is below it. */
int rights_grant(struct tree *t, const struct unit *by, struct unit *to, enum right_verb verb,
	struct unit *target, struct err *err)
{
	bool below = !by || (unit_descends(to, by) && (target || to != by));
	bool own = !by || (target && unit_descends(target, by));

	if (both_live(to, target, err) < 0)
		return -1;
	if (!own && !(below && (target ? rights_may(by, verb, target) : rights_spawn(by)))) {
		denied(by, "may not give", verb, target, err);
		return err_help(err, "rights over oneself and one's own go to anyone, others that "
				     "are held to one's own");
	}
	if (target)
		return rights_add(
			t, to, &(struct right){ .target = target->id, .verb = verb }, err);
	if (!to->root->dynamic)
		return err_set(
			err, ERR_NOT_DYNAMIC, 0, "%s is not spawn.mode: dynamic", to->root->name);
	to->no_spawn = false;
	return 0;
}

/* A unit below keeps what is over others when its ancestor loses `**` but may still do it. */
static bool goes_too(struct tree *t, const struct unit *of, const struct right *r,
	enum right_verb verb, uint64_t target)
{
	if (r->verb != verb || target != RIGHT_ALL)
		return r->verb == verb && r->target == target;
	const struct unit *over = r->target == RIGHT_ALL ? NULL : tree_by_id(t, r->target);
	return !over || !rights_may(of, verb, over);
}

void rights_lose(struct tree *t, struct unit *of, enum right_verb verb, uint64_t target)
{
	struct right *r = find(of, verb, target);

	if (r)
		take_out(of, r);
	list_each(it, &t->all)
	{
		struct unit *d = list_entry(it, struct unit, all);
		for (unsigned i = d->nrights; i-- > 0;)
			if (d != of && (d->root == of || unit_descends(d, of)) &&
				goes_too(t, of, &d->rights[i], verb, target))
				take_out(d, &d->rights[i]);
	}
}

/* The child of u that d is or is below of; NULL: it isn't below u. */
static const struct unit *branch(const struct unit *d, const struct unit *u)
{
	while (d && unit_owner(d) != u)
		d = unit_owner(d);
	return d;
}

void rights_part(struct tree *t, const struct unit *u, bool kids)
{
	list_each(it, &t->all) /* parents before children */
	{
		struct unit *h = list_entry(it, struct unit, all);
		for (unsigned i = h->nrights; i-- > 0;) {
			const struct right *r = &h->rights[i];
			const struct unit *of = kids ? branch(tree_by_id(t, r->target), u) : NULL;
			if (of ? of != branch(h, u)
			       : r->verb == VERB_MESSAGE && r->target == u->id && unit_spawned(h) &&
						!rights_stored(h->parent, VERB_MESSAGE, u->id))
				take_out(h, &h->rights[i]);
		}
	}
}

int rights_revoke(struct tree *t, const struct unit *by, struct unit *of, enum right_verb verb,
	const struct unit *target, struct err *err)
{
	if (by && !unit_descends(of, by)) {
		char path[UNIT_PATH_MAX];
		err_set(err, ERR_DENIED, 0, "%s is not below %s", unit_path(of, path, sizeof path),
			by->name);
		return err_help(err, "rights are taken back by their holder, or what is above it");
	}
	if (verb == VERB_SPAWN) {
		for (struct unit *d = of; d; d = tree_walk(of, d == of ? NULL : d))
			d->no_spawn = true;
		return 0;
	}
	rights_lose(t, of, verb, target ? target->id : RIGHT_ALL);
	if (!target || !rights_may(of, verb, target))
		return 0;
	denied(of, "keeps", verb, target, err);
	err->code = ERR_BAD_VALUE;
	return err_help(err, "by its place in the tree, as that unit is public, or by %s:**",
		right_word(verb));
}
