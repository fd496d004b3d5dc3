/* status: a row for the supervisor, then one a unit, produced as the peer reads. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "node/memory.h"
#include "os/proc.h"
#include "super/meter.h"
#include "super/ops.h"

enum { ROWS_A_TURN = 32, COMMAND_SHOWN = 4096 };

static bool waited_for_as_done(const struct super *s, const struct unit *u)
{
	for (size_t i = 0; i < s->m->nservices; i++)
		for (size_t d = 0; d < s->m->services[i].ndeps; d++)
			if ((ssize_t)s->m->services[i].deps[d].index == u->service &&
				s->m->services[i].deps[d].condition == DEP_COMPLETED)
				return true;
	return false;
}

const char *unit_state(const struct unit *u)
{
	const struct job *j = job_of(u);

	if (u->ended && u->state == NODE_IDLE)
		return "stopped";
	if (j && j->cron_on && (u->state == NODE_IDLE || u->state == NODE_DONE))
		return "queued";
	return node_state_status(u->state);
}

const char *unit_intent(const struct super *s, const struct unit *u)
{
	if (unit_spawned(u))
		return "once";
	if (u->state == NODE_SKIPPED)
		return "skip";
	if (job_of(u)->cron_on)
		return "cron";
	if (!u->want_up && u->state != NODE_DONE && u->state != NODE_FAILED)
		return "manual";
	bool once = s->m->services[u->service].restart == RESTART_NEVER || u->state == NODE_DONE;
	return once || waited_for_as_done(s, u) ? "once" : "serve";
}

const char *unit_health(const struct super *s, const struct unit *u)
{
	switch (u->state) {
	case NODE_READY:
		return u->unhealthy ? "failing" : "healthy";
	case NODE_DONE:
	case NODE_DRAINING:
		return "healthy";
	case NODE_FAILED:
		return "failing";
	case NODE_IDLE:
	case NODE_SKIPPED:
	case NODE_WAITING:
		return "idle";
	default:
		(void)s;
		return u->cause == CAUSE_UNHEALTHY || u->cause == CAUSE_UNREADY ? "failing"
										: "warn";
	}
}

const char *unit_lifecycle(const struct unit *u)
{
	if (!node_state_at_rest(u->state))
		return "running";
	if (u->state == NODE_SKIPPED)
		return "skipped";
	if (u->state == NODE_DONE)
		return "exited_successfully";
	if (u->state == NODE_FAILED || u->state == NODE_BACKOFF)
		return "exited_with_error";
	return "stopped";
}

const char *overall_health(const struct super *s)
{
	const char *worst = "healthy";

	for (size_t i = 0; i < s->m->nservices; i++) {
		const char *h = s->unit_of[i] ? unit_health(s, s->unit_of[i]) : "idle";
		if (strcmp(h, "failing") == 0)
			return h;
		if (strcmp(h, "warn") == 0)
			worst = h;
	}
	return worst;
}

static void put_time(struct buf *b, const char *key, int64_t wall_ns)
{
	char text[32];

	packet_put(b, key, clock_print(text, wall_ns));
}

static unsigned conns_in_all(const struct super *s)
{
	unsigned n = 0;

	list_each(it, &s->conns) n += !list_entry(it, struct conn, link)->gone;
	return n;
}

/* Where all services are of one project: for headings. */
static void put_only_project(struct buf *b, const struct super *s)
{
	const struct service *svc = s->m->services;
	size_t same = 0;

	for (size_t i = 0; i < s->m->nservices; i++)
		same += svc[i].project == svc->project;
	if (same == s->m->nservices)
		packet_put(b, "project_only", service_project(svc));
}

