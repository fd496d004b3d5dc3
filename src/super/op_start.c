/* start and restart: orders for super/apply.c. */
#include <errno.h>
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
	struct unit *u = conn_unit(c, name, VERB_RESTART, err);

	if (!u)
		return -1;
	ch->with_asker |= unit_descends(c->unit, u);
	if (!unit_spawned(u))
		return add_name(ch, u->name, err);
	(void)err_set(err, ERR_BAD_REQUEST, 0, "%s was spawned: it is not started again", name);
	return err_help(err, "sysg spawn makes a new one");
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
		int rc = c->cls == PEER_OPERATOR ? add_name(ch, value, err)
						 : add_of_unit(c, ch, value, err);
		if (rc < 0)
			return -1;
	}
	if (!ch->nnames && c->cls != PEER_OPERATOR)
		return err_set(err, ERR_DENIED, 0, "a unit must name what it starts");
	return 0;
}

/* Which file is read: the one that is asked for, or the registered one again; for a unit none. */
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
	if (!path && (c->cls != PEER_OPERATOR || !*m->path))
		return 0;
	ch->cwd_default = !path || strcmp(path, m->path) == 0 ? m->cwd_default : false;
	ch->path = strdup(path ? path : m->path);
	return ch->path ? 0 : err_no_memory(err);
}

static int take(struct conn *c, const struct packet *p, struct change *ch, struct err *err)
{
	const char *wait = packet_get(p, "wait");
	int64_t timeout_ns = -1;

	if (packet_int(p, "timeout_ns", 0, INT64_MAX / 2, &timeout_ns, err) < 0 ||
		take_names(c, p, ch, err) < 0 || take_manifest(c, p, ch, err) < 0)
		return -1;
	if (c->s->phase != PHASE_RUN)
		return err_set(err, ERR_PARENT_STOPPING, 0, "the supervisor is shutting down");
	ch->wait = !wait || strcmp(wait, "0") != 0;
	ch->deadline_ns = timeout_ns >= 0 ? clock_mono_ns() + timeout_ns : 0;
	return change_add(c->s, ch, err);
}

static void order(struct conn *c, const struct packet *p, bool restart)
{
	struct change *ch = calloc(1, sizeof *ch);
	struct err err;

	if (!ch) {
		(void)err_no_memory(&err);
		conn_fail(c, &err);
		return;
	}
	list_init(&ch->link);
	ch->s = c->s;
	ch->reading.w.fd = -1;
	ch->restart = restart;
	ch->by = c->unit ? c->unit->id : 0;
	int rc = take(c, p, ch, &err);
	if (rc != 0)
		ch = change_free(ch);
	if (rc < 0) {
		conn_fail(c, &err);
		return;
	}
	if (!ch || ch->with_asker) { /* asked for already; or the asker goes with it */
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
	order(c, p, false);
}

void op_restart(struct conn *c, const struct packet *p)
{
	order(c, p, true);
}
