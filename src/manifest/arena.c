#include "manifest/arena.h"

#include <stdalign.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

enum { STEP_MIN = 1024, STEP_MAX = 64 * 1024, ALIGN = alignof(max_align_t) };

struct arena_chunk {
	struct arena_chunk *next;
	size_t used, size;
	alignas(max_align_t) char bytes[];
};

static struct arena_chunk *chunk_add(struct arena *a, size_t size)
{
	size_t step = a->step ? a->step : STEP_MIN;
	size_t room = size > step / 4 ? size : step;
	struct arena_chunk *c = malloc(sizeof *c + room);

	if (!c) {
		a->failed = 1;
		return NULL;
	}
	c->used = 0;
	c->size = room;
	if (room == size && a->chunks) {
		/* A block of its own: the chunk that is being filled stays the first. */
		c->next = a->chunks->next;
		a->chunks->next = c;
		return c;
	}
	c->next = a->chunks;
	a->chunks = c;
	a->step = step < STEP_MAX ? step * 2 : step;
	return c;
}

void *arena_get(struct arena *a, size_t size)
{
	struct arena_chunk *c = a->chunks;

	if (size > SIZE_MAX / 2) {
		a->failed = 1;
		return NULL;
	}
	size = (size + ALIGN - 1) / ALIGN * ALIGN;
	if (!c || c->size - c->used < size)
		c = chunk_add(a, size);
	if (!c)
		return NULL;
	void *p = c->bytes + c->used;
	c->used += size;
	return memset(p, 0, size);
}

void *arena_array(struct arena *a, size_t n, size_t size)
{
	if (size && n > SIZE_MAX / 2 / size) {
		a->failed = 1;
		return NULL;
	}
	return arena_get(a, n * size);
}

/* Strings need no alignment: they fill a chunk from its end. */
char *arena_strn(struct arena *a, const char *s, size_t n)
{
	struct arena_chunk *c = a->chunks;

	if (!c || c->size - c->used < n + 1)
		c = chunk_add(a, n + 1);
	if (!c)
		return NULL;
	c->size -= n + 1;
	char *p = c->bytes + c->size;
	memcpy(p, s, n);
	p[n] = '\0';
	return p;
}

void arena_done(struct arena *a)
{
	for (struct arena_chunk *c = a->chunks, *next; c; c = next) {
		next = c->next;
		free(c);
	}
	*a = (struct arena){ 0 };
}
