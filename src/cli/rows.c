#include "cli/rows.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/units.h"
#include "cli/tree.h"

void rows_init(struct rows *rows)
{
	*rows = (struct rows){ 0 };
}

void rows_done(struct rows *rows)
{
	for (size_t i = 0; i < rows->n; i++)
		free((char *)rows->units[i].head);
	free((char *)rows->supervisor.head);
	free(rows->units);
	free(rows->parent);
	rows_init(rows);
}

int64_t row_int(const struct packet *row, const char *key, int64_t fallback)
{
	const char *text = packet_get(row, key), *why;
	int64_t value;

	return text && whole_parse(text, INT64_MIN, INT64_MAX, &value, &why) == 0 ? value
										  : fallback;
}

static int copy(struct packet *to, const struct packet *from)
{
	char *head = malloc(from->head_len + 1);

	if (!head)
		return -1;
	memcpy(head, from->head, from->head_len);
	head[from->head_len] = '\0';
	*to = (struct packet){ .head = head, .head_len = from->head_len };
	return 0;
}

int rows_add(struct rows *rows, const struct packet *p, struct err *err)
{
	const char *row = packet_get(p, "row");

	if (row && strcmp(row, "supervisor") == 0)
		return rows->supervisor.head || copy(&rows->supervisor, p) == 0
			       ? 0
			       : err_no_memory(err);
	if (!row || strcmp(row, "unit") != 0)
		return 0;
	if (rows->n == rows->room) {
		size_t room = rows->room ? 2 * rows->room : 16;
		struct packet *units = reallocarray(rows->units, room, sizeof *units);
		if (!units)
			return err_no_memory(err);
		rows->units = units;
		rows->room = room;
	}
	if (copy(&rows->units[rows->n], p) < 0)
		return err_no_memory(err);
	rows->n++;
	return 0;
}

/* --- parents --- */

static int64_t id_of(const struct packet *row, const char *key)
{
	const char *text = packet_get(row, key), *why;
	int64_t id;

	return text && *text == '@' && whole_parse(text + 1, 0, INT64_MAX, &id, &why) == 0 ? id
											   : -1;
}

struct place {
	int64_t id, depth;
	size_t at;
};

static int by_id(const void *a, const void *b)
{
	const struct place *x = a, *y = b;

	return x->id < y->id ? -1 : x->id > y->id;
}

static int by_depth(const void *a, const void *b)
{
	const struct place *x = a, *y = b;

	if (x->depth != y->depth)
		return x->depth < y->depth ? -1 : 1;
	return x->at < y->at ? -1 : x->at > y->at;
}

/* A child's depth is its parent's and one, so that the order by depth has parents first. */
static void sort_by_depth(struct rows *rows, struct place *places, struct packet *scratch)
{
	for (size_t i = 0; i < rows->n; i++)
		places[i] =
			(struct place){ .depth = row_int(&rows->units[i], "depth", 0), .at = i };
	qsort(places, rows->n, sizeof *places, by_depth);
	memcpy(scratch, rows->units, rows->n * sizeof *scratch);
	for (size_t i = 0; i < rows->n; i++)
		rows->units[i] = scratch[places[i].at];
}

int rows_link(struct rows *rows, struct err *err)
{
	struct place *places = calloc(rows->n + 1, sizeof *places);
	struct packet *scratch = calloc(rows->n + 1, sizeof *scratch);

	free(rows->parent);
	rows->parent = calloc(rows->n + 1, sizeof *rows->parent);
	if (!places || !scratch || !rows->parent) {
		free(places);
		free(scratch);
		return err_no_memory(err);
	}
	if (rows->n)
		sort_by_depth(rows, places, scratch);
	free(scratch);
	for (size_t i = 0; i < rows->n; i++)
		places[i] = (struct place){ .id = id_of(&rows->units[i], "id"), .at = i };
	qsort(places, rows->n, sizeof *places, by_id);
	for (size_t i = 0; i < rows->n; i++) {
		struct place key = { .id = id_of(&rows->units[i], "parent") };
		struct place *found =
			key.id < 0 ? NULL : bsearch(&key, places, rows->n, sizeof *places, by_id);
		rows->parent[i] = found && found->at < i ? found->at : TREE_ROOT;
	}
	free(places);
	return 0;
}

int rows_levels_below(const struct rows *rows, size_t i)
{
	int64_t own = row_int(&rows->units[i], "depth", 0), deepest = own;

	for (size_t k = i + 1; k < rows->n; k++) {
		size_t at = k;

		while (at != TREE_ROOT && at != i)
			at = rows->parent[at];
		int64_t depth = at == i ? row_int(&rows->units[k], "depth", 0) : own;
		if (depth > deepest)
			deepest = depth;
	}
	return (int)(deepest - own);
}

static int ask(
	struct rows *rows, struct client *c, char *const *units, bool measured, struct err *err)
{
	struct buf request;
	struct packet p;

	client_begin(&request, "status", units);
	if (measured)
		packet_put(&request, "measure", "1");
	int rc = client_finish(c, &request, &p, err);
	while (rc == 1) {
		if (rows_add(rows, &p, err) < 0)
			return -1;
		rc = packet_get(&p, "end") ? 0 : client_next(c, &p, err);
	}
	return rc < 0 ? -1 : rows_link(rows, err);
}

int rows_ask(struct rows *rows, struct client *c, char *const *units, struct err *err)
{
	return ask(rows, c, units, false, err);
}

int rows_measured(struct rows *rows, struct client *c, char *const *units, struct err *err)
{
	return ask(rows, c, units, true, err);
}
