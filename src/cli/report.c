#include "cli/report.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/units.h"
#include "cli/out.h"
#include "cli/tree.h"

enum { COLUMNS = 8, CELL = 200 };

static const char *or_dash(const char *text)
{
	return text && *text ? text : "-";
}

const char *report_sgr(const char *state)
{
	static const struct {
		const char *state, *sgr;
	} colours[] = {
		{ "running", "\033[32m" },
		{ "healthy", "\033[32m" },
		{ "done", "\033[32m" },
		{ "failed", "\033[31m" },
		{ "failing", "\033[31m" },
		{ "backoff", "\033[33m" },
		{ "warn", "\033[33m" },
		{ "starting", "\033[33m" },
		{ "stopping", "\033[33m" },
		{ "draining", "\033[33m" },
	};

	for (size_t i = 0; i < sizeof colours / sizeof *colours; i++)
		if (strcmp(state, colours[i].state) == 0)
			return colours[i].sgr;
	return "";
}

const char *report_last_exit(const struct packet *row, char *buf, size_t size)
{
	int64_t sig = row_int(row, "exit_signal", 0);
	const char *code = packet_get(row, "exit_code"), *reason = packet_get(row, "exit_reason");
	bool plain = !reason || strcmp(reason, "exited") == 0 || strcmp(reason, "signal") == 0;

	if (code)
		(void)snprintf(buf, size, "exit %s", code);
	else if (sig > 0 && sig <= SIGNAL_COUNT)
		(void)snprintf(buf, size, "signal %s", signal_name((int)sig));
	else
		(void)snprintf(buf, size, "-");
	size_t n = strlen(buf);
	if (!plain && strcmp(buf, "-") != 0)
		(void)snprintf(buf + n, size - n, " (%s)", reason);
	return buf;
}

/* --- table --- */

static const char *const titles[COLUMNS] = {
	"NAME",
	"STATE",
	"HEALTH",
	"PID",
	"UPTIME",
	"RESTARTS",
	"LAST EXIT",
	"SPAWNED",
};

static const char *duration_of(const struct packet *row, const char *key, char *buf, size_t size)
{
	int64_t ns = row_int(row, key, -1);

	return ns < 0 ? NULL : duration_print(buf, size, ns);
}

static const char *spawned(const struct packet *row, char *buf, size_t size)
{
	int64_t live = row_int(row, "descendants", 0), ever = row_int(row, "ever", 0),
		queued = row_int(row, "queued", 0);

	if (!live && !ever && !queued)
		return "-";
	int n = snprintf(buf, size, "%lld live, %lld ever", (long long)live, (long long)ever);
	if (queued)
		(void)snprintf(buf + n, size - (size_t)n, ", %lld queued", (long long)queued);
	return buf;
}

static void cell(const struct rows *rows, size_t i, int column, char buf[static CELL])
{
	static const char *const fields[COLUMNS] = { NULL, "state", "health", "pid", NULL,
		"restarts", NULL, NULL };
	const struct packet *row = &rows->units[i];
	char text[64];
	int levels = 0;

	switch (column) {
	case 0:
		for (size_t at = i; rows->parent[at] != TREE_ROOT; at = rows->parent[at])
			levels++;
		(void)snprintf(buf, CELL, "%*s%s", 2 * levels, "",
			or_dash(packet_get(row, levels ? "name" : "path")));
		break;
	case 4:
		(void)snprintf(
			buf, CELL, "%s", or_dash(duration_of(row, "uptime_ns", text, sizeof text)));
		break;
	case 6:
		(void)report_last_exit(row, buf, CELL);
		break;
	case 7:
		(void)snprintf(buf, CELL, "%s", spawned(row, text, sizeof text));
		break;
	default:
		(void)snprintf(buf, CELL, "%s", or_dash(packet_get(row, fields[column])));
	}
	for (char *p = buf; *p; p++)
		if ((unsigned char)*p < 0x20 || *p == 0x7f)
			*p = '?';
}