static void supervisor_row(struct conn *c)
{
	struct super *s = c->s;
	const struct manifest *f;
	struct buf b;
	int64_t rss;

	answer_begin(&b);
	packet_put(&b, "row", "supervisor");
	put_time(&b, "captured_at", clock_wall_ns());
	packet_put_int(&b, "pid", getpid());
	packet_put(&b, "mode", s->pre.pid1 ? "init" : "subreaper");
	packet_put(&b, "version", SYSG_VERSION);
	packet_put_int(&b, "uptime_ns", clock_mono_ns() - s->boot_ns);
	packet_put(&b, "containment", s->cgroup ? "cgroup" : s->marks.usable ? "mark" : "session");
	packet_put(
		&b, "memory_enforcement", cgroup_holds_memory(s->cgroup) ? "cgroup" : "measured");
	packet_put_int(&b, "own_reaped", (int64_t)s->reaped_own);
	packet_put_int(&b, "adopted_reaped", (int64_t)s->reaped_adopted);
	packet_put_int(&b, "turns", (int64_t)s->turns);
	packet_put_int(&b, "longest_turn_ns", s->longest_turn_ns);
	packet_put_int(&b, "longest_turn_cpu_ns", s->longest_turn_cpu_ns);
	if (proc_rss_read(getpid(), &rss) == 0)
		packet_put_int(&b, "rss_bytes", rss);
	packet_put_int(&b, "connections", conns_in_all(s));
	packet_put_int(&b, "events_dropped", (int64_t)s->journal_dropped);
	packet_put(&b, "overall", overall_health(s));
	if (s->phase != PHASE_RUN)
		packet_put(&b, "shutting_down", "1");
	for (size_t i = 0; (f = manifest_file(s->m, i)) && b.len < CAP_PACKET / 2; i++)
		packet_put(&b, "manifest", f->path);
	packet_put(&b, "project_id", SUPER_PROJECT);
	put_only_project(&b, s);
	packet_put(&b, "project_mode", s->opts->detached ? "daemon" : "foreground");
	answer_send(c, &b);
}

static void put_process(struct buf *b, const struct unit *u)
{
	struct proc_status status;
	struct proc_stat stat;
	char state[2] = "";
	int64_t rss;

	if (!u->main_alive)
		return;
	packet_put_int(b, "pid", u->pid);
	if (proc_status_read(u->pid, &status) == 0)
		packet_putf(b, "user", "%u", (unsigned)status.uid[1]);
	if (proc_stat_read(u->pid, &stat) == 0) {
		state[0] = stat.state;
		packet_put(b, "pstate", state);
	}
	if (proc_rss_read(u->pid, &rss) == 0)
		packet_put_int(b, "rss_bytes", rss);
	put_time(b, "started_at", u->started_wall_ns);
	packet_put_int(b, "uptime_ns", clock_mono_ns() - u->started_ns);
}

static void put_exit(struct buf *b, const struct unit *u)
{
	if (!u->exit.known || u->state == NODE_SKIPPED)
		return;
	if (u->exit.signal)
		packet_put_int(b, "exit_signal", u->exit.signal);
	packet_put_int(b, "exit_code", u->exit.code);
	packet_put(b, "exit_reason", end_reason_word(u->exit.reason));
	if (u->exit.peak_bytes)
		packet_put_int(b, "exit_peak_bytes", u->exit.peak_bytes);
	if (u->exit.left)
		packet_put_int(b, "left", u->exit.left);
}

static void put_limits(struct buf *b, const struct unit *u)
{
	char key[40];

	if (!u->root->dynamic)
		return;
	for (int i = 0; i < LIMIT_COUNT; i++) {
		if (u->limits.v[i] == LIMIT_NONE)
			continue;
		snprintf(key, sizeof key, "limit_%s%s", limit_rows[i].key,
			i == LIMIT_TTL ? "_ns" : "");
		packet_put_int(b, key, u->limits.v[i]);
	}
	packet_put(b, "policy", policy_name(u->policy));
}

/* Where a limit is on it: how much of its tree there is, who holds it, how that is known. */
static void put_memory(struct super *s, struct buf *b, struct unit *u)
{
	const struct job *j = job_of(u);
	int64_t limit = memory_limit(u);

	if (!j || limit == LIMIT_NONE)
		return;
	meter_read(s, u);
	packet_put_int(b, "memory_use", u->memory_tree);
	packet_put_int(b, "memory_limit", limit);
	packet_put(b, "memory_by", j->tree_memory ? "cgroup" : "measured");
	packet_put(b, "memory_from", j->tree_memory ? "group" : j->memory_bound ? "bound" : "pss");
}

static void put_counts(struct buf *b, const struct unit *u)
{
	const struct job *j = job_of(u);

	packet_put_int(b, "restarts", u->restarts);
	packet_put_int(b, "children", u->live_children);
	packet_put_int(b, "descendants", u->descendants);
	packet_put_int(b, "ever", (int64_t)u->ever);
	if (u->queued)
		packet_put_int(b, "queued", u->queued);
	if (!u->ttl_ns)
		return;
	packet_put_int(b, "ttl_ns", u->ttl_ns);
	if (j && j->ttl.node.at)
		packet_put_int(b, "ttl_left_ns", j->ttl.node.key - clock_mono_ns());
}

static void put_cron(struct buf *b, const struct job *j)
{
	if (!j || !j->schedule)
		return;
	packet_putf(b, "cron_expression", "%.256s", j->svc->cron.expression);
	packet_put(b, "cron_timezone", j->svc->cron.timezone);
	if (j->cron_on && j->cron.next != CRON_NEVER)
		put_time(b, "cron_next", j->cron.next * NS_PER_SEC);
}

