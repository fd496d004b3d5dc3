/* tree.h - rows with parents drawn as a tree. Layer: cli (pure). */
#ifndef CLI_TREE_H
#define CLI_TREE_H

#include <stdbool.h>
#include <stddef.h>

#include "base/buf.h"

#define TREE_ROOT ((size_t)-1)

/* Siblings come out in the order of their rows. A parent must stand before its children; a row
 * whose parent does not is a root. */
struct tree_row {
	const char *text;
	size_t parent; /* index, or TREE_ROOT */
};

/* One line a row: drawn with box characters, or with ASCII. -1: no memory. */
int tree_draw(struct buf *out, const struct tree_row *rows, size_t n, bool ascii);

/* order[i]: the i-th row to be shown when each is followed by its descendants. -1: no memory. */
int tree_order(const struct tree_row *rows, size_t n, size_t *order);

#endif
