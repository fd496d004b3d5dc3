/* start and restart: orders for super/apply.c, and the wait for what comes of them. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "node/exit.h"
#include "super/change.h"

#define LOOK_NS (250 * NS_PER_MS) /* what ends within it, not clean, did not start */

/* --- waiting for units to be up --- */

struct awaited {
	uint64_t id;
	int64_t until_ns; /* up, and looked at until then; 0: not up yet */
	bool settled, bad;
};

struct await {
	struct conn *c;
	struct timer look;
	size_t n, left, bad;
	struct awaited v[];
};

enum verdict { NOT_YET, THERE, SHORT };

static bool has_check(const struct unit *u)
{
	const struct job *j = job_of(u);

	return j && j->svc && j->svc->check.kind > CHECK_ALIVE;
}

static bool ended_at_once(const struct unit *u)
{
	return u->exit.known && !u->unprepared && u->exit.reason != END_EXEC_FAILED &&
	       (u->exit.code || u->exit.signal) && u->exit.ended_ns - u->started_ns < LOOK_NS;
}

static enum verdict at_once(const struct unit *u, struct err *err)
{
	(void)err_set(err, ERR_IMMEDIATE_EXIT, 0, "exited at once: %s %d after %" PRId64 " ms",
		u->exit.signal ? "signal" : "code", u->exit.signal ? u->exit.signal : u->exit.code,
		(u->exit.ended_ns - u->started_ns) / NS_PER_MS);
	(void)err_help(err, "sysg logs %s", u->name);
	return SHORT;
}

static enum verdict failed(const struct unit *u, struct err *err)
{
	if (ended_at_once(u))
		return at_once(u, err);
	*err = u->trouble;
	if (err->code == ERR_OK)
		(void)err_set(err, ERR_START_FAILED, 0, "it failed");
	return SHORT;
}

/* Going to be tried again: for who waits it failed, where it ended before it was up. */
static enum verdict tried_again(const struct unit *u, struct err *err)
{
	if (u->unprepared) {
		*err = u->trouble;
		return SHORT;
	}
	if (!u->exit.known || (!u->exit.code && !u->exit.signal))
		return THERE; /* it did what it had to do, and will do it again */
	return has_check(u) && !ended_at_once(u) ? NOT_YET : at_once(u, err);
}

static struct awaited *find(struct await *w, uint64_t id)
{
	for (size_t i = 0; i < w->n; i++)
		if (w->v[i].id == id)
			return &w->v[i];
	return NULL;
}

/* What it waits for did not come: it goes on waiting, the asker doesn't. */
static enum verdict waits(struct await *w, const struct unit *u, struct err *err)
{
	const struct super *s = w->c->s;
	const struct service *svc = &s->m->services[u->service];

	for (size_t i = 0; i < svc->ndeps; i++) {
		const struct unit *dep = s->unit_of[svc->deps[i].index];
		const struct awaited *a = dep ? find(w, dep->id) : NULL;
		if (!a || !a->bad)
			continue;
		(void)err_set(err, ERR_DEP_FAILED, 0, "it waits for %s", dep->name);
		return SHORT;
	}
	return NOT_YET;
}

/* Up, without a check: looked at for a while longer. */
static enum verdict looked_at(const struct unit *u, struct awaited *a)
{
	if (has_check(u))
		return THERE;
	a->until_ns = u->started_ns + LOOK_NS;
	return clock_mono_ns() >= a->until_ns ? THERE : NOT_YET;
}

static enum verdict verdict_of(struct await *w, struct awaited *a, struct unit *u, struct err *err)
{
	a->until_ns = 0;
	switch (u->state) {
	case NODE_READY:
		return looked_at(u, a);
	case NODE_DONE:
	case NODE_DRAINING:
		return THERE;
	case NODE_FAILED:
		return failed(u, err);
	case NODE_BACKOFF:
		return tried_again(u, err);
	case NODE_WAITING:
		return waits(w, u, err);
	case NODE_IDLE:
		if (!list_empty(&w->c->s->changes))
			return NOT_YET; /* another restart has it, and will start it */
		(void)err_set(err, ERR_START_FAILED, 0, "it was stopped meanwhile");
		return SHORT;
	default:
		return NOT_YET;
	}
}

