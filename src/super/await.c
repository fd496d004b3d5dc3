/* Those who wait for units to be up, after a start or a restart: a row for each, as they come. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "node/exit.h"
#include "super/change.h"
#include "super/ops.h"

#define LOOK_NS (250 * NS_PER_MS) /* up for so long without a check is started */
#define OWED_NS (300 * NS_PER_MS) /* more than what is printed last is asked for; then without it */

/* Of one that failed: its row is to have what it printed, and that is asked for still. */
struct owed {
	bool bad_end; /* of its own accord */
	enum node_state state;
	struct err why;
};

struct awaited {
	uint64_t id;
	int64_t until_ns;  /* up, and looked at until then; or owed until then; 0: neither */
	struct owed *owed; /* owned */
	bool settled, bad;
	bool rolls; /* another instance comes up for it */
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

	return j && j->svc && job_check(j)->kind > CHECK_ALIVE;
}

/* Within 250 ms, and nothing else says why: not a health check, a dependency, its set-up. */
static bool exited_at_once(const struct unit *u)
{
	switch (u->trouble.code) {
	case ERR_OK:
	case ERR_UNKNOWN:
	case ERR_IMMEDIATE_EXIT:
	case ERR_GAVE_UP:
	case ERR_PORT_TAKEN:
		return u->exit.known && !u->unprepared && trouble_at_once(u);
	default:
		return false;
	}
}

static enum verdict ended(const struct unit *u, struct err *err)
{
	trouble_of_end(u, err);
	if (err->code != ERR_IMMEDIATE_EXIT)
		err->code = ERR_START_FAILED;
	return SHORT;
}

/* Going to be tried again: for who waits it failed, where it ended before it was up. */
static enum verdict tried_again(const struct unit *u, struct err *err)
{
	if (u->unprepared || u->exit.reason == END_EXEC_FAILED) {
		*err = u->trouble;
		return SHORT;
	}
	if (!u->exit.known || (!u->exit.code && !u->exit.signal))
		return THERE; /* it did what it had to do, and will do it again */
	return has_check(u) && !exited_at_once(u) ? NOT_YET : ended(u, err);
}

static struct awaited *find(struct await *w, uint64_t id)
{
	for (size_t i = 0; i < w->n; i++)
		if (w->v[i].id == id)
			return &w->v[i];
	return NULL;
}

/* What it depends on and that failed for who waits here; NULL: nothing did. */
static const struct awaited *bad_dep(struct await *w, const struct unit *u, const char **ret_name)
{
	const struct super *s = w->c->s;
	const struct service *svc = &s->m->services[u->service];

	for (size_t i = 0; i < svc->ndeps; i++) {
		const struct unit *dep = s->unit_of[svc->deps[i].index];
		const struct awaited *a = dep ? find(w, dep->id) : NULL;
		if (!a || !a->bad)
			continue;
		*ret_name = dep->name;
		return a;
	}
	return NULL;
}

/* What it waits for did not come: it goes on waiting, the asker doesn't. That is told first. */
static enum verdict waits(struct await *w, const struct unit *u, struct err *err)
{
	const char *name;
	const struct awaited *a = bad_dep(w, u, &name);

	if (!a || !a->settled)
		return NOT_YET;
	(void)err_set(err, ERR_DEP_FAILED, 0, "it waits for %s", name);
	(void)err_help(err, "sysg logs %s", name);
	return SHORT;
}

static enum verdict failed(struct await *w, const struct unit *u, struct err *err)
{
	const char *name;

