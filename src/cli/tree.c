#include "cli/tree.h"

#include <stdlib.h>

/* Links by index; n is "none". */
struct links {
	size_t *child, *last, *next, *memory;
	size_t n, root, root_last;
};

static size_t parent_of(const struct tree_row *rows, size_t i)
{
	return rows[i].parent < i ? rows[i].parent : TREE_ROOT;
}

static void append(struct links *l, size_t *first, size_t *last, size_t i)
{
	if (*first == l->n)
		*first = i;
	else
		l->next[*last] = i;
	*last = i;
}

static int links_init(struct links *l, const struct tree_row *rows, size_t n)
{
	*l = (struct links){ .n = n, .root = n, .root_last = n };
	l->memory = calloc(n ? 3 * n : 1, sizeof *l->memory);
	if (!l->memory)
		return -1;
	l->child = l->memory;
	l->last = l->memory + n;
	l->next = l->memory + 2 * n;
	for (size_t i = 0; i < 3 * n; i++)
		l->memory[i] = n;
	for (size_t i = 0; i < n; i++) {
		size_t p = parent_of(rows, i);

		if (p == TREE_ROOT)
			append(l, &l->root, &l->root_last, i);
		else
			append(l, &l->child[p], &l->last[p], i);
	}
	return 0;
}

int tree_order(const struct tree_row *rows, size_t n, size_t *order)
{
	struct links l;
	size_t at = 0, i;

	if (links_init(&l, rows, n) < 0)
		return -1;
	for (i = l.root; i != n;) {
		order[at++] = i;
		if (l.child[i] != n) {
			i = l.child[i];
			continue;
		}
		while (l.next[i] == n && parent_of(rows, i) != TREE_ROOT)
			i = parent_of(rows, i);
		i = l.next[i];
	}
	free(l.memory);
	return 0;
}

enum { DEEPEST = 128 };

static void draw_row(
	struct buf *out, const struct tree_row *rows, const struct links *l, size_t i, bool ascii)
{
	bool more[DEEPEST];
	size_t depth = 0;

	for (size_t at = i; parent_of(rows, at) != TREE_ROOT && depth < DEEPEST;
		at = parent_of(rows, at))
		more[depth++] = l->next[at] != l->n;
	while (depth > 1)
		(void)buf_adds(out, more[--depth] ? (ascii ? "|  " : "│  ") : "   ");
	if (depth == 1)
		(void)buf_adds(out, more[0] ? (ascii ? "|- " : "├─ ") : (ascii ? "`- " : "└─ "));
	(void)buf_adds(out, rows[i].text);
	(void)buf_addc(out, '\n');
}

int tree_draw(struct buf *out, const struct tree_row *rows, size_t n, bool ascii)
{
	size_t *order = calloc(n ? n : 1, sizeof *order);
	struct links l = { 0 };
	int rc = -1;

	if (order && tree_order(rows, n, order) == 0 && links_init(&l, rows, n) == 0) {
		for (size_t i = 0; i < n; i++)
			draw_row(out, rows, &l, order[i], ascii);
		rc = 0;
	}
	free(l.memory);
	free(order);
	return rc;
}