static void table_line(
	struct buf *out, const struct rows *rows, size_t i, const size_t *width, bool colour)
{
	char text[CELL];

	for (int c = 0; c < COLUMNS; c++) {
		cell(rows, i, c, text);
		const char *sgr = colour && (c == 1 || c == 2) ? report_sgr(text) : "";

		(void)buf_printf(out, "%s%s%s%*s", sgr, text, *sgr ? "\033[0m" : "",
			c + 1 < COLUMNS ? (int)(width[c] - strlen(text)) + 2 : 0, "");
	}
	(void)buf_addc(out, '\n');
}

/* What keeps a unit from running, below the table. */
static void complaints(struct buf *out, const struct rows *rows)
{
	for (size_t i = 0; i < rows->n; i++) {
		const struct packet *row = &rows->units[i];
		const char *code = packet_get(row, "error"), *left = packet_get(row, "left");

		if (code) {
			out_clean(out, or_dash(packet_get(row, "path")));
			(void)buf_printf(out, ": %s ", code);
			out_clean(out, or_dash(packet_get(row, "why")));
			(void)buf_addc(out, '\n');
		}
		if (left && strcmp(left, "0") != 0) {
			out_clean(out, or_dash(packet_get(row, "path")));
			(void)buf_printf(out, ": %s of its processes could not be ended\n", left);
		}
	}
}

static size_t *shown_order(const struct rows *rows)
{
	struct tree_row *tree = calloc(rows->n + 1, sizeof *tree);
	size_t *order = calloc(rows->n + 1, sizeof *order);

	for (size_t i = 0; tree && i < rows->n; i++)
		tree[i].parent = rows->parent[i];
	if (!tree || !order || tree_order(tree, rows->n, order) < 0) {
		free(order);
		order = NULL;
	}
	free(tree);
	return order;
}

bool report_is_result(const struct packet *row)
{
	const char *kind = packet_get(row, "kind"), *state = or_dash(packet_get(row, "state"));

	return kind && strcmp(kind, "spawned") == 0 &&
	       (strcmp(state, "done") == 0 || strcmp(state, "failed") == 0 ||
		       strcmp(state, "stopped") == 0);
}

static void table_head(struct buf *out, const struct rows *rows, bool results, size_t *width)
{
	char text[CELL];

	for (int c = 0; c < COLUMNS; c++) {
		width[c] = strlen(titles[c]);
		for (size_t i = 0; i < rows->n; i++) {
			if (!results && report_is_result(&rows->units[i]))
				continue;
			cell(rows, i, c, text);
			if (strlen(text) > width[c])
				width[c] = strlen(text);
		}
	}
	for (int c = 0; c < COLUMNS; c++)
		(void)buf_printf(out, "%-*s", c + 1 < COLUMNS ? (int)width[c] + 2 : 0, titles[c]);
	(void)buf_addc(out, '\n');
}

int report_table(struct buf *out, const struct rows *rows, bool results, bool colour)
{
	size_t width[COLUMNS], *order = shown_order(rows), hidden = 0;

	if (!order)
		return -1;
	table_head(out, rows, results, width);
	for (size_t k = 0; k < rows->n; k++) {
		if (results || !report_is_result(&rows->units[order[k]]))
			table_line(out, rows, order[k], width, colour);
		else
			hidden++;
	}
	free(order);
	if (hidden)
		(void)buf_printf(out, "(%zu spawned unit%s ended; --all lists %s too)\n", hidden,
			hidden == 1 ? "" : "s", hidden == 1 ? "it" : "them");
	complaints(out, rows);
	return 0;
}

/* --- tree --- */

static void against(
	struct buf *b, const char *what, long long n, const struct packet *row, const char *limit)
{
	int64_t most = row_int(row, limit, -1);

