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

/* --- objects --- */

/* Name of the object, of the member and of its field: N number, S seconds, T text, which alone makes no object. In one
 * string, an empty one behind: pointers would be as long as the names. */
// clang-format off
static const char members[] =
	"Nreaped\0own\0own_reaped\0" "Nreaped\0adopted\0adopted_reaped\0"
	"Nlast_exit\0exit_code\0exit_code\0" "Nlast_exit\0signal\0exit_signal\0"
	"Tlast_exit\0reason\0exit_reason\0" "Nlast_exit\0peak_memory_bytes\0exit_peak_bytes\0"
	"Nlimits\0children\0limit_children\0" "Nlimits\0depth\0limit_depth\0"
	"Nlimits\0descendants\0limit_descendants\0" "Nlimits\0ever\0limit_ever\0"
	"Nlimits\0rate\0limit_rate\0" "Nlimits\0total_memory\0limit_total_memory\0"
	"Nlimits\0child_memory\0limit_child_memory\0" "Slimits\0ttl\0limit_ttl_ns\0"
	"Ncounts\0children\0children\0" "Ncounts\0descendants\0descendants\0"
	"Ncounts\0ever\0ever\0" "Ncounts\0queued\0queued\0"
	"Nmemory\0use_bytes\0memory_use\0" "Nmemory\0limit_bytes\0memory_limit\0"
	"Tmemory\0enforcement\0memory_by\0" "Tmemory\0known_by\0memory_from\0";
// clang-format on

/* An object of those that the row has; of none no object. */
static void put_object(struct json *j, const char *name, const struct packet *row)
{
	bool open = false;

	for (const char *at = members, *key, *field; *at; at = field + strlen(field) + 1) {
		key = at + strlen(at) + 1;
		field = key + strlen(key) + 1;
		if (strcmp(at + 1, name) != 0 || !packet_get(row, field) || (*at == 'T' && !open))
			continue;
		if (!open)
			json_open(j, name, '{');
		open = true;
		(*at == 'N' ? put_int : *at == 'S' ? put_seconds : put_str)(j, key, row, field);
	}
	if (open)
		json_close(j, '}');
}

/* --- supervisor --- */

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
	put_object(j, "reaped", row);
	if (has(row, "turns", "longest_turn_ns")) {
		json_open(j, "loop", '{');
		put_int(j, "turns", row, "turns");
		if (turn >= 0)
			json_int(j, "longest_turn_us", turn / NS_PER_US);
		int64_t cpu = row_int(row, "longest_turn_cpu_ns", -1);
		if (cpu >= 0)
			json_int(j, "longest_turn_cpu_us", cpu / NS_PER_US);
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

static void put_cron(struct json *j, const struct packet *row)
{
	if (!packet_get(row, "cron_expression"))
		return;
	json_open(j, "cron", '{');
	put_str(j, "expression", row, "cron_expression");
	put_str(j, "timezone", row, "cron_timezone");
	put_str(j, "next_run", row, "cron_next");
	json_close(j, '}');
}

static void put_common(struct json *j, const struct packet *row)
{
	put_object(j, "last_exit", row);
	put_int(j, "restarts", row, "restarts");
	put_cron(j, row);
	put_str(j, "command", row, "command");
	put_object(j, "limits", row);
	put_object(j, "counts", row);
	put_object(j, "memory", row);
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

/* Thousandths of a processor. */
static void put_percent(
	struct json *j, const char *key, const struct packet *row, const char *field)
{
	json_seconds(j, key, row_int(row, field, 0) * (NS_PER_SEC / 10));
}

static void put_metrics(struct json *j, const struct packet *row)
{
	if (!has(row, "rss_bytes", "cpu_ns"))
		return;
	json_open(j, "metrics", '{');
	if (packet_get(row, "samples")) {
		put_percent(j, "latest_cpu_percent", row, "cpu_last");
		put_percent(j, "average_cpu_percent", row, "cpu_average");
		put_percent(j, "max_cpu_percent", row, "cpu_most");
	}
	put_int(j, "latest_rss_bytes", row, "rss_bytes");
	put_int(j, "tree_rss_bytes", row, "tree_rss_bytes");
	put_seconds(j, "cpu_seconds", row, "cpu_ns");
	put_int(j, "samples", row, "samples");
	json_close(j, '}');
}

/* A unit that tells none is loose: the supervisor says what those go by. */
static void put_project(struct json *j, const struct packet *supervisor, const struct packet *row)
{
	const char *id = packet_get(row, "project"), *name = packet_get(row, "project_name");

	if (!supervisor->head || !packet_get(supervisor, "project_id"))
		return;
	json_open(j, "project", '{');
	if (!id)
		id = name = packet_get(supervisor, "project_id");
	json_str(j, "id", id);
	json_str(j, "name", name);
	put_str(j, "mode", supervisor, "project_mode");
	json_bool(j, "loose", !packet_get(row, "project"));
	json_close(j, '}');
}

static void put_names(struct json *j, const struct packet *row)
{
	put_str(j, "name", row, "name");
	put_str(j, "path", row, "path");
	put_str(j, "id", row, "id");
}

static void put_unit(struct json *j, const struct rows *rows, const struct packet *row)
{
	put_names(j, row);
	put_str(j, "hash", row, "hash");
	put_project(j, &rows->supervisor, row);
	put_str(j, "kind", row, "kind");
	put_str(j, "lifecycle", row, "lifecycle");
	put_str(j, "state", row, "state");
	put_str(j, "intent", row, "intent");
	put_str(j, "health", row, "health");
	put_process(j, row);
	put_metrics(j, row);
	put_common(j, row);
}

static void put_child(struct json *j, const struct rows *rows, size_t i)
{
	const struct packet *row = &rows->units[i];

	json_open(j, "child", '{');
	put_names(j, row);
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

static int put_units(
	struct json *j, const struct rows *rows, void (*more)(struct json *j, void *arg), void *arg)
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
			if (more && !k)
				more(j, arg);
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
	if (put_units(&j, rows, NULL, NULL) < 0)
		out->failed = 1;
	json_close(&j, ']');
	json_close(&j, '}');
	(void)buf_addc(out, '\n');
}

void report_json_unit(struct buf *out, const struct rows *rows,
	void (*more)(struct json *j, void *arg), void *arg)
{
	struct json j = { .out = out };

	if (put_units(&j, rows, more, arg) < 0)
		out->failed = 1;
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
