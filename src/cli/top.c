#include "cli/top.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/units.h"
#include "cli/out.h"
#include "cli/report.h"
#include "cli/tree.h"

enum { HEAD_LINES = 3 };

static int by_id(const void *a, const void *b)
{
	const struct top_seen *x = a, *y = b;

	return (x->id > y->id) - (x->id < y->id);
}

static int by_key(const void *a, const void *b)
{
	const struct top_row *x = a, *y = b;

	if (x->levels != y->levels) /* parents come before children */
		return x->levels < y->levels ? -1 : 1;
	if (x->key != y->key)
		return x->key > y->key ? -1 : 1;
	return x->at < y->at ? -1 : x->at > y->at;
}

static int64_t memory_of(const struct packet *row)
{
	return row_int(row, "tree_rss_bytes", row_int(row, "rss_bytes", 0));
}

/* What it used since the look before, a new one since it began. */
static uint32_t cpu_of(const struct top *t, const struct top_seen *now)
{
	const struct top_seen *was =
		t->nseen ? bsearch(now, t->seen, t->nseen, sizeof *was, by_id) : NULL;
	int64_t used = now->cpu_ns - (was ? was->cpu_ns : 0);

	return t->passed_ns > 0 && used > 0 ? (uint32_t)(used / (t->passed_ns / 1000 + 1)) : 0;
}

int top_take(struct top *t, const struct rows *rows, int64_t now_ns)
{
	struct top_seen *seen = calloc(rows->n + 1, sizeof *seen);
	struct top_row *v = calloc(rows->n + 1, sizeof *v);
	const char *why;

	free(t->v);
	t->v = v;
	t->n = 0;
	t->passed_ns = t->nseen ? now_ns - t->seen_ns : 0;
	for (size_t i = 0; seen && v && i < rows->n; i++) {
		const struct packet *row = &rows->units[i];
		const char *id = packet_get(row, "id");
		(void)whole_parse(id ? id + 1 : "", 0, INT64_MAX, &seen[i].id, &why);
		seen[i].cpu_ns = row_int(row, "cpu_ns", 0);
		if (report_is_result(row))
			continue;
		v[t->n] = (struct top_row){
			.at = i, .cpu = cpu_of(t, &seen[i]), .memory = memory_of(row)
		};
		for (size_t at = i; rows->parent[at] != TREE_ROOT; at = rows->parent[at])
			v[t->n].levels++;
		t->n++;
	}
	free(t->seen);
	t->seen = seen;
	t->nseen = seen ? rows->n : 0;
	t->seen_ns = now_ns;
	if (t->nseen)
		qsort(seen, t->nseen, sizeof *seen, by_id);
	return seen && v ? 0 : -1;
}

void top_done(struct top *t)
{
	free(t->seen);
	free(t->v);
	*t = (struct top){ 0 };
}

/* --- the picture --- */

/* As far as the screen is wide. A colour takes no place. */
static void put_line(struct buf *out, const char *text, size_t columns)
{
	size_t width = 0;
	bool inside = false, any = false;

	(void)buf_addc(out, '\n');
	for (; *text && *text != '\n'; text++) {
		any |= inside |= *text == '\033';
		if (!inside && ((unsigned char)*text & 0xc0) != 0x80 && columns &&
			width++ == columns)
			break;
		inside &= *text != 'm';
		(void)buf_addc(out, *text);
	}
	if (any && *text)
		(void)buf_adds(out, "\033[0m");
}

static void put_head(struct buf *out, const struct top *t, const struct rows *rows,
	const struct progress_screen *screen, const char *note)
{
	const struct packet *s = &rows->supervisor;
	const char *health = s->head ? packet_get(s, "overall") : NULL;
	char up[32], memory[32], text[512];
	uint64_t cpu = 0;

	for (size_t i = 0; i < t->n; i++)
		cpu += t->v[i].cpu;
	(void)snprintf(text, sizeof text, "sysg  up %s  %s  %zu units  CPU %u.%u %%  init %s",
		duration_print(up, sizeof up, s->head ? row_int(s, "uptime_ns", 0) : 0),
		health ? health : "-", t->n, (unsigned)(cpu / 10), (unsigned)(cpu % 10),
		bytes_print(memory, sizeof memory, s->head ? row_int(s, "rss_bytes", 0) : 0));
	put_line(out, text, screen->columns);
	put_line(out, note ? note : t->by_memory ? "by memory" : "by CPU", screen->columns);
	put_line(out, " CPU %     MEMORY  UNIT", screen->columns);
}

