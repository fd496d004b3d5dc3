/* numbers.h - what has a number, found by it at once: an intrusive table. Layer: base. */
#ifndef BASE_NUMBERS_H
#define BASE_NUMBERS_H

#include <stddef.h>
#include <stdint.h>

/* A member of what is found; container_of() gives that. */
struct numbered {
	struct numbered *next;
	uint64_t number;
};

/* Zero-initialised is empty, and so is what nothing is in any more: it keeps no memory then. */
struct numbers {
	struct numbered **heads, *one; /* cap heads; while there are none, all are in `one` */
	size_t cap, n;
};

/* Never fails: where memory for more heads is out, looking takes longer. By their low bits they are told apart: pids, ids, hashes. */
void numbers_add(struct numbers *x, struct numbered *e, uint64_t number);
void numbers_del(struct numbers *x, struct numbered *e);
/* One that has this number, or NULL; numbers_next(): another one. */
struct numbered *numbers_find(const struct numbers *x, uint64_t number);
struct numbered *numbers_next(const struct numbered *e);

#endif
