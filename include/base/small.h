/* small.h - qsort(3) and strstr(3) in a few lines: libc's are 3 KB of the static binary. Layer: base. */
#ifndef BASE_SMALL_H
#define BASE_SMALL_H

#include <stddef.h>

/* A heap sort: n log n whatever the order, in place, not stable. */
void small_sort(void *base, size_t n, size_t size, int (*cmp)(const void *, const void *));
/* As strstr(). Its time is the product of the lengths: what is looked for here is a word of ours. */
char *small_find(const char *text, const char *word);

#endif
