/* inspect: what status leaves out of one unit. Names of variables only, never what they hold. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/units.h"
#include "probe/probe.h"
#include "super/env.h"
#include "super/meter.h"
#include "super/ops.h"

/* What may be long stays, all together, within a packet; the rest is counted. */
enum { SHOWN = 48 * 1024, EXITS = 5 };

static bool room(const struct buf *b)
{
	return b->len < SHOWN;
}

static void put_env(struct buf *b, const struct envblock *e)
{
	int64_t more = 0;

	for (size_t at = 0; e && at < e->size; at += strlen(e->bytes + at) + 1) {
		const char *text = e->bytes + at;
		size_t n = strcspn(text, "=");
		if (b->len + n < SHOWN)
			packet_putf(b, "environment", "%.*s", (int)n, text);
		else
			more++;
	}
	if (more)
		packet_put_int(b, "environment_left_out", more);
}

static void put_check(struct buf *b, const struct job *j)
{
	static const char *const words[] = { [CHECK_COMMAND] = "command",
		[CHECK_TCP] = "tcp",
		[CHECK_FILE] = "file",
		[CHECK_URL] = "url",
		[CHECK_UNIX] = "unix",
		[CHECK_NOTIFY] = "notify" };
	const struct health_check *h = job_check(j);
	const char *word = words[h->kind], *shell = h->argv ? h->argv[0] : "";
	const struct err *last = probe_last(j->probe);

	if (!word)
		return;
	for (char *const *w = h->argv; w && *w; w++) /* of a line for the shell that line */
		shell = *w;
	packet_putf(b, "health_check", "%s %.1000s", word, h->target ? h->target : shell);
	packet_put_int(b, "check_interval_ns", h->interval_ns);
	packet_put_int(b, "check_timeout_ns", h->attempt_timeout_ns);
	packet_put_int(b, "check_retries", h->retries);
	if (!j->probe)
		return;
	packet_put_int(b, "check_failures", probe_failures(j->probe));
	packet_put(b, "check_last", last ? last->msg : j->u->was_ready ? "passed" : "none yet");
}

static void put_service(struct buf *b, const struct super *s, const struct job *j)
{
	static const char *const restart[] = { "on-failure", "always", "never" };
	static const char *const needs[] = { "started", "healthy", "completed" };
	static const char *const numbers[] = { "nofile", "nproc", "memlock", "core", "nice",
		"oom_score_adj" };
	const struct service *svc = j->svc;

	packet_put(b, "restart_policy", restart[svc->restart]);
	if (svc->max_restarts >= 0)
		packet_put_int(b, "max_restarts", svc->max_restarts);
	packet_put(b, "stop_signal", signal_name(svc->stop_signal));
	packet_put_int(b, "stop_timeout_ns", svc->stop_timeout_ns);
	if (svc->user)
		packet_put(b, "started_as", svc->user);
	put_check(b, j);
	for (int i = 0; svc->hooks && i < HOOK_SWITCH_B; i++)
		if (svc->hooks[i].argv)
			packet_put(b, "hooks", hook_name((enum hook_kind)i));
	for (size_t i = 0; i < svc->ndeps && room(b); i++)
		packet_putf(b, "depends_on", "%s (%s)", svc->deps[i].name,
			needs[svc->deps[i].condition]);
	for (size_t i = 0; i < s->m->nservices; i++)
		for (size_t d = 0; d < s->m->services[i].ndeps && room(b); d++)
			if ((ssize_t)s->m->services[i].deps[d].index == j->u->service)
				packet_put(b, "needed_by", s->m->services[i].name);
	for (int i = 0; i < FENCE_NUMBERS; i++)
		if (svc->fence.v[i] != FENCE_UNSET)
			packet_putf(b, "resource_limits",
				svc->fence.v[i] == -1 && i < FENCE_RLIMITS ? "%s=none" : "%s=%lld",
				numbers[i], (long long)svc->fence.v[i]);
}

