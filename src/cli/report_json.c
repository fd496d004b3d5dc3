#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/units.h"
#include "cli/diag.h"
#include "cli/out.h"
#include "cli/report.h"
#include "cli/tree.h"

enum { SCHEMA_VERSION = 1 };

static void put_int(struct json *j, const char *key, const struct packet *row, const char *field)
{
	int64_t value = row_int(row, field, INT64_MIN);

	if (value != INT64_MIN)
		json_int(j, key, value);
}

static void put_seconds(
	struct json *j, const char *key, const struct packet *row, const char *field)
{
	int64_t ns = row_int(row, field, INT64_MIN);

	if (ns != INT64_MIN)
		json_seconds(j, key, ns);
}

static void put_str(struct json *j, const char *key, const struct packet *row, const char *field)
{
	json_str(j, key, packet_get(row, field));
}

static bool has(const struct packet *row, const char *a, const char *b)
{
	return packet_get(row, a) || packet_get(row, b);
}

/* --- supervisor --- */

struct member {
	const char *key, *field;
	enum { MEMBER_INT, MEMBER_SECONDS, MEMBER_TEXT } kind; /* a text alone makes no object */
};

/* An object of those that the row has; of none no object. */
static void put_object(struct json *j, const char *name, const struct packet *row,
	const struct member *m, size_t n)
{
	static void (*const put[])(struct json *, const char *, const struct packet *,
		const char *) = { put_int, put_seconds, put_str };
	bool any = false;

	for (size_t i = 0; i < n; i++)
		any = any || (m[i].kind != MEMBER_TEXT && packet_get(row, m[i].field));
	if (!any)
		return;
	json_open(j, name, '{');
	for (size_t i = 0; i < n; i++)
		put[m[i].kind](j, m[i].key, row, m[i].field);
	json_close(j, '}');
}

static void put_reaped(struct json *j, const struct packet *row)
{
	static const struct member members[] = { { "own", "own_reaped", MEMBER_INT },
		{ "adopted", "adopted_reaped", MEMBER_INT } };

	put_object(j, "reaped", row, members, sizeof members / sizeof *members);
}

static void put_supervisor(struct json *j, const struct packet *row)
{
	int64_t turn = row_int(row, "longest_turn_ns", -1), up = row_int(row, "uptime_ns", -1);

	json_open(j, "supervisor", '{');
	put_int(j, "pid", row, "pid");
	put_str(j, "mode", row, "mode");
	put_str(j, "version", row, "version");
	if (up >= 0)
		json_int(j, "uptime_seconds", up / NS_PER_SEC);
	put_str(j, "containment", row, "containment");
	put_str(j, "memory_enforcement", row, "memory_enforcement");
	put_reaped(j, row);
	if (has(row, "turns", "longest_turn_ns")) {
		json_open(j, "loop", '{');
		put_int(j, "turns", row, "turns");
		if (turn >= 0)
			json_int(j, "longest_turn_us", turn / NS_PER_US);
		json_close(j, '}');
	}
	put_int(j, "rss_bytes", row, "rss_bytes");
	put_int(j, "connections", row, "connections");
	put_int(j, "events_dropped", row, "events_dropped");
	if (packet_get(row, "shutting_down"))
		json_bool(j, "shutting_down", true);
	put_str(j, "manifest", row, "manifest");
	json_close(j, '}');
}

/* --- units --- */

static void put_last_exit(struct json *j, const struct packet *row)
{
	static const struct member members[] = { { "exit_code", "exit_code", MEMBER_INT },
		{ "signal", "exit_signal", MEMBER_INT }, { "reason", "exit_reason", MEMBER_TEXT },
		{ "peak_memory_bytes", "exit_peak_bytes", MEMBER_INT } };

	put_object(j, "last_exit", row, members, sizeof members / sizeof *members);
}

static void put_limits(struct json *j, const struct packet *row)
{
	static const struct member members[] = { { "children", "limit_children", MEMBER_INT },
		{ "depth", "limit_depth", MEMBER_INT },
		{ "descendants", "limit_descendants", MEMBER_INT },
		{ "ever", "limit_ever", MEMBER_INT }, { "rate", "limit_rate", MEMBER_INT },
		{ "total_memory", "limit_total_memory", MEMBER_INT },
		{ "child_memory", "limit_child_memory", MEMBER_INT },
		{ "ttl", "limit_ttl_ns", MEMBER_SECONDS } };

	put_object(j, "limits", row, members, sizeof members / sizeof *members);
}

static void put_counts(struct json *j, const struct packet *row)
{
	static const struct member members[] = { { "children", "children", MEMBER_INT },
		{ "descendants", "descendants", MEMBER_INT }, { "ever", "ever", MEMBER_INT },
		{ "queued", "queued", MEMBER_INT } };

	put_object(j, "counts", row, members, sizeof members / sizeof *members);
}

static void put_memory(struct json *j, const struct packet *row)
{
	static const struct member members[] = { { "use_bytes", "memory_use", MEMBER_INT },
		{ "limit_bytes", "memory_limit", MEMBER_INT },
		{ "enforcement", "memory_by", MEMBER_TEXT },
		{ "known_by", "memory_from", MEMBER_TEXT } };

	put_object(j, "memory", row, members, sizeof members / sizeof *members);
}

