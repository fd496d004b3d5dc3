/* heap.h - intrusive pairing heap of deadlines: it needs no memory of its own, so nothing that is put can fail. Layer: base. */
#ifndef BASE_HEAP_H
#define BASE_HEAP_H

#include <stdint.h>

/* Embedded in its owner, who must take it out before freeing itself. Zero-initialised means "not in
 * a heap". */
struct heap_node {
	int64_t key;                    /* set by heap_put() */
	struct heap_node *child, *next; /* the first of those below it; the next of its siblings */
	struct heap_node **at;          /* what points to it; NULL: not in the heap */
};

/* Zero-initialised is empty. It stays where it is while there is anything in it. */
struct heap {
	struct heap_node *min;
};

void heap_put(struct heap *h, struct heap_node *node, int64_t key); /* or moves it */
void heap_take(struct heap *h, struct heap_node *node); /* fine on a node that is in no heap */
struct heap_node *heap_min(const struct heap *h);       /* NULL when empty */

#endif
