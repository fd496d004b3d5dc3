/* Reloads: what the difference comes to, how it came out, and the order by HUP. */
#include <stdio.h>

#include "base/log.h"
#include "super/change.h"

enum doing { STARTS, RESTARTS, STOPS, ROLLS, APPLIES, DOINGS };

/* Rows on their way out: several in one packet. */
struct rows {
	struct conn *c; /* NULL: they are only counted */
	struct buf b;
	unsigned n[DOINGS];
};

static void begin(struct rows *r)
{
	buf_init(&r->b, CAP_PACKET);
	packet_put(&r->b, "ok", "1");
	packet_put(&r->b, "row", "plan");
}

static void end(struct rows *r)
{
	packet_end(&r->b, NULL, 0);
	conn_send(r->c, &r->b);
}

static void put(struct rows *r, enum doing what, const char *why, const char *name)
{
	static const char words[DOINGS][8] = { "start", "restart", "stop", "roll", "apply" };

	r->n[what]++;
	if (!r->c)
		return;
	if (r->b.len > CAP_PACKET - 256) {
		end(r);
		begin(r);
	}
	packet_putf(&r->b, "plan", "%s %s %s", words[what], why, name);
}

void reload_plan(struct change *ch)
{
	const struct manifest *before = ch->s->m;
	struct rows r = { .c = ch->c };

	if (r.c)
		begin(&r);
	if (!manifest_same_settings(before, ch->m))
		put(&r, APPLIES, "changed", "settings");
	for (size_t i = 0; i < before->nservices; i++)
		if (ch->s->unit_of[i] && ch->to[i] < 0)
			put(&r, STOPS, "removed", before->services[i].name);
	for (size_t n = 0; n < ch->plan->n; n++) {
		size_t i = ch->plan->order[n];
		const struct unit *u = unit_before(ch, i);
		if (ch->roll[i])
			put(&r, ROLLS, "changed", ch->m->services[i].name);
		if (ch->start[i])
			put(&r, u && unit_is_up(u) ? RESTARTS : STARTS,
				!u                     ? "added"
				: change_alters(ch, i) ? "changed"
						       : "dependent",
				ch->m->services[i].name);
	}
	if (r.c)
		end(&r);
	int n = snprintf(ch->note, sizeof ch->note, "%u to start, %u to restart, %u stopped",
		r.n[STARTS], r.n[RESTARTS], r.n[STOPS]);
	if (r.n[ROLLS])
		(void)snprintf(
			ch->note + n, sizeof ch->note - (size_t)n, ", %u to replace", r.n[ROLLS]);
}

void reload_tell(struct change *ch, const struct err *why)
{
	struct super *s = ch->s;
	enum log_level level = log_level_get();

	event_add(s, EVENT_RELOAD, NULL, why ? why->code : ERR_OK, "%s", why ? why->msg : ch->note);
	if (why)
		return;
	log_level_set(LOG_INFO); /* who sent a signal has no other answer */
	log_line(LOG_INFO, "%s%s was read again: %s", ch->m->path,
		ch->nfiles > 1 ? ", with others," : "", ch->note);
	log_level_set(level);
	proc_look(s);
}

void reload_by_signal(struct super *s)
{
	struct change *ch = s->phase == PHASE_RUN ? change_new(s, DO_RELOAD, BY_HUP) : NULL;
	struct err err;
	int rc = -1;

	if (s->phase != PHASE_RUN)
		return;
	(void)err_no_memory(&err);
	if (ch && change_read_again(ch, &err) == 0)
		rc = change_add(s, ch, &err);
	if (rc != 0)
		(void)change_free(ch);
	if (rc < 0)
		log_line(LOG_WARN, "error[SG%04d]: reload: %s", (int)err.code, err.msg);
}
