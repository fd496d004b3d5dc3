/* arena.h - memory that is freed all at once. Layer: manifest. */
#ifndef MANIFEST_ARENA_H
#define MANIFEST_ARENA_H

#include <stddef.h>

/* Zero-initialised is empty. Small blocks share chunks, so that a kept manifest has no malloc
 * header for each string. */
struct arena {
	struct arena_chunk *chunks;
	size_t step; /* bytes of the next chunk; 0: the smallest */
	int failed;  /* sticky: an allocation was refused */
};

/* Zeroed, aligned for any object; NULL when memory is out. Lives until arena_done(). */
void *arena_get(struct arena *a, size_t size);
/* n objects of that size; NULL also when the product overflows. */
void *arena_array(struct arena *a, size_t n, size_t size);
/* A NUL-terminated copy of n bytes. */
char *arena_strn(struct arena *a, const char *s, size_t n);
void arena_done(struct arena *a);

#endif
