#include "base/heap.h"

#include <stdlib.h>

void heap_done(struct heap *h)
{
	free(h->v);
	*h = (struct heap){ 0 };
}

static void place(struct heap *h, size_t i, struct heap_node *node)
{
	h->v[i] = node;
	node->at = i + 1;
}

static void sift_up(struct heap *h, size_t i)
{
	struct heap_node *node = h->v[i];

	while (i && h->v[(i - 1) / 2]->key > node->key) {
		place(h, i, h->v[(i - 1) / 2]);
		i = (i - 1) / 2;
	}
	place(h, i, node);
}

static void sift_down(struct heap *h, size_t i)
{
	struct heap_node *node = h->v[i];

	for (size_t kid; (kid = 2 * i + 1) < h->n; i = kid) {
		if (kid + 1 < h->n && h->v[kid + 1]->key < h->v[kid]->key)
			kid++;
		if (h->v[kid]->key >= node->key)
			break;
		place(h, i, h->v[kid]);
	}
	place(h, i, node);
}

int heap_put(struct heap *h, struct heap_node *node, int64_t key)
{
	heap_take(h, node);
	if (h->n == h->cap) {
		size_t cap = h->cap ? 2 * h->cap : 16;
		struct heap_node **v = realloc(h->v, cap * sizeof *v);
		if (!v)
			return -1;
		h->v = v;
		h->cap = cap;
	}
	node->key = key;
	place(h, h->n, node);
	sift_up(h, h->n++);
	return 0;
}

void heap_take(struct heap *h, struct heap_node *node)
{
	if (!node->at)
		return;
	size_t i = node->at - 1;
	node->at = 0;
	struct heap_node *last = h->v[--h->n];
	if (last == node)
		return;
	place(h, i, last);
	sift_up(h, i);
	sift_down(h, last->at - 1);
}

struct heap_node *heap_min(const struct heap *h)
{
	return h->n ? h->v[0] : NULL;
}