	if (u->trouble.code == ERR_DEP_FAILED) {
		const struct awaited *a = bad_dep(w, u, &name);
		if (a && !a->settled)
			return NOT_YET; /* the cause is told first */
	}
	if (exited_at_once(u))
		return ended(u, err);
	*err = u->trouble;
	if (err->code == ERR_OK)
		(void)err_set(err, ERR_START_FAILED, 0, "it failed");
	return SHORT;
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
	if (a->rolls)
		return NOT_YET;
	if (job_of(u) && job_of(u)->cron_on)
		return THERE; /* it waits for its time */
	switch (u->state) {
	case NODE_READY:
		return looked_at(u, a);
	case NODE_DONE:
	case NODE_SKIPPED:
	case NODE_DRAINING:
		return THERE;
	case NODE_FAILED:
		return failed(w, u, err);
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

static void send_row(struct conn *c, const char *row, const struct unit *u, enum node_state state,
	const struct err *why)
{
	struct buf b;

	answer_begin(&b);
	packet_put(&b, "row", row);
	put_name(&b, c->s, u);
	packet_put(&b, "state", state == u->state ? unit_state(u) : node_state_status(state));
	if (u->main_alive)
		packet_put_int(&b, "pid", u->pid);
	if (why)
		put_trouble(&b, u, why);
	answer_send(c, &b);
}

static void settle_one(struct await *w, struct awaited *a)
{
	a->settled = true;
	w->left--;
	w->bad += a->bad;
}

static void pay(struct await *w, struct awaited *a, const struct unit *u)
{
	struct owed *o = a->owed;

	a->owed = NULL;
	a->until_ns = 0;
	settle_one(w, a);
	if (u) {
		trouble_explain(u, o->bad_end, &o->why);
		send_row(w->c, "failed", u, o->state, &o->why);
	}
	free(o);
}

/* A failure is told with what the unit printed last; a unit that goes on meanwhile has failed all
 * the same. u NULL: there is no such unit any more. */
static void take_verdict(struct await *w, struct awaited *a, enum verdict v, const struct unit *u,
	const struct err *err)
{
	bool rolls = a->rolls; /* what ended is not the unit, which goes on */

	a->bad = v == SHORT;
	if (!u || !a->bad) {
		settle_one(w, a);
		if (u)
			send_row(w->c, "started", u, u->state, NULL);
		return;
	}
	struct owed now = {
		.why = *err, .bad_end = !rolls && trouble_bad_end(u), .state = u->state
	};
	a->owed = trouble_pending(u) ? malloc(sizeof *a->owed) : NULL;
	if (a->owed) {
		*a->owed = now;
		a->until_ns = clock_mono_ns() + OWED_NS;
		return;
	}
	settle_one(w, a);
	trouble_explain(u, now.bad_end, &now.why);
	send_row(w->c, "failed", u, now.state, &now.why);
}

static void end(struct await *w)
{
	struct conn *c = w->c;
	struct buf b;

	answer_begin(&b);
	packet_put(&b, "end", "1");
	packet_put_int(&b, "failed", (int64_t)w->bad);
	packet_end(&b, NULL, 0);
	conn_waits(c, WAIT_NOTHING); /* frees w */
	conn_send(c, &b);
}

/* One that isn't told yet. True: others may be short by it. */
static bool look_at(struct await *w, struct awaited *a, int64_t *next)
{
	struct unit *u = tree_by_id(&w->c->s->tree, a->id);
	struct err err;

	if (a->owed && (!u || !trouble_pending(u) || clock_mono_ns() >= a->until_ns)) {
		pay(w, a, u);
	} else if (!a->owed) {
		enum verdict v = u ? verdict_of(w, a, u, &err) : SHORT;
		if (v != NOT_YET)
			take_verdict(w, a, v, u, &err);
	}
	if (!a->settled && a->until_ns && a->until_ns < *next)
		*next = a->until_ns;
	return a->settled && a->bad;
}

/* All of them, until a look changes nothing; as far as the peer reads. */
static void look(struct await *w)
{
	int64_t next;
	bool more;

	do {
		more = false;
		next = INT64_MAX;
		for (size_t i = 0; i < w->n && conn_room(w->c); i++)
			if (!w->v[i].settled)
				more |= look_at(w, &w->v[i], &next);
	} while (more && conn_room(w->c));
	if (w->c->gone)
		return;
	if (!w->left)
		end(w);
	else if (next != INT64_MAX)
		timer_set(w->c->s, &w->look, next, w->look.fn);
}

static void look_again(struct super *s, struct timer *t)
{
	(void)s;
	look(container_of(t, struct await, look));
}

void await_impossible(struct conn *c)
{
	struct err err;

	(void)err_set(&err, ERR_UNKNOWN, ENOMEM, "out of memory: it goes on");
	conn_fail(c, &err);
}

void await_begin(struct conn *c, const struct awaited_id *ids, size_t n, int64_t deadline_ns)
{
	struct await *w = calloc(1, sizeof *w + n * sizeof *w->v);

	if (!w) {
		await_impossible(c);
		return;
	}
	w->c = c;
	w->n = w->left = n;
	w->look.fn = look_again;
	for (size_t i = 0; i < n; i++)
		w->v[i] = (struct awaited){ .id = ids[i].id, .rolls = ids[i].rolls };
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
	int64_t next = INT64_MAX;

	if (!a || a->settled || !conn_room(w->c)) /* it is looked at when there is room */
		return;
	if (w->c->progress)
		send_row(w->c, "progress", u, u->state, NULL);
	bool short_of_it = look_at(w, a, &next);
	if (w->c->gone)
		return;
	if (short_of_it || !w->left)
		look(w);
	else if (next != INT64_MAX && !w->look.node.at)
		timer_set(w->c->s, &w->look, next, look_again);
}

void await_told(struct super *s, struct unit *u)
{
	list_each(it, &s->conns)
	{
		struct conn *c = list_entry(it, struct conn, link);
		if (c->gone || c->wait != WAIT_STARTED || !c->await)
			continue;
		if (u)
			told(c->await, u);
		else
			look(c->await);
	}
}

void await_look(struct super *s)
{
	await_told(s, NULL);
}

static void rolled(struct await *w, uint64_t was, uint64_t now, const struct err *why)
{
	struct awaited *a = find(w, was);

	if (!a || !a->rolls)
		return;
	a->id = now;
	if (why)
		take_verdict(w, a, SHORT, tree_by_id(&w->c->s->tree, now), why);
	a->rolls = false;
	look(w);
}

void await_rolled(struct super *s, uint64_t was, uint64_t now, const struct err *why)
{
	list_each(it, &s->conns)
	{
		struct conn *c = list_entry(it, struct conn, link);
		if (!c->gone && c->wait == WAIT_STARTED && c->await)
			rolled(c->await, was, now, why);
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
	for (size_t i = 0; c->await && i < c->await->n; i++)
		free(c->await->v[i].owed);
	free(c->await);
	c->await = NULL;
}

bool await_late(struct conn *c, struct err *err)
{
	char names[256] = "";
	size_t at = 0;

	for (size_t i = 0; c->await && i < c->await->n && !c->gone; i++)
		if (c->await->v[i].owed)
			pay(c->await, &c->await->v[i], tree_by_id(&c->s->tree, c->await->v[i].id));
	if (c->await && !c->gone && !c->await->left) {
		end(c->await);
		return false;
	}
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
	return !c->gone;
}

void await_boot(struct super *s, int fd, int64_t timeout_ns, bool progress)
{
	struct conn *c = serve_open(s, fd);
	struct awaited_id *ids = calloc(s->m->nservices + 1, sizeof *ids);
	size_t n = 0;

	for (size_t i = 0; ids && i < s->m->nservices; i++)
		if (s->unit_of[i])
			ids[n++].id = s->unit_of[i]->id;
	const char *const *only = s->opts->only;
	if (c) {
		c->progress = progress;
		projects_tell(c, s->m, !s->some ? "" : selects_project(*only) ? *only : NULL);
	}
	for (size_t i = 0; c && progress && i < s->m->nservices; i++)
		if (s->unit_of[i])
			send_row(c, "progress", s->unit_of[i], s->unit_of[i]->state, NULL);
	if (c && ids)
		await_begin(c, ids, n, timeout_ns > 0 ? clock_mono_ns() + timeout_ns : 0);
	free(ids);
}
