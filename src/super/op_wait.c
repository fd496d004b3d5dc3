/* wait and stop: subscriptions, answered as units end. */
#include <inttypes.h>
#include <string.h>

#include "base/clock.h"
#include "super/change.h"
#include "super/deploy.h"
#include "super/ops.h"
#include "super/schedule.h"

enum { ROWS_A_TURN = 100 };

bool unit_over(const struct unit *u)
{
	if (u->ended)
		return true;
	const struct job *j = job_of(u);
	if (u->live_children && node_state_at_rest(u->state))
		return false; /* they are what is being stopped */
	return unit_rests(u) || (j && j->survived);
}

/* u NULL: forgotten; its id stands for it. */
static void put_exit(struct buf *b, const struct unit *u, uint64_t id, const struct unit_exit *e)
{
	char path[UNIT_PATH_MAX];

	packet_put(b, "row", "exit");
	packet_put(b, "kind", "exit");
	if (u)
		packet_put(b, "path", unit_path(u, path, sizeof path));
	else
		packet_putf(b, "path", "@%" PRIu64, id);
	packet_putf(b, "id", "@%" PRIu64, id);
	packet_put(b, "msgid", "-");
	if (e->known && e->signal)
		packet_put_int(b, "signal", e->signal);
	else if (e->known)
		packet_put_int(b, "code", e->code);
	if (e->known)
		packet_put(b, "reason", end_reason_word(e->reason));
	if (e->left)
		packet_put_int(b, "left", e->left);
	if (u && unit_owner(u) && u->parent->lost)
		packet_putf(b, "lost", "%" PRIu64, u->parent->lost);
}

void put_exit_row(struct buf *b, const struct unit *u)
{
	put_exit(b, u, u->id, &u->exit);
}

/* Its row may have to wait until the peer reads, and the unit be forgotten by then. */
void ends_over(struct conn_unit *cu, const struct unit *u)
{
	cu->over = true;
	if (!u)
		return;
	cu->known = u->exit.known;
	cu->code = (uint8_t)u->exit.code;
	cu->signal = (uint8_t)u->exit.signal;
	cu->reason = (uint8_t)u->exit.reason;
}

static void send_end(struct conn *c, struct conn_unit *cu)
{
	const struct unit *u = tree_by_id(&c->s->tree, cu->id);
	struct unit_exit kept = {
		.known = cu->known,
		.code = cu->code,
		.signal = cu->signal,
		.reason = cu->reason,
	};
	char path[UNIT_PATH_MAX];
	struct err err;
	struct buf b;

	cu->told = true;
	if (c->wait != WAIT_STOPPED) {
		answer_begin(&b);
		put_exit(&b, u, cu->id, u ? &u->exit : &kept);
		answer_send(c, &b);
	} else if (u && u->trouble.code == ERR_SURVIVORS && u->rt && job_of(u)->survived) {
		err = u->trouble;
		err_wrap(&err, "%s", unit_path(u, path, sizeof path));
		conn_waits(c, WAIT_NOTHING);
		conn_fail(c, &err);
	} else if (u) {
		conn_stopped(c, u);
	}
}

void ends_more(struct conn *c)
{
	size_t left = c->nunits;
	int most = ROWS_A_TURN;

	for (size_t i = 0; left && i < c->nunits && conn_room(c); i++) {
		struct conn_unit *cu = &c->units[i];
		if (!cu->over)
			continue;
		if (!cu->told && !most--) { /* in the next turn, when others had theirs */
			timer_del(c->s, &c->timer);
			(void)loop_mod(c->s->loop, &c->w, LOOP_IN | LOOP_OUT);
			return;
		}
		if (!cu->told)
			send_end(c, cu);
		left = c->any ? 0 : left - 1;
	}
	if (left || !c->nunits || c->gone)
		return;
	bool single = c->wait == WAIT_EXIT;
	conn_waits(c, WAIT_NOTHING);
	if (!single)
		conn_end(c);
}

/* What is over already is told whatever the deadline is. */
static void begin(struct conn *c, int64_t timeout_ns)
{
	if (timeout_ns >= 0)
		conn_wait_until(c, clock_mono_ns() + timeout_ns);
	for (size_t i = 0; i < c->nunits; i++) {
		const struct unit *u = tree_by_id(&c->s->tree, c->units[i].id);
		if (!u || unit_over(u))
			ends_over(&c->units[i], u);
	}
	ends_more(c);
}

/* unit=* into c->units. -1: answered already. */
static int take_units(struct conn *c, const struct packet *p,
	int (*allowed)(struct conn *, struct unit *, struct err *))
{
	const char *at = NULL, *key, *value;
	struct err err;
	size_t n, named = 0;

	while (packet_next(p, &at, &key, &n, &value)) {
		if (n != 4 || memcmp(key, "unit", 4) != 0)
			continue;
		if (named++ == CAP_UNITS_NAMED) {
			conn_too_many_units(c);
			return -1;
		}
		struct unit *u = NULL;
		err.code = ERR_OK;
		while ((u = tree_select_next(&c->s->tree, c->unit, value, u, &err)))
			if (allowed(c, u, &err) < 0)
				break;
			else if (conn_add_unit(c, u) < 0)
				err_no_memory(&err);
		if (err.code != ERR_OK) {
			conn_fail(c, &err);
			return -1;
		}
	}
	return 0;
}

