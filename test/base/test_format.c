#include <criterion/criterion.h>
#include <limits.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "base/format.h"

enum { TEXT_MAX = 4096 };

struct text {
	char s[TEXT_MAX];
	size_t n, longest;
};

static void put(void *arg, const char *s, size_t n)
{
	struct text *t = arg;

	memcpy(t->s + t->n, s, n);
	t->n += n;
	if (n > t->longest)
		t->longest = n;
}

static int ours(struct text *t, const char *format, ...)
{
	va_list ap;

	memset(t, 0, sizeof *t);
	va_start(ap, format);
	int n = format_out(put, t, format, ap);
	va_end(ap);
	return n;
}

#define SAME(...)                                                                                  \
	do {                                                                                       \
		struct text t;                                                                     \
		char libcs[TEXT_MAX];                                                              \
		int n = snprintf(libcs, sizeof libcs, __VA_ARGS__);                                \
		cr_expect_eq(ours(&t, __VA_ARGS__), n, "%s", libcs);                               \
		cr_expect_str_eq(t.s, libcs);                                                      \
	} while (0)

Test(format, numbers_are_as_libc_prints_them)
{
	static const int values[] = { 0, 1, -1, 7, -42, 123456, INT_MAX, INT_MIN };

	for (size_t i = 0; i < sizeof values / sizeof *values; i++) {
		int v = values[i];
		SAME("%d|%i|%u|%x|%X|%o", v, v, (unsigned)v, (unsigned)v, (unsigned)v, (unsigned)v);
		SAME("%8d|%-8d|%08d|%+d|% d|%+08d", v, v, v, v, v, v);
		SAME("%.3d|%8.3d|%-8.3d|%.0d|%.d", v, v, v, v, v);
		SAME("%*d|%*d|%-*d", 9, v, -9, v, 9, v);
		SAME("%hhd|%hd|%hhu|%hu", (signed char)v, (short)v, (unsigned char)v,
			(unsigned short)v);
		SAME("%ld|%lld|%zu|%jd|%td", (long)v, (long long)v, (size_t)v, (intmax_t)v,
			(ptrdiff_t)v);
	}
	SAME("%lld %llu %016llx", LLONG_MIN, ULLONG_MAX, ULLONG_MAX);
	SAME("%jd %ju %lu", INTMAX_MIN, UINTMAX_MAX, ULONG_MAX);
}

Test(format, texts_are_as_libc_prints_them)
{
	SAME("%s|%10s|%-10s|%.2s|%.0s|%.*s|%-*s|%*s", "word", "word", "word", "word", "word", 3,
		"word", 6, "word", 6, "word");
	SAME("%c|%3c|%-3c|%%|%s", 'a', 'b', 'c', "");
	SAME("no conversion");
	SAME("\xc3\xa9 %s", "\xe2\x9c\x94");
}

Test(format, a_precision_reads_no_byte_behind_it)
{
	char four[4] = { 'a', 'b', 'c', 'd' };
	struct text t;

	cr_expect_eq(ours(&t, "%.*s", 4, four), 4);
	cr_expect_str_eq(t.s, "abcd");
}

Test(format, long_texts_come_in_pieces_and_whole)
{
	char word[1000];
	struct text t;

	memset(word, 'x', sizeof word - 1);
	word[sizeof word - 1] = '\0';
	cr_expect_eq(ours(&t, "%s%1500d", word, 5), 2499);
	cr_expect_eq(t.n, (size_t)2499);
	cr_expect_eq(t.longest, (size_t)FORMAT_PIECE);
	cr_expect_eq(t.s[998], 'x');
	cr_expect_eq(t.s[999], ' ');
	cr_expect_eq(t.s[2498], '5');
}

Test(format, what_it_does_not_know_is_an_error)
{
	struct text t;

	cr_expect_eq(ours(&t, "%y", 1), -1);
	cr_expect_eq(ours(&t, "%", 1), -1);
	cr_expect_eq(ours(&t, "%l", 1), -1);
}