/* Its project, and as people call that. */
static void put_project(struct buf *b, const struct super *s, const struct unit *root)
{
	const struct project *p = s->m->services[root->service].project;

	if (!p)
		return;
	packet_put(b, "project", p->id);
	packet_putf(b, "project_name", "%.200s", p->name);
}

static void unit_row(struct conn *c, const struct unit *u)
{
	struct super *s = c->s;
	const struct job *j = job_of(u);
	const struct service *svc = unit_spawned(u) ? NULL : &s->m->services[u->service];
	char path[UNIT_PATH_MAX];
	struct buf b;

	answer_begin(&b);
	packet_put(&b, "row", "unit");
	packet_putf(&b, "id", "@%" PRIu64, u->id);
	packet_put(&b, "path", unit_path(u, path, sizeof path));
	packet_put(&b, "name", unit_name(u));
	put_project(&b, s, u->root);
	packet_put(&b, "kind",
		unit_spawned(u)        ? "spawned"
		: svc->token_file      ? "remote"
		: svc->cron.expression ? "cron"
				       : "service");
	if (u->parent)
		packet_putf(&b, "parent", "@%" PRIu64, u->parent->id);
	packet_put_int(&b, "depth", u->depth);
	if (u->orphan)
		packet_put(&b, "orphan", "1");
	packet_put(&b, "state", unit_state(u));
	packet_put(&b, "intent", unit_intent(s, u));
	packet_put(&b, "health", unit_health(s, u));
	packet_put(&b, "lifecycle", unit_lifecycle(u));
	if (svc)
		packet_put(&b, "hash", svc->hash);
	put_process(&b, u);
	sampling_put(s, &b, u);
	put_exit(&b, u);
	put_counts(&b, u);
	put_memory(s, &b, (struct unit *)(uintptr_t)u);
	const char *command = svc ? svc->command : j ? j->command : NULL;
	if (command) /* a row has to fit into a packet */
		packet_putf(&b, "command", "%.*s", COMMAND_SHOWN, command);
	put_limits(&b, u);
	put_cron(&b, j);
	put_trouble(&b, u, &u->trouble);
	if (j)
		packet_put(&b, "containment",
			j->group.path ? "cgroup"
			: j->mark     ? "mark"
				      : "session");
	answer_send(c, &b);
}

static bool listed(const struct conn *c, const struct unit *u)
{
	if (!conn_has(c, VERB_STATUS, u))
		return false;
	for (size_t i = 0; i < c->nunits; i++) {
		const struct unit *top = tree_by_id(&c->s->tree, c->units[i].id);
		if (top && (u->root == top || unit_descends(u, top)))
			return true;
	}
	return !c->listing_some;
}

void op_status_more(struct conn *c)
{
	struct unit *u;

	for (int rows = 0; rows < ROWS_A_TURN && conn_room(c) && !c->measuring; rows++) {
		if (!(u = tree_after(&c->s->tree, c->cursor))) {
			conn_waits(c, WAIT_NOTHING);
			conn_end(c);
			return;
		}
		c->cursor = u->id;
		if (listed(c, u))
			unit_row(c, u);
	}
	if (conn_room(c) && !c->measuring) /* go on in the next turn, when others had theirs */
		(void)loop_mod(c->s->loop, &c->w, LOOP_IN | LOOP_OUT);
}

void op_status(struct conn *c, const struct packet *p)
{
	const char *at = NULL, *key, *value;
	struct err err;
	size_t n, named = 0;

	c->listing_some = false;
	while (packet_next(p, &at, &key, &n, &value)) {
		if (n != 4 || memcmp(key, "unit", 4) != 0)
			continue;
		if (named++ == CAP_UNITS_NAMED) {
			conn_too_many_units(c);
			return;
		}
		c->listing_some = true;
		struct unit *u = NULL;
		err.code = ERR_OK;
		while ((u = tree_select_next(&c->s->tree, c->unit, value, u, &err)) &&
			conn_may(c, VERB_STATUS, u, &err) == 0)
			if (conn_add_unit(c, u) < 0) {
				conn_drop(c);
				return;
			}
		if (err.code != ERR_OK && err.code != ERR_NO_UNIT && err.code != ERR_PROJECT) {
			conn_fail(c, &err);
			return;
		}
	}
	c->cursor = 0;
	bool some = c->listing_some;
	conn_waits(c, WAIT_LISTING);
	c->listing_some = some;
	c->measuring = packet_get(p, "measure") && sampling_wait(c);
	supervisor_row(c);
	if (conn_room(c))
		op_status_more(c);
}
