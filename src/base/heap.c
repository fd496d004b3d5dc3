#include "base/heap.h"

#include <stddef.h>

/* Of two that have no siblings, the lesser, with the other below it. Its own next is for the caller to set. */
static struct heap_node *meld(struct heap_node *a, struct heap_node *b)
{
	if (!a || !b)
		return a ? a : b;
	if (b->key < a->key) {
		struct heap_node *lesser = b;
		b = a;
		a = lesser;
	}
	b->next = a->child;
	if (b->next)
		b->next->at = &b->next;
	b->at = &a->child;
	a->child = b;
	return a;
}

/* Siblings as one: in pairs first, then those from the last to the first, which is what keeps it shallow. */
static struct heap_node *meld_all(struct heap_node *v)
{
	struct heap_node *pairs = NULL, *all = NULL;

	while (v) {
		struct heap_node *b = v->next, *rest = b ? b->next : NULL, *pair = meld(v, b);
		pair->next = pairs;
		pairs = pair;
		v = rest;
	}
	while (pairs) {
		struct heap_node *rest = pairs->next;
		all = meld(all, pairs);
		pairs = rest;
	}
	return all;
}

static void add(struct heap *h, struct heap_node *node)
{
	h->min = meld(h->min, node);
	if (!h->min)
		return;
	h->min->next = NULL;
	h->min->at = &h->min;
}

void heap_put(struct heap *h, struct heap_node *node, int64_t key)
{
	heap_take(h, node);
	node->key = key;
	node->child = NULL;
	add(h, node);
}

void heap_take(struct heap *h, struct heap_node *node)
{
	if (!node->at)
		return;
	*node->at = node->next;
	if (node->next)
		node->next->at = node->at;
	node->at = NULL;
	add(h, meld_all(node->child));
}

struct heap_node *heap_min(const struct heap *h)
{
	return h->min;
}
