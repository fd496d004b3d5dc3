/* grant, revoke, caps; and the rights that a child is born with. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "super/born.h"
#include "super/ops.h"

enum { RIGHT_TEXT_MAX = UNIT_PATH_MAX + 16 };

static int bad(struct err *err, const char *why)
{
	return err_set(err, ERR_BAD_REQUEST, 0, "%s", why);
}

/* "stop:web" of n bytes. *ret_over NULL: of spawn, or `**` with *ret_all. */
static int take_right(struct conn *c, const char *text, size_t n, struct cap *ret, struct err *err)
{
	char copy[RIGHT_TEXT_MAX];
	const char *target;

	if (n >= sizeof copy)
		return bad(err, "a right is too long");
	memcpy(copy, text, n);
	copy[n] = '\0';
	*ret = (struct cap){ 0 };
	if (right_parse(copy, &ret->verb, &target, err) < 0)
		return -1;
	ret->all = strcmp(target, "**") == 0;
	if (ret->all || ret->verb == VERB_SPAWN)
		return 0;
	ret->over = tree_select(&c->s->tree, c->unit, target, err);
	return ret->over ? 0 : -1;
}

static int only_manifest(const struct cap *cap, struct err *err)
{
	if (!cap->all)
		return 0;
	err_set(err, ERR_BAD_VALUE, 0, "a right over all units stands in the manifest only");
	return err_help(
		err, "`request_capabilities: [\"%s:**\"]` of a service", right_word(cap->verb));
}

/* --- the rights of a new child --- */

static int ask_for(struct conn *c, const char *text, size_t n, const struct unit *parent,
	struct born *b, struct err *err)
{
	struct cap cap = { 0 };

	if (take_right(c, text, n, &cap, err) < 0 || only_manifest(&cap, err) < 0 ||
		rights_request(parent, cap.verb, cap.over, err) < 0)
		return -1;
	if (cap.over)
		b->requests[b->nrequests++] =
			(struct right){ .target = cap.over->id, .verb = cap.verb };
	return 0;
}

int born_request(struct conn *c, const char *text, const struct unit *parent, struct born *b,
	struct err *err)
{
	size_t n = strlen(text);
	bool optional = n && text[n - 1] == '?';

	if (ask_for(c, text, n - optional, parent, b, err) == 0)
		return 0;
	if (!optional ||
		(err->code != ERR_DENIED && err->code != ERR_NO_UNIT && err->code != ERR_GONE))
		return -1;
	b->dropped[b->ndropped++] = text;
	return 0;
}

int born_grant(struct conn *c, const char *text, struct born *b, struct err *err)
{
	struct born_grant *g = &b->grants[b->ngrants++];
	char name[RIGHT_TEXT_MAX];
	size_t n;

	if (grant_parse(text, &n, &g->verbs, err) < 0)
		return -1;
	if (n >= sizeof name)
		return bad(err, "a unit's name is too long");
	memcpy(name, text, n);
	name[n] = '\0';
	struct unit *to = tree_select(&c->s->tree, c->unit, name, err);
	if (!to)
		return -1;
	g->to = to->id;
	return to->ended ? err_set(err, ERR_GONE, 0, "%s has ended", to->name) : 0;
}

int born_give(struct super *s, const struct born *b, struct unit *u, struct err *err)
{
	for (size_t i = 0; i < b->nrequests; i++)
		if (rights_add(&s->tree, u, &b->requests[i], err) < 0)
			return -1;
	for (size_t i = 0; i < b->ngrants; i++) {
		struct unit *to = tree_by_id(&s->tree, b->grants[i].to);
		struct right r = { .target = u->id };
		for (int v = 0; to && v < VERB_COUNT; v++) {
			r.verb = (enum right_verb)v;
			if (b->grants[i].verbs >> v & 1 && rights_add(&s->tree, to, &r, err) < 0)
				return -1;
		}
	}
	return 0;
}

/* --- ops --- */

static void put_right(struct buf *b, const char *key, enum right_verb verb, const char *target)
{
	packet_putf(b, key, "%s%s%s", right_word(verb), *target ? ":" : "", target);
}

static void answer(struct conn *c, const struct unit *u, const struct cap *cap)
{
	char path[UNIT_PATH_MAX];
	struct buf b;

	answer_begin(&b);
	packet_put(&b, "path", unit_path(u, path, sizeof path));
	put_right(&b, "right", cap->verb,
		cap->all    ? "**"
		: cap->over ? unit_path(cap->over, path, sizeof path)
			    : "");
	answer_send(c, &b);
}

static void change(struct conn *c, const struct packet *p, bool grant)
{
	const char *unit = packet_get(p, "unit"), *text = packet_get(p, "right");
	struct tree *t = &c->s->tree;
	struct unit *u = NULL;
	struct cap cap = { 0 };
	struct err err;
	int rc = -1;

	if (!unit || !text)
		bad(&err, "a unit and a right are needed");
	else if ((u = tree_select(t, c->unit, unit, &err)) &&
		 take_right(c, text, strlen(text), &cap, &err) == 0)
		rc = !grant ? rights_revoke(t, c->unit, u, cap.verb, cap.over, &err)
		     : only_manifest(&cap, &err) < 0
			     ? -1
			     : rights_grant(t, c->unit, u, cap.verb, cap.over, &err);
	if (rc < 0)
		conn_fail(c, &err);
	else
		answer(c, u, &cap);
}

void op_grant(struct conn *c, const struct packet *p)
{
	change(c, p, true);
}

void op_revoke(struct conn *c, const struct packet *p)
{
	change(c, p, false);
}

/* What is stored, and `spawn`; what its place in the tree gives goes without saying. */
void op_caps(struct conn *c, const struct packet *p)
{
	const char *selector = packet_get(p, "unit");
	char path[UNIT_PATH_MAX];
	struct err err;
	struct buf b;

	struct unit *u = selector ? conn_unit(c, selector, VERB_STATUS, &err) : c->unit;
	if (!u) {
		if (!selector)
			bad(&err, "an operator may do everything; name a unit");
		conn_fail(c, &err);
		return;
	}
	rights_prune(&c->s->tree, u);
	answer_begin(&b);
	packet_put(&b, "path", unit_path(u, path, sizeof path));
	packet_putf(&b, "id", "@%" PRIu64, u->id);
	if (!u->ended && rights_spawn(u))
		put_right(&b, "right", VERB_SPAWN, "");
	for (unsigned i = 0; i < u->nrights; i++) {
		const struct unit *over = tree_by_id(&c->s->tree, u->rights[i].target);
		put_right(&b, "right", u->rights[i].verb,
			over ? unit_path(over, path, sizeof path) : "**");
	}
	answer_send(c, &b);
}
