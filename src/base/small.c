#include "base/small.h"

#include <string.h>

static void swap(char *a, char *b, size_t size)
{
	while (size--) {
		char c = *a;
		*a++ = *b;
		*b++ = c;
	}
}

/* The element at `at` sinks until none of its two below is greater. */
static void sink(char *v, size_t at, size_t n, size_t size, int (*cmp)(const void *, const void *))
{
	for (size_t kid; (kid = 2 * at + 1) < n; at = kid) {
		if (kid + 1 < n && cmp(v + kid * size, v + (kid + 1) * size) < 0)
			kid++;
		if (cmp(v + at * size, v + kid * size) >= 0)
			return;
		swap(v + at * size, v + kid * size, size);
	}
}

void small_sort(void *base, size_t n, size_t size, int (*cmp)(const void *, const void *))
{
	char *v = base;

	for (size_t i = n / 2; i-- > 0;)
		sink(v, i, n, size, cmp);
	while (n > 1) {
		swap(v, v + --n * size, size);
		sink(v, 0, n, size, cmp);
	}
}

char *small_find(const char *text, const char *word)
{
	size_t n = strlen(word);

	for (; strncmp(text, word, n) != 0; text++)
		if (!*text)
			return NULL;
	return (char *)text;
}
