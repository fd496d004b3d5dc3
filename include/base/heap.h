/* heap.h - intrusive binary min-heap of deadlines. Layer: base. */
#ifndef BASE_HEAP_H
#define BASE_HEAP_H

#include <stddef.h>
#include <stdint.h>

/* Embedded in its owner, who must take it out before freeing itself. Zero-initialised means "not in
 * a heap". */
struct heap_node {
	int64_t key; /* set by heap_put() */
	size_t at;   /* position + 1; 0: not in the heap */
};

struct heap {
	struct heap_node **v;
	size_t n, cap;
};

void heap_done(struct heap *h); /* frees the array, not the nodes */
/* Puts or moves a node. -1 only when memory is out (the node is then not in the heap). */
int heap_put(struct heap *h, struct heap_node *node, int64_t key);
void heap_take(struct heap *h, struct heap_node *node); /* fine on a node that is in no heap */
struct heap_node *heap_min(const struct heap *h);       /* NULL when empty */

#endif
