/* start, restart and reload: orders for super/apply.c. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "super/change.h"
#include "super/ops.h"

static int add_name(struct change *ch, const char *name, struct err *err)
{
	char **v = realloc(ch->names, (ch->nnames + 1) * sizeof *v);
	char *copy = v ? strdup(name) : NULL;

	if (v)
		ch->names = v;
	if (!copy)
		return err_no_memory(err);
	ch->names[ch->nnames++] = copy;
	return 0;
}

/* Services that it has the right to; nothing that was spawned can be started again. */
static int add_of_unit(struct conn *c, struct change *ch, const char *name, struct err *err)
{
	char top[CAP_SERVICE_NAME + 2];
	struct unit *u = conn_unit(c, name, VERB_RESTART, err);

	if (!u)
		return -1;
	ch->with_asker |= unit_descends(c->unit, u);
	snprintf(top, sizeof top, "/%s", u->name);
	if (!unit_spawned(u))
		return add_name(ch, top, err);
	(void)err_set(err, ERR_BAD_REQUEST, 0, "%s was spawned: it is not started again", name);
	return err_help(err, "sysg spawn makes a new one");
}

/* All services of one, for a unit that may do that to each; of one without units who may do it to all. */
static int add_of_project(struct conn *c, struct change *ch, const char *name, struct err *err)
{
	enum right_verb verb = ch->what == DO_UNLOAD ? VERB_STOP : VERB_RESTART;
	struct unit *u = NULL;

	while ((u = tree_select_next(&c->s->tree, c->unit, name, u, err))) {
		if (conn_may(c, verb, u, err) < 0)
			return -1;
		ch->with_asker |= c->unit && unit_descends(c->unit, u);
	}
	if (err->code != ERR_OK && !(c->unit && rights_stored(c->unit, verb, RIGHT_ALL)))
		return -1;
	return add_name(ch, name, err);
}

static int take_names(struct conn *c, const struct packet *p, struct change *ch, struct err *err)
{
	const char *at = NULL, *key, *value;
	size_t n;

	while (packet_next(p, &at, &key, &n, &value)) {
		if (n != 4 || memcmp(key, "unit", 4) != 0)
			continue;
		if (ch->nnames == CAP_UNITS_NAMED)
			return err_set(err, ERR_TOO_LARGE, 0, "a request names at most %d units",
				CAP_UNITS_NAMED);
		int rc = c->cls == PEER_OPERATOR  ? add_name(ch, value, err)
			 : selects_project(value) ? add_of_project(c, ch, value, err)
						  : add_of_unit(c, ch, value, err);
		if (rc < 0)
			return -1;
	}
	if (ch->nnames || c->cls == PEER_OPERATOR ||
		(ch->what >= DO_RELOAD && c->unit &&
			rights_stored(c->unit, VERB_RESTART, RIGHT_ALL)))
		return 0;
	return err_set(err, ERR_DENIED, 0,
		ch->what < DO_RELOAD ? "a unit must name what it starts"
				     : "only a unit with the right restart:** may reload");
}

static int add_file(struct change *ch, const char *path, bool cwd_default, struct err *err)
{
	struct reading_file *v = realloc(ch->files, (ch->nfiles + 1) * sizeof *v);

	if (!v)
		return err_no_memory(err);
	ch->files = v;
	v[ch->nfiles] = (struct reading_file){ strdup(path), cwd_default };
	return v[ch->nfiles++].path ? 0 : err_no_memory(err);
}

static bool some_live(const struct super *s)
{
	list_each(it, &s->tree.services) if (unit_lives(list_entry(
						     it, const struct unit, sibling))) return true;
	return false;
}

/* Who may have all of a manifest read again. */
static bool reads(const struct conn *c, const struct change *ch)
{
	return c->cls == PEER_OPERATOR || ch->what >= DO_RELOAD ||
	       (c->unit && change_project(ch) && rights_stored(c->unit, VERB_RESTART, RIGHT_ALL));
}

