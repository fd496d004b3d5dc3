/* events: records, produced as the peer reads; with follow=1 a subscription. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "node/keep.h"
#include "super/ops.h"

enum { ROWS_A_TURN = 100 };

/* A unit and what is below it, by what stays when the unit is gone. */
struct scope {
	uint64_t id;
	char *path;
};

/* Of one connection. Owner: the connection; follower_free(). */
struct follower {
	struct event_cursor cursor;
	bool follow;
	bool has_own; /* scopes[0] is the asker: it, what is below it, and what it has a right to */
	size_t n, bytes;      /* of all scopes */
	struct scope *scopes; /* then those that were named, of a project all */
	uint64_t keeper;      /* the root of the tree that these bytes count to; 0: none */
};

void follower_free(struct super *s, struct follower *f)
{
	struct unit *u;

	if (!f)
		return;
	if ((u = tree_by_id(&s->tree, f->keeper)))
		keep_sub(u, f->bytes);
	for (size_t i = 0; i < f->n; i++)
		free(f->scopes[i].path);
	free(f->scopes);
	free(f);
}

static int add_scope(struct follower *f, const struct unit *u)
{
	char path[UNIT_PATH_MAX];

	for (size_t i = f->has_own; i < f->n; i++)
		if (f->scopes[i].id == u->id)
			return 0;
	struct scope *v = realloc(f->scopes, (f->n + 1) * sizeof *v);
	if (!v)
		return -1;
	f->scopes = v;
	v[f->n] = (struct scope){ u->id, strdup(unit_path(u, path, sizeof path)) };
	if (!v[f->n].path)
		return -1;
	f->n++;
	f->bytes += sizeof *v + strlen(path);
	return 0;
}

static int name_units(struct conn *c, const struct packet *p, struct follower *f, struct err *err)
{
	const char *at = NULL, *key, *value;
	size_t n;

	while (packet_next(p, &at, &key, &n, &value)) {
		if (n != 4 || memcmp(key, "unit", 4) != 0)
			continue;
		struct unit *u = NULL;
		while ((u = selects_project(value)
				    ? tree_select_next(&c->s->tree, c->unit, value, u, err)
			    : !u ? tree_select(&c->s->tree, c->unit, value, err)
				 : NULL)) {
			if (conn_may(c, VERB_STATUS, u, err) < 0)
				return -1;
			if (add_scope(f, u) < 0)
				return err_no_memory(err);
		}
		if (err->code != ERR_OK)
			return -1;
	}
	return 0;
}

static int begin_behind(struct conn *c, const struct packet *p, struct follower *f, struct err *err)
{
	const struct event_ring *r = &c->s->journal;
	int64_t since = r->first ? (int64_t)r->first - 1 : 0; /* what there is: nothing is missed */

	if (packet_int(p, "since", 0, INT64_MAX, &since, err) < 0)
		return -1;
	if ((uint64_t)since > r->last) {
		err_set(err, ERR_BAD_VALUE, 0,
			"there is no record %" PRId64 " yet: the last is %" PRIu64, since, r->last);
		return err_help(err, "records are numbered anew with each supervisor: sysg events");
	}
	f->cursor.seen = (uint64_t)since;
	return 0;
}

static struct follower *follower_new(struct conn *c, const struct packet *p, struct err *err)
{
	const char *at = NULL, *key, *value;
	size_t n, units = 0;

	while (packet_next(p, &at, &key, &n, &value))
		units += n == 4 && memcmp(key, "unit", 4) == 0;
	if (units > CAP_UNITS_NAMED) {
		err_set(err, ERR_TOO_LARGE, 0, "a request names at most %d units", CAP_UNITS_NAMED);
		return NULL;
	}
	struct follower *f = calloc(1, sizeof *f);
	if (!f) {
		err_no_memory(err);
		return NULL;
	}
	f->has_own = c->cls != PEER_OPERATOR;
	f->follow = packet_get(p, "follow") != NULL;
	if (f->has_own && add_scope(f, c->unit) < 0)
		err_no_memory(err);
	else if (name_units(c, p, f, err) == 0 && begin_behind(c, p, f, err) == 0 &&
		 (!f->has_own || keep_add(c->unit, f->bytes, ERR_TOO_LARGE, err) == 0)) {
		f->keeper = f->has_own ? c->unit->root->id : 0;
		return f;
	}
	follower_free(c->s, f);
	return NULL;
}

static bool wants(const struct conn *c, const struct event_row *row)
{
	const struct follower *f = c->follower;
	size_t first = f->has_own ? 1 : 0;

	if (f->has_own && !event_below(row, f->scopes[0].id, f->scopes[0].path) &&
		!(c->unit && rights_stored(c->unit, VERB_STATUS, row->id)))
		return false;
	for (size_t i = first; i < f->n; i++)
		if (event_below(row, f->scopes[i].id, f->scopes[i].path))
			return true;
	return f->n == first;
}

static void send_lost(struct conn *c, uint64_t lost)
{
	struct buf b;

	c->s->journal_dropped += lost;
	answer_begin(&b);
	packet_put(&b, "row", "lost");
	packet_put_int(&b, "lost", (int64_t)lost);
	answer_send(c, &b);
}

static void send_row(struct conn *c, const struct event_row *row)
{
	char ts[32];
	struct buf b;

	answer_begin(&b);
	packet_put(&b, "row", "event");
	packet_put_int(&b, "seq", (int64_t)row->seq);
	packet_put(&b, "ts", clock_print(ts, row->wall_ns));
	packet_put(&b, "event", event_word(row->word));
	if (row->id) {
		packet_put(&b, "path", row->path);
		packet_putf(&b, "id", "@%" PRIu64, row->id);
	}
	if (row->code != ERR_OK)
		packet_putf(&b, "code", "SG%04d", (int)row->code);
	if (*row->detail)
		packet_put(&b, "detail", row->detail);
	answer_send(c, &b);
}

/* At most so many records are looked at. True: there may be more. */
static bool send_rows(struct conn *c, int most)
{
	struct follower *f = c->follower;
	struct event_text text;
	struct event_row row;
	uint64_t lost;

	for (; most > 0 && conn_room(c); most--) {
		if (!event_next(&c->s->journal, &f->cursor, &row, &text, &lost))
			return false;
		if (lost)
			send_lost(c, lost);
		if (wants(c, &row) && !c->gone)
			send_row(c, &row);
	}
	return true;
}

static void done(struct conn *c)
{
	conn_waits(c, WAIT_NOTHING);
	conn_end(c);
}

void op_events_more(struct conn *c)
{
	bool more = send_rows(c, ROWS_A_TURN);

	if (c->gone || !conn_room(c))
		return; /* it goes on when the peer has read */
	if (more)       /* in the next turn, when others had theirs */
		(void)loop_mod(c->s->loop, &c->w, LOOP_IN | LOOP_OUT);
	else if (!c->follower->follow || (c->follower->has_own && !c->unit))
		done(c); /* all of it; or the asker is a unit no more */
	else
		(void)loop_mod(c->s->loop, &c->w, LOOP_IN);
}

void op_events_end(struct conn *c)
{
	while (conn_room(c) && send_rows(c, ROWS_A_TURN))
		;
	if (conn_room(c))
		done(c);
}

void op_events(struct conn *c, const struct packet *p)
{
	struct err err;
	struct follower *f = follower_new(c, p, &err);

	if (!f) {
		conn_fail(c, &err);
		return;
	}
	conn_waits(c, WAIT_EVENTS);
	c->follower = f;
	op_events_more(c);
}
