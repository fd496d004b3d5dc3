#include "base/numbers.h"

#include <stdlib.h>

enum { CAP_MIN = 64 };

static struct numbered **head(struct numbers *x, uint64_t number)
{
	return x->cap ? &x->heads[number & (x->cap - 1)] : &x->one;
}

static void push(struct numbers *x, struct numbered *e)
{
	struct numbered **at = head(x, e->number);

	e->next = *at;
	*at = e;
}

static void grow(struct numbers *x)
{
	struct numbers more = { .cap = x->cap ? 2 * x->cap : CAP_MIN, .n = x->n };
	struct numbered *e;

	more.heads = calloc(more.cap, sizeof(struct numbered *));
	if (!more.heads)
		return;
	for (size_t i = 0; i < x->cap || i == 0; i++)
		for (struct numbered **at = head(x, i); (e = *at);) {
			*at = e->next;
			push(&more, e);
		}
	free(x->heads);
	*x = more;
}

void numbers_add(struct numbers *x, struct numbered *e, uint64_t number)
{
	if (x->n >= x->cap)
		grow(x);
	e->number = number;
	push(x, e);
	x->n++;
}

void numbers_del(struct numbers *x, struct numbered *e)
{
	struct numbered **at = head(x, e->number);

	while (*at && *at != e)
		at = &(*at)->next;
	if (!*at)
		return;
	*at = e->next;
	if (--x->n)
		return;
	free(x->heads);
	*x = (struct numbers){ 0 };
}

static struct numbered *same(struct numbered *e, uint64_t number)
{
	while (e && e->number != number)
		e = e->next;
	return e;
}

struct numbered *numbers_find(const struct numbers *x, uint64_t number)
{
	return same(*head((struct numbers *)(uintptr_t)x, number), number);
}

struct numbered *numbers_next(const struct numbered *e)
{
	return same(e->next, e->number);
}
