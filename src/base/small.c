#include "base/small.h"

#include <errno.h>
#include <limits.h>
#include <string.h>

#include "base/format.h"

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

size_t small_span(const char *text, const char *set, bool in)
{
	size_t n = 0;

	while (text[n] && (strchr(set, text[n]) != NULL) == in)
		n++;
	return n;
}

/* The value of a digit in any base, or one that is none in all. */
static unsigned digit(char c)
{
	if (c >= '0' && c <= '9')
		return (unsigned)(c - '0');
	c |= 'a' - 'A';
	return c >= 'a' && c <= 'z' ? (unsigned)(c - 'a') + 10 : UINT_MAX;
}

unsigned long long small_number(
	const char *text, char **ret_end, int base, unsigned long long limit)
{
	const char *at = text + strspn(text, " \t\n\v\f\r");
	bool minus = *at == '-', some = false, over = false;
	unsigned long long n = 0;

	at += *at == '-' || *at == '+';
	if ((base == 0 || base == 16) && *at == '0' && (at[1] | ' ') == 'x' && digit(at[2]) < 16) {
		base = 16;
		at += 2;
	}
	if (base == 0)
		base = *at == '0' ? 8 : 10;
	for (unsigned d; (d = digit(*at)) < (unsigned)base; at++, some = true) {
		over |= n > (ULLONG_MAX - d) / (unsigned)base;
		n = n * (unsigned)base + d;
	}
	if (ret_end)
		*ret_end = (char *)(some ? at : text);
	/* an even limit is of numbers with a sign: the least there is, whose absolute value is one more than the greatest */
	unsigned long long most = limit - (!minus && limit % 2 == 0);
	if (over || n > most) {
		errno = ERANGE;
		return most;
	}
	return minus ? -n : n;
}

struct into {
	char *at;
	size_t left; /* with the place of the NUL */
};

static void append(void *arg, const char *s, size_t n)
{
	struct into *to = arg;

	if (!to->left)
		return;
	if (n >= to->left)
		n = to->left - 1;
	memcpy(to->at, s, n);
	to->at += n;
	to->left -= n;
	*to->at = '\0';
}

int small_print(char *buf, size_t size, const char *format, va_list ap)
{
	struct into to = { .at = buf, .left = size };

	if (size)
		*buf = '\0';
	int n = format_out(append, &to, format, ap);
	if (n < 0)
		errno = EINVAL;
	return n;
}
