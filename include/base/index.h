/* index.h - names and their places in an array, found at once. Layer: base. */
#ifndef BASE_INDEX_H
#define BASE_INDEX_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* Zero-initialised is empty. It borrows the names that are put into it. */
struct index {
	struct index_slot *slots;
	size_t cap, n;
};

void index_done(struct index *x);
/* FNV-1a: no protection against those who want many to be the same. */
uint64_t index_hash(const char *p, size_t n);
/* The place that a name of these bytes has already: from now on it borrows this one. Else the name
 * gets `place`, which is returned. -1: out of memory. */
ssize_t index_put(struct index *x, const char *name, size_t len, size_t place);
/* -1: it has none. */
ssize_t index_get(const struct index *x, const char *name, size_t len);

#endif
