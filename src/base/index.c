#include "base/index.h"

#include <stdlib.h>
#include <string.h>

enum { CAP_MIN = 64 };

struct index_slot {
	const char *name; /* NULL: free */
	size_t len, place;
};

void index_done(struct index *x)
{
	free(x->slots);
	*x = (struct index){ 0 };
}

uint64_t index_hash(const char *p, size_t n)
{
	uint64_t h = UINT64_C(14695981039346656037);

	while (n--)
		h = (h ^ (unsigned char)*p++) * UINT64_C(1099511628211);
	return h;
}

/* Where the name is, or the free slot that it would get: there is always one. */
static struct index_slot *find(const struct index *x, const char *name, size_t len)
{
	size_t i = (size_t)index_hash(name, len) & (x->cap - 1);

	while (x->slots[i].name &&
		(x->slots[i].len != len || memcmp(x->slots[i].name, name, len) != 0))
		i = (i + 1) & (x->cap - 1);
	return &x->slots[i];
}

static int grow(struct index *x)
{
	struct index more = { .cap = x->cap ? 2 * x->cap : CAP_MIN, .n = x->n };

	more.slots = calloc(more.cap, sizeof *more.slots);
	if (!more.slots)
		return -1;
	for (size_t i = 0; i < x->cap; i++)
		if (x->slots[i].name)
			*find(&more, x->slots[i].name, x->slots[i].len) = x->slots[i];
	free(x->slots);
	*x = more;
	return 0;
}

ssize_t index_put(struct index *x, const char *name, size_t len, size_t place)
{
	if (2 * (x->n + 1) > x->cap && grow(x) < 0)
		return -1;
	struct index_slot *slot = find(x, name, len);
	if (!slot->name) {
		slot->len = len;
		slot->place = place;
		x->n++;
	}
	slot->name = name;
	return (ssize_t)slot->place;
}

ssize_t index_get(const struct index *x, const char *name, size_t len)
{
	const struct index_slot *slot = x->cap ? find(x, name, len) : NULL;

	return slot && slot->name ? (ssize_t)slot->place : -1;
}