	if (most < 0 && !n)
		return;
	(void)buf_printf(b, "%s%s %lld", b->len && b->p[b->len - 1] != '[' ? ", " : "", what, n);
	if (most > 0)
		(void)buf_printf(b, "/%lld", (long long)most);
}

void report_limits(struct buf *b, const struct rows *rows, size_t i)
{
	const struct packet *row = &rows->units[i];
	struct buf list;
	char text[32];

	buf_init(&list, CELL);
	against(&list, "children", row_int(row, "children", 0), row, "limit_children");
	if (packet_get(row, "limit_depth"))
		against(&list, "depth", rows_levels_below(rows, i), row, "limit_depth");
	against(&list, "descendants", row_int(row, "descendants", 0), row, "limit_descendants");
	against(&list, "queued", row_int(row, "queued", 0), row, "");
	if (row_int(row, "limit_ever", -1) > 0)
		against(&list, "ever", row_int(row, "ever", 0), row, "limit_ever");
	if (row_int(row, "memory_limit", -1) > 0) {
		char use[32];
		(void)buf_printf(&list, "%smemory %s/%s", list.len ? ", " : "",
			bytes_print(use, sizeof use, row_int(row, "memory_use", 0)),
			bytes_print(text, sizeof text, row_int(row, "memory_limit", 0)));
	}
	if (row_int(row, "limit_rate", 0) > 0)
		(void)buf_printf(
			&list, "%srate %s/s", list.len ? ", " : "", packet_get(row, "limit_rate"));
	if (duration_of(row, "limit_ttl_ns", text, sizeof text))
		(void)buf_printf(&list, "%sttl at most %s", list.len ? ", " : "", text);
	if (list.len)
		(void)buf_printf(b, "  [%s]", list.p);
	buf_done(&list);
}

static void tree_text(struct buf *b, const struct rows *rows, size_t i, bool colour)
{
	const struct packet *row = &rows->units[i];
	const char *state = or_dash(packet_get(row, "state")),
		   *sgr = colour ? report_sgr(state) : "";
	char text[64];

	out_clean(b, or_dash(packet_get(row, rows->parent[i] == TREE_ROOT ? "path" : "name")));
	(void)buf_printf(b, "  %s%s%s", sgr, state, *sgr ? "\033[0m" : "");
	if (packet_get(row, "orphan"))
		(void)buf_adds(b, "  orphan");
	if (packet_get(row, "pid"))
		(void)buf_printf(b, "  pid %s", packet_get(row, "pid"));
	else if (packet_get(row, "exit_code") || packet_get(row, "exit_signal"))
		(void)buf_printf(b, "  %s", report_last_exit(row, text, sizeof text));
	if (duration_of(row, "uptime_ns", text, sizeof text))
		(void)buf_printf(b, "  age %s", text);
	if (row_int(row, "rss_bytes", 0) > 0)
		(void)buf_printf(
			b, "  %s", bytes_print(text, sizeof text, row_int(row, "rss_bytes", 0)));
	if (duration_of(row, "ttl_left_ns", text, sizeof text))
		(void)buf_printf(b, "  ttl %s left", text);
	report_limits(b, rows, i);
}

int report_tree(struct buf *out, const struct rows *rows, bool ascii, bool colour)
{
	struct tree_row *tree = calloc(rows->n + 1, sizeof *tree);
	int rc = tree ? 0 : -1;

	for (size_t i = 0; rc == 0 && i < rows->n; i++) {
		struct buf b;

		buf_init(&b, 4096);
		tree_text(&b, rows, i, colour);
		tree[i] = (struct tree_row){ .text = buf_steal(&b), .parent = rows->parent[i] };
		if (!tree[i].text)
			rc = -1;
	}
	if (rc == 0)
		rc = tree_draw(out, tree, rows->n, ascii);
	for (size_t i = 0; tree && i < rows->n; i++)
		free((char *)tree[i].text);
	free(tree);
	return rc;
}