/* Which file is read: the one that is asked for, or the registered one again; for most units none. */
static int take_manifest(
	const struct conn *c, const struct packet *p, struct change *ch, struct err *err)
{
	const char *path = packet_get(p, "manifest");
	const struct manifest *m = c->s->m;

	if (path && c->cls != PEER_OPERATOR)
		return err_set(err, ERR_DENIED, 0, "another manifest is the operator's");
	if (path && *path != '/')
		return err_set(
			err, ERR_BAD_REQUEST, 0, "manifest is not an absolute path: %s", path);
	if (ch->what == DO_UNLOAD)
		return 0;
	if (path && !*m->path)
		return err_set(err, ERR_PROJECT, 0,
			"the supervisor runs a command, not those of %s", path);
	if (!path && *m->path && reads(c, ch))
		return change_read_again(ch, err);
	if (!path)
		return 0;
	const struct manifest *known = manifest_file_at(m, path);
	if (!known && ch->what != DO_START && some_live(c->s)) {
		(void)err_set(
			err, ERR_PROJECT, 0, "%s is not among what the supervisor runs", path);
		return err_help(err, "sysg start -c %s adds it", path);
	}
	ch->one_file = true;
	return add_file(ch, path, known && known->cwd_default, err);
}

static int take(struct conn *c, const struct packet *p, struct change *ch, struct err *err)
{
	const char *wait = packet_get(p, "wait");
	int64_t timeout_ns = -1;

	if (packet_int(p, "timeout_ns", 0, INT64_MAX / 2, &timeout_ns, err) < 0 ||
		take_names(c, p, ch, err) < 0 || take_manifest(c, p, ch, err) < 0)
		return -1;
	if (ch->what >= DO_RELOAD && ch->nnames && !change_project(ch))
		return err_set(err, ERR_BAD_REQUEST, 0, "a reload is of all, or of one project");
	if (c->s->phase != PHASE_RUN)
		return err_set(err, ERR_PARENT_STOPPING, 0, "the supervisor is shutting down");
	ch->wait = !wait || strcmp(wait, "0") != 0;
	ch->deadline_ns = timeout_ns >= 0 ? clock_mono_ns() + timeout_ns : 0;
	return change_add(c->s, ch, err);
}

struct change *change_new(struct super *s, enum change_what what, uint64_t by)
{
	struct change *ch = calloc(1, sizeof *ch);

	if (!ch)
		return NULL;
	list_init(&ch->link);
	ch->s = s;
	ch->reading.w.fd = -1;
	ch->what = what;
	ch->by = by;
	return ch;
}

int change_read_again(struct change *ch, struct err *err)
{
	const char *project = change_project(ch);
	struct err none;
	ssize_t at = project ? manifest_select(ch->s->m, project, -1, &none) : -1;
	const struct manifest *f;

	for (size_t i = 0; (f = manifest_file(ch->s->m, i)); i++)
		if ((at < 0 || ch->s->m->services[at].of == f) &&
			add_file(ch, f->path, f->cwd_default, err) < 0)
			return -1;
	return 0;
}

void order(struct conn *c, const struct packet *p, enum change_what what)
{
	struct change *ch = change_new(c->s, what, c->unit ? c->unit->id : 0);
	struct err err;

	if (!ch) {
		(void)err_no_memory(&err);
		conn_fail(c, &err);
		return;
	}
	int rc = take(c, p, ch, &err);
	if (rc != 0)
		ch = change_free(ch);
	if (rc < 0) {
		conn_fail(c, &err);
		return;
	}
	bool accepted = what == DO_UNLOAD && ch && !ch->wait;
	if (!ch || ch->with_asker || accepted) { /* asked for already; or the asker goes with it */
		conn_end(c);
		return;
	}
	ch->c = c;
	conn_waits(c, WAIT_CHANGE);
	if (ch->deadline_ns)
		conn_wait_until(c, ch->deadline_ns);
}

void op_start(struct conn *c, const struct packet *p)
{
	order(c, p, DO_START);
}

void op_restart(struct conn *c, const struct packet *p)
{
	order(c, p, DO_RESTART);
}

void op_reload(struct conn *c, const struct packet *p)
{
	order(c, p, packet_get(p, "dry_run") ? DO_PLAN : DO_RELOAD);
}