static void put_rights(struct buf *b, struct tree *t, struct unit *u)
{
	char path[UNIT_PATH_MAX];

	rights_prune(t, u);
	if (!u->ended && rights_spawn(u))
		packet_put(b, "rights", right_word(VERB_SPAWN));
	for (unsigned i = 0; i < u->nrights; i++) {
		const struct unit *over = tree_by_id(t, u->rights[i].target);
		packet_putf(b, "rights", "%s:%s", right_word(u->rights[i].verb),
			over ? unit_path(over, path, sizeof path) : "**");
	}
	list_each(it, &t->all)
	{
		const struct unit *other = list_entry(it, const struct unit, all);
		for (unsigned i = 0; i < other->nrights && room(b); i++)
			if (other->rights[i].target == u->id ||
				(other->rights[i].target == RIGHT_ALL && other != u &&
					other->rights[i].verb != VERB_SPAWN))
				packet_putf(b, "rights_over_it", "%s=%s",
					unit_path(other, path, sizeof path),
					right_word(other->rights[i].verb));
	}
}

static void put_job(struct buf *b, struct super *s, const struct unit *u)
{
	const struct job *j = job_of(u);
	int64_t rate = u->limits.v[LIMIT_RATE], full = u->rate_full_ns - clock_mono_ns();

	if (!j)
		return;
	put_env(b, j->env);
	if (j->cwd)
		packet_put(b, "working_dir", j->cwd);
	if (j->svc)
		put_service(b, s, j);
	if (u->in_a_row)
		packet_put_int(b, "restarts_in_a_row", u->in_a_row);
	if (u->backoff_ns && u->in_a_row)
		packet_put_int(b, "backoff_ns", u->backoff_ns);
	if (rate > 0)
		packet_put_int(
			b, "spawn_rate", full > 0 ? (full / NS_PER_MS * rate + 999) / 1000 : 0);
	for (unsigned i = 0; j->samples && i < j->samples->n; i++) {
		const struct sample *v = &j->samples->v[i];
		if (!i)
			packet_put_int(
				b, "sample_ns", s->meter->pace.interval_ns << j->samples->thin);
		if (v->kib == SAMPLE_NONE)
			packet_put(b, "sample", "-");
		else
			packet_putf(b, "sample", "%u:%u:%u", v->cpu, v->cpu_most, v->kib);
	}
}

/* Of the records of events, which forget. */
static void put_exits(struct buf *b, const struct super *s, const struct unit *u)
{
	struct event_cursor c = { 0 };
	struct event_text text;
	struct event_row row;
	uint64_t lost, last[EXITS] = { 0 }, n = 0;
	char ts[32];

	while (event_next(&s->journal, &c, &row, &text, &lost))
		if (row.word == EVENT_EXITED && row.id == u->id)
			last[n++ % EXITS] = row.seq;
	for (uint64_t i = n > EXITS ? n - EXITS : 0; i < n; i++) {
		c = (struct event_cursor){ .seen = last[i % EXITS] - 1 };
		if (event_next(&s->journal, &c, &row, &text, &lost))
			packet_putf(b, "exits", "%s %s", clock_print(ts, row.wall_ns), row.detail);
	}
}

void op_inspect(struct conn *c, const struct packet *p)
{
	const char *selector = packet_get(p, "unit");
	struct err err;
	struct unit *u = NULL;
	struct buf b;

	if (!selector)
		err_set(&err, ERR_BAD_REQUEST, 0, "a unit is needed");
	else
		u = conn_unit(c, selector, VERB_STATUS, &err);
	if (!u) {
		conn_fail(c, &err);
		return;
	}
	answer_begin(&b);
	packet_putf(&b, "id", "@%" PRIu64, u->id);
	int levels = 0;
	for (struct unit *d = NULL; (d = tree_walk(u, d));)
		levels = (int)(d->depth - u->depth) > levels ? (int)(d->depth - u->depth) : levels;
	packet_put_int(&b, "levels_below", levels);
	if (u->public)
		packet_put(&b, "public", "yes");
	put_rights(&b, &c->s->tree, u);
	put_job(&b, c->s, u);
	if (c->s->log_dir && c->s->logproc && conn_has(c, VERB_LOGS, u))
		put_log_file(&b, "log", c->s, u);
	put_exits(&b, c->s, u);
	answer_send(c, &b);
}
