/* small.h - functions of libc in a few lines: libc's own are 7 KB of the static binary. Layer: base. */
#ifndef BASE_SMALL_H
#define BASE_SMALL_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>

/* A heap sort: n log n whatever the order, in place, not stable. */
void small_sort(void *base, size_t n, size_t size, int (*cmp)(const void *, const void *));
/* As strstr(). Its time is the product of the lengths: what is looked for here is a word of ours. */
char *small_find(const char *text, const char *word);
/* As strtoll() and strtoull(): the first sort's limit is LLONG_MIN, the second's ULLONG_MAX. Bases from 2 to 36, and 0. */
unsigned long long small_number(
	const char *text, char **ret_end, int base, unsigned long long limit);
/* How many bytes at the start of the text are in the set, as strspn(); or not in it, as strcspn(). */
size_t small_span(const char *text, const char *set, bool in);
/* As vsnprintf(), of the conversions of base/format.h. */
int small_print(char *buf, size_t size, const char *format, va_list ap);

#endif