static void send_row(struct conn *c, const struct unit *u, const struct err *why)
{
	char path[UNIT_PATH_MAX];
	struct buf b;

	buf_init(&b, CAP_PACKET);
	packet_put(&b, "ok", "1");
	packet_put(&b, "row", why ? "failed" : "started");
	packet_put(&b, "path", unit_path(u, path, sizeof path));
	packet_put(&b, "state", node_state_status(u->state));
	if (u->main_alive)
		packet_put_int(&b, "pid", u->pid);
	if (why) {
		packet_putf(&b, "code", "SG%04d", (int)why->code);
		packet_put(&b, "msg", why->msg);
		if (why->help[0])
			packet_put(&b, "help", why->help);
	}
	packet_end(&b, NULL, 0);
	conn_send(c, &b);
}

static void settle_one(struct await *w, struct awaited *a, enum verdict v, const struct unit *u,
	const struct err *err)
{
	a->settled = true;
	a->bad = v == SHORT;
	w->left--;
	w->bad += a->bad;
	if (u)
		send_row(w->c, u, a->bad ? err : NULL);
}

static void end(struct await *w)
{
	struct conn *c = w->c;
	struct buf b;

	buf_init(&b, CAP_PACKET);
	packet_put(&b, "ok", "1");
	packet_put(&b, "end", "1");
	packet_put(&b, "project", SUPER_PROJECT);
	packet_put_int(&b, "failed", (int64_t)w->bad);
	packet_end(&b, NULL, 0);
	conn_waits(c, WAIT_NOTHING); /* frees w */
	conn_send(c, &b);
}

/* Those that are not told yet, until a look changes nothing: one that failed may leave others
 * short. */
static void look(struct await *w)
{
	struct super *s = w->c->s;
	int64_t next = INT64_MAX;
	struct err err;
	size_t bad;

	do {
		bad = w->bad;
		next = INT64_MAX;
		for (size_t i = 0; i < w->n && !w->c->gone; i++) {
			struct awaited *a = &w->v[i];
			struct unit *u = a->settled ? NULL : tree_by_id(&s->tree, a->id);
			if (a->settled)
				continue;
			enum verdict v = u ? verdict_of(w, a, u, &err) : SHORT;
			if (v != NOT_YET)
				settle_one(w, a, v, u, &err);
			else if (a->until_ns && a->until_ns < next)
				next = a->until_ns;
		}
	} while (w->bad != bad && !w->c->gone);
	if (w->c->gone)
		return;
	if (!w->left)
		end(w);
	else if (next != INT64_MAX)
		timer_set(s, &w->look, next, w->look.fn);
}

static void look_again(struct super *s, struct timer *t)
{
	(void)s;
	look(container_of(t, struct await, look));
}

void await_begin(struct conn *c, const uint64_t *ids, size_t n, int64_t deadline_ns)
{
	struct await *w = calloc(1, sizeof *w + n * sizeof *w->v);
	struct err err;

	if (!w) {
		(void)err_set(&err, ERR_UNKNOWN, ENOMEM, "out of memory");
		conn_fail(c, &err);
		return;
	}
	w->c = c;
	w->n = w->left = n;
	w->look.fn = look_again;
	for (size_t i = 0; i < n; i++)
		w->v[i].id = ids[i];
	conn_waits(c, WAIT_STARTED);
	c->await = w;
	if (deadline_ns)
		conn_wait_until(c, deadline_ns);
	look(w);
}