static int may_wait(struct conn *c, struct unit *u, struct err *err)
{
	if (c->unit && unit_descends(c->unit, u))
		return err_set(
			err, ERR_DEADLOCK, 0, "waiting for oneself or an ancestor would never end");
	return conn_may(c, VERB_STATUS, u, err);
}

void op_wait(struct conn *c, const struct packet *p)
{
	struct err err;
	int64_t timeout_ns = -1;

	if (packet_int(p, "timeout_ns", 0, INT64_MAX / 2, &timeout_ns, &err) < 0) {
		conn_fail(c, &err);
		return;
	}
	if (take_units(c, p, may_wait) < 0) {
		conn_waits(c, WAIT_NOTHING);
		return;
	}
	if (!c->nunits) {
		err_set(&err, ERR_BAD_REQUEST, 0, "wait needs a unit");
		conn_fail(c, &err);
		return;
	}
	conn_waits(c, WAIT_ENDS);
	c->any = packet_get(p, "any") != NULL;
	begin(c, timeout_ns);
}

/* Of oneself or an ancestor: the answer comes when it is accepted, since the asker goes with it. */
static bool goes_with_it(const struct conn *c)
{
	for (size_t i = 0; i < c->nunits && c->unit; i++) {
		const struct unit *u = tree_by_id(&c->s->tree, c->units[i].id);
		if (u && unit_descends(c->unit, u))
			return true;
	}
	return false;
}

static int may_stop(struct conn *c, struct unit *u, struct err *err)
{
	return conn_may(c, VERB_STOP, u, err) < 0
		       ? -1
		       : schedule_refuses(job_of(u) ? job_of(u)->svc : NULL, err);
}

static int all_services(struct conn *c)
{
	list_each(it, &c->s->tree.all)
	{
		const struct unit *u = list_entry(it, struct unit, all);
		if ((!u->parent || (u->orphan && !u->ended)) && conn_add_unit(c, u) < 0) {
			conn_drop(c); /* its peer need not wait for an answer */
			return -1;
		}
	}
	return 0;
}

/* That alone: the project goes, and not only its processes. */
static bool names_project(const struct packet *p)
{
	const char *at = NULL, *key, *value;
	size_t n, units = 0, projects = 0;

	while (packet_next(p, &at, &key, &n, &value))
		if (n == 4 && memcmp(key, "unit", 4) == 0) {
			units++;
			projects += selects_project(value);
		}
	return units == 1 && projects;
}

static void stop(struct super *s, struct unit *u)
{
	if (!u) /* without memory for a queue what was spawned may be gone by the stop of another */
		return;
	changes_stopped(s, u);
	order_stop(s, u, CAUSE_ORDER);
}

void op_stop(struct conn *c, const struct packet *p)
{
	const char *wait = packet_get(p, "wait");
	struct err err;
	int64_t timeout_ns = -1;

	if (packet_int(p, "timeout_ns", 0, INT64_MAX / 2, &timeout_ns, &err) < 0) {
		conn_fail(c, &err);
		return;
	}
	if (!packet_get(p, "unit") && c->cls != PEER_OPERATOR) {
		err_set(&err, ERR_DENIED, 0, "a unit must name what it stops");
		conn_fail(c, &err);
		return;
	}
	if (names_project(p)) {
		order(c, p, DO_UNLOAD);
		return;
	}
	if (!packet_get(p, "unit"))
		changes_stopped(c->s, NULL);
	if (take_units(c, p, may_stop) < 0 || (!c->nunits && all_services(c) < 0)) {
		conn_waits(c, WAIT_NOTHING);
		return;
	}
	for (size_t i = 0, n = c->nunits; i < n; i++) {
		const struct unit *twin = roll_twin(c->s, tree_by_id(&c->s->tree, c->units[i].id));
		if (twin && conn_add_unit(c, twin) < 0)
			log_line(LOG_WARN, "out of memory: %s is stopped by itself", twin->name);
	}
	for (size_t i = 0; i < c->nunits; i++)
		stop(c->s, tree_by_id(&c->s->tree, c->units[i].id));
	if ((wait && strcmp(wait, "0") == 0) || goes_with_it(c) || !c->nunits) {
		conn_waits(c, WAIT_NOTHING);
		conn_end(c);
		return;
	}
	conn_waits(c, WAIT_STOPPED);
	begin(c, timeout_ns);
}

void op_shutdown(struct conn *c, const struct packet *p)
{
	(void)p;
	conn_waits(c, WAIT_SHUTDOWN);
	conn_ok(c);
	shutdown_begin(c->s, "sysg stop --supervisor");
}

/* The asker of a PID 1 goes with the namespace: it is told while it can still read. */
void serve_shutdown_told(struct super *s)
{
	list_each(it, &s->conns)
	{
		struct conn *c = list_entry(it, struct conn, link);
		struct buf b;
		if (!c->gone && c->wait == WAIT_EVENTS)
			op_events_end(c);
		if (c->gone || c->wait != WAIT_SHUTDOWN)
			continue;
		answer_begin(&b);
		packet_put(&b, "end", "1");
		if (s->pre.pid1)
			packet_put(&b, "init", "1");
		if (s->survivors)
			packet_put_int(&b, "left", s->survivors);
		answer_send(c, &b);
	}
}