static void put_common(struct json *j, const struct packet *row)
{
	put_last_exit(j, row);
	put_int(j, "restarts", row, "restarts");
	put_str(j, "command", row, "command");
	put_limits(j, row);
	put_counts(j, row);
	put_memory(j, row);
	put_str(j, "termination_policy", row, "policy");
	put_str(j, "containment", row, "containment");
	put_int(j, "survivors", row, "left");
	if (packet_get(row, "error")) {
		json_open(j, "error", '{');
		diag_row_json(j, row);
		json_close(j, '}');
	}
}

static void put_process(struct json *j, const struct packet *row)
{
	char human[32];
	int64_t up = row_int(row, "uptime_ns", -1);

	if (packet_get(row, "pid")) {
		json_open(j, "process", '{');
		put_int(j, "pid", row, "pid");
		put_str(j, "state", row, "pstate");
		put_str(j, "user", row, "user");
		json_close(j, '}');
	}
	if (up < 0)
		return;
	json_open(j, "uptime", '{');
	json_int(j, "seconds", up / NS_PER_SEC);
	json_str(j, "human", duration_print(human, sizeof human, up));
	put_str(j, "started_at", row, "started_at");
	json_close(j, '}');
}

static void put_project(struct json *j, const struct packet *supervisor)
{
	if (!supervisor->head || !packet_get(supervisor, "project_id"))
		return;
	json_open(j, "project", '{');
	put_str(j, "id", supervisor, "project_id");
	put_str(j, "mode", supervisor, "project_mode");
	json_bool(j, "loose", true);
	json_close(j, '}');
}

static void put_unit(struct json *j, const struct rows *rows, const struct packet *row)
{
	put_str(j, "name", row, "name");
	put_str(j, "path", row, "path");
	put_str(j, "id", row, "id");
	put_str(j, "hash", row, "hash");
	put_project(j, &rows->supervisor);
	put_str(j, "kind", row, "kind");
	put_str(j, "lifecycle", row, "lifecycle");
	put_str(j, "state", row, "state");
	put_str(j, "intent", row, "intent");
	put_str(j, "health", row, "health");
	put_process(j, row);
	if (packet_get(row, "rss_bytes")) {
		json_open(j, "metrics", '{');
		put_int(j, "latest_rss_bytes", row, "rss_bytes");
		json_close(j, '}');
	}
	put_common(j, row);
}

static void put_child(struct json *j, const struct rows *rows, size_t i)
{
	const struct packet *row = &rows->units[i];

	json_open(j, "child", '{');
	put_str(j, "name", row, "name");
	put_str(j, "path", row, "path");
	put_str(j, "id", row, "id");
	put_int(j, "pid", row, "pid");
	if (packet_get(row, "orphan"))
		json_bool(j, "orphan", true);
	else
		put_int(j, "parent_pid", &rows->units[rows->parent[i]], "pid");
	put_str(j, "started_at", row, "started_at");
	put_seconds(j, "ttl", row, "ttl_ns");
	put_seconds(j, "ttl_left", row, "ttl_left_ns");
	put_int(j, "depth", row, "depth");
	put_str(j, "state", row, "state");
	put_str(j, "health", row, "health");
	put_int(j, "rss_bytes", row, "rss_bytes");
	put_common(j, row);
	put_str(j, "kind", row, "kind");
	json_close(j, '}');
}

/* --- nesting --- */

/* Closes what is open from depth `from` down to `to`: each level is an object that ends in an
 * array. */
static size_t close_to(struct json *j, size_t from, size_t to)
{
	for (; from > to; from--) {
		json_close(j, ']');
		json_close(j, '}');
	}
	return to;
}

static size_t levels_above(const struct rows *rows, size_t i)
{
	size_t levels = 0;

	for (; rows->parent[i] != TREE_ROOT; i = rows->parent[i])
		levels++;
	return levels;
}

static int put_units(struct json *j, const struct rows *rows)
{
	struct tree_row *tree = calloc(rows->n + 1, sizeof *tree);
	size_t *order = calloc(rows->n + 1, sizeof *order), open = 0;
	int rc = -1;

	for (size_t i = 0; tree && i < rows->n; i++)
		tree[i].parent = rows->parent[i];
	if (tree && order && tree_order(tree, rows->n, order) == 0) {
		for (size_t k = 0; k < rows->n; k++) {
			size_t i = order[k], level = levels_above(rows, i);

			(void)close_to(j, open, level);
			json_open(j, NULL, '{');
			if (level)
				put_child(j, rows, i);
			else
				put_unit(j, rows, &rows->units[i]);
			json_open(j, level ? "children" : "spawned_children", '[');
			open = level + 1;
		}
		(void)close_to(j, open, 0);
		rc = 0;
	}
	free(tree);
	free(order);
	return rc;
}

void report_json(struct buf *out, const struct rows *rows)
{
	struct json j = { .out = out };
	const struct packet *s = &rows->supervisor;

	json_open(&j, NULL, '{');
	json_int(&j, "schema_version", SCHEMA_VERSION);
	if (s->head) {
		put_str(&j, "captured_at", s, "captured_at");
		put_str(&j, "overall_health", s, "overall");
		put_supervisor(&j, s);
	}
	json_open(&j, "units", '[');
	if (put_units(&j, rows) < 0)
		out->failed = 1;
	json_close(&j, ']');
	json_close(&j, '}');
	(void)buf_addc(out, '\n');
}

void report_json_error(struct buf *out, const struct err *err)
{
	struct json j = { .out = out };

	json_open(&j, NULL, '{');
	json_open(&j, "units", '[');
	json_close(&j, ']');
	json_open(&j, "error", '{');
	diag_json_fields(&j, err);
	json_close(&j, '}');
	json_close(&j, '}');
	(void)buf_addc(out, '\n');
}