/* One unit's news; the others are looked at only where it leaves them short, or it was the last. */
static void told(struct await *w, struct unit *u)
{
	struct awaited *a = find(w, u->id);
	struct err err;

	if (!a || a->settled)
		return;
	enum verdict v = verdict_of(w, a, u, &err);
	if (v != NOT_YET)
		settle_one(w, a, v, u, &err);
	if (w->c->gone)
		return;
	if (v == SHORT || !w->left)
		look(w);
	else if (a->until_ns && !w->look.node.at)
		timer_set(w->c->s, &w->look, a->until_ns, look_again);
}

void await_told(struct super *s, struct unit *u)
{
	list_each(it, &s->conns)
	{
		struct conn *c = list_entry(it, struct conn, link);
		if (!c->gone && c->wait == WAIT_STARTED && c->await)
			told(c->await, u);
	}
}

void await_look(struct super *s)
{
	list_each(it, &s->conns)
	{
		struct conn *c = list_entry(it, struct conn, link);
		if (!c->gone && c->wait == WAIT_STARTED && c->await)
			look(c->await);
	}
}

void await_stop(struct conn *c)
{
	if (c->await)
		timer_del(c->s, &c->await->look);
}

void await_free(struct conn *c)
{
	await_stop(c);
	free(c->await);
	c->await = NULL;
}

void await_late(const struct conn *c, struct err *err)
{
	char names[256] = "";
	size_t at = 0;

	(void)err_set(err, ERR_STILL_WORKING, 0, "it was not done in time, and goes on");
	for (size_t i = 0; c->await && i < c->await->n && at < sizeof names; i++) {
		const struct awaited *a = &c->await->v[i];
		const struct unit *u = a->settled ? NULL : tree_by_id(&c->s->tree, a->id);
		if (u)
			at += (size_t)snprintf(names + at, sizeof names - at, "%s%s (%s)",
				at ? ", " : "", u->name, node_state_status(u->state));
	}
	if (names[0])
		(void)err_set(
			err, ERR_STILL_WORKING, 0, "still not there, and going on: %s", names);
	(void)err_help(err, "sysg status shows how far it is; --timeout waits longer");
}

void await_boot(struct super *s, int fd, int64_t timeout_ns)
{
	struct conn *c = serve_open(s, fd);
	uint64_t *ids = calloc(s->m->nservices + 1, sizeof *ids);
	size_t n = 0;

	for (size_t i = 0; ids && i < s->m->nservices; i++)
		if (s->unit_of[i])
			ids[n++] = s->unit_of[i]->id;
	if (c && ids)
		await_begin(c, ids, n, timeout_ns > 0 ? clock_mono_ns() + timeout_ns : 0);
	free(ids);
}

/* --- the ops --- */

static int add_name(struct change *ch, const char *name, struct err *err)
{
	char **v = realloc(ch->names, (ch->nnames + 1) * sizeof *v);
	char *copy = v ? strdup(name) : NULL;

	if (v)
		ch->names = v;
	if (!copy)
		return err_set(err, ERR_UNKNOWN, ENOMEM, "out of memory");
	ch->names[ch->nnames++] = copy;
	return 0;
}

/* A unit may name itself and what is below it, and nothing below it can be started again. */
static int add_of_unit(struct conn *c, struct change *ch, const char *name, struct err *err)
{
	struct unit *u = conn_unit(c, name, err);

	if (!u)
		return -1;
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
	return ch->path ? 0 : err_set(err, ERR_UNKNOWN, ENOMEM, "out of memory");
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
		(void)err_set(&err, ERR_UNKNOWN, ENOMEM, "out of memory");
		conn_fail(c, &err);
		return;
	}
	list_init(&ch->link);
	ch->s = c->s;
	ch->reading.w.fd = -1;
	ch->restart = restart;
	if (take(c, p, ch, &err) < 0) {
		(void)change_free(ch);
		conn_fail(c, &err);
		return;
	}
	if (c->cls != PEER_OPERATOR) { /* the asker goes with it */
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