/* The rows that are shown, in the order of their sizes, as rows of their own. */
static int sort(struct top *t, const struct rows *rows, struct rows *ret)
{
	size_t *where = calloc(rows->n + 1, sizeof *where);

	*ret = (struct rows){ .n = t->n,
		.units = calloc(t->n + 1, sizeof *ret->units),
		.parent = calloc(t->n + 1, sizeof *ret->parent) };
	if (!where || !ret->units || !ret->parent) {
		free(where);
		return -1;
	}
	for (size_t k = 0; k < t->n; k++)
		t->v[k].key = t->by_memory ? t->v[k].memory : t->v[k].cpu;
	qsort(t->v, t->n, sizeof *t->v, by_key);
	for (size_t k = 0; k < t->n; k++) { /* a parent that is not shown comes before no one */
		size_t parent = rows->parent[t->v[k].at];
		where[t->v[k].at] = k + 1;
		ret->units[k] = rows->units[t->v[k].at];
		ret->parent[k] =
			parent == TREE_ROOT || !where[parent] ? TREE_ROOT : where[parent] - 1;
	}
	free(where);
	return 0;
}

/* Before each line of the tree its figures. */
static void put_units(struct buf *out, const struct top *t, const size_t *order, const char *drawn,
	const struct progress_screen *screen)
{
	size_t room = screen->lines > HEAD_LINES ? screen->lines - HEAD_LINES : 1, k = 0;
	char cpu[16] = "-", memory[24], figures[64];
	struct buf line;

	if (!screen->lines || t->n <= room)
		room = t->n + 1;
	buf_init(&line, OUT_MAX);
	for (; k < t->n && k + 1 < room; k++, drawn += strcspn(drawn, "\n") + 1) {
		const struct top_row *row = &t->v[order[k]];
		if (t->passed_ns > 0)
			(void)snprintf(cpu, sizeof cpu, "%u.%u", row->cpu / 10, row->cpu % 10);
		(void)snprintf(figures, sizeof figures, "%6s %10s  ", cpu,
			bytes_print(memory, sizeof memory, row->memory));
		buf_reset(&line);
		(void)buf_adds(&line, figures);
		(void)buf_add(&line, drawn, strcspn(drawn, "\n"));
		if (line.p)
			put_line(out, line.p, screen->columns);
	}
	if (k < t->n) {
		(void)snprintf(figures, sizeof figures, "and %zu more", t->n - k);
		put_line(out, figures, screen->columns);
	}
	buf_done(&line);
}

/* Of a screen that has no room for the head even. */
static void cut(struct buf *out, size_t lines)
{
	size_t n = 0;

	for (size_t i = 0; i < out->len; i++)
		if (out->p[i] == '\n' && n++ == lines)
			out->p[out->len = i] = '\0';
}

int top_draw(struct buf *out, struct top *t, const struct rows *rows,
	const struct progress_screen *screen, const char *note)
{
	size_t *order = calloc(t->n + 1, sizeof *order);
	struct tree_row *tree = calloc(t->n + 1, sizeof *tree);
	struct rows sorted = { 0 };
	struct buf drawn;
	int rc = -1;

	buf_init(&drawn, OUT_MAX);
	put_head(out, t, rows, screen, note);
	if (order && tree && sort(t, rows, &sorted) == 0) {
		for (size_t k = 0; k < t->n; k++)
			tree[k].parent = sorted.parent[k];
		rc = tree_order(tree, t->n, order) < 0 ||
				     report_tree(&drawn, &sorted, screen->ascii, screen->colour) < 0
			     ? -1
			     : 0;
		if (rc == 0 && t->n)
			put_units(out, t, order, drawn.p, screen);
		if (screen->lines)
			cut(out, screen->lines);
	}
	buf_done(&drawn);
	free(sorted.units);
	free(sorted.parent);
	free(order);
	free(tree);
	return rc;
}
