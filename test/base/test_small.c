#include <criterion/criterion.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/small.h"

static int by_value(const void *a, const void *b)
{
	int x = *(const int *)a, y = *(const int *)b;

	return (x > y) - (x < y);
}

Test(small, a_sort_puts_any_number_of_them_in_order)
{
	enum { MOST = 300 };
	int v[MOST], same[MOST];

	srand(5);
	for (size_t n = 0; n <= MOST; n++) {
		for (size_t i = 0; i < n; i++)
			v[i] = same[i] = rand() % (int)(n + 1);
		small_sort(v, n, sizeof *v, by_value);
		qsort(same, n, sizeof *same, by_value);
		cr_assert_eq(memcmp(v, same, n * sizeof *v), 0, "%zu", n);
	}
}

Test(small, elements_of_any_size_move_whole)
{
	char v[][5] = { "zeta", "beta", "iota", "beta", "alfa" };

	small_sort(v, 5, sizeof *v, (int (*)(const void *, const void *))strcmp);
	cr_expect_eq(memcmp(v, "alfa\0beta\0beta\0iota\0zeta", 25), 0);
}

Test(small, a_word_is_found_where_libc_finds_it)
{
	static const char *const texts[] = { "", "a", "ab", "aab", "abab", "xaabx", "aaaab" };
	static const char *const words[] = { "", "a", "b", "ab", "aab", "abc", "aaaab" };

	for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
		for (size_t j = 0; j < sizeof words / sizeof *words; j++)
			cr_expect_eq(small_find(texts[i], words[j]), strstr(texts[i], words[j]),
				"%s in %s", words[j], texts[i]);
}

Test(small, a_number_is_what_libc_reads)
{
	static const char *const texts[] = { "", "0", "7", "-7", "+7", " \t\n7 ", "--7", "- 7", "x",
		"-", "0x", "0x1F", "0xg", "-0x10", "077", "08", "zZ9", "12345678901234567890",
		"9223372036854775807", "9223372036854775808", "-9223372036854775808",
		"-9223372036854775809", "18446744073709551615", "18446744073709551616",
		"-18446744073709551615", "-18446744073709551616",
		"99999999999999999999999999999999999999999", "1e5", "\xff" };
	static const int bases[] = { 0, 2, 8, 10, 16, 36 };

	for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
		for (size_t j = 0; j < sizeof bases / sizeof *bases; j++) {
			char *end, *want_end;
			errno = 0;
			long long want = strtoll(texts[i], &want_end, bases[j]);
			int want_errno = errno;
			errno = 0;
			long long n = (long long)small_number(
				texts[i], &end, bases[j], (unsigned long long)LLONG_MIN);
			cr_expect_eq(n, want, "'%s' %d: %lld", texts[i], bases[j], n);
			cr_expect_eq(end, want_end, "'%s' %d", texts[i], bases[j]);
			cr_expect_eq(errno, want_errno, "'%s' %d", texts[i], bases[j]);
			errno = 0;
			unsigned long long uwant = strtoull(texts[i], &want_end, bases[j]);
			want_errno = errno;
			errno = 0;
			unsigned long long u = small_number(texts[i], &end, bases[j], ULLONG_MAX);
			cr_expect_eq(u, uwant, "'%s' %d: %llu", texts[i], bases[j], u);
			cr_expect_eq(end, want_end, "'%s' %d", texts[i], bases[j]);
			cr_expect_eq(errno, want_errno, "'%s' %d", texts[i], bases[j]);
		}
	cr_expect_eq(small_number("12", NULL, 10, ULLONG_MAX), 12);
}

Test(small, a_span_is_as_long_as_libc_says)
{
	static const char *const texts[] = { "", "a", "abc", "cba", "xyz", "aaax" };
	static const char *const sets[] = { "", "a", "abc", "z" };

	for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
		for (size_t j = 0; j < sizeof sets / sizeof *sets; j++) {
			cr_expect_eq(
				small_span(texts[i], sets[j], true), strspn(texts[i], sets[j]));
			cr_expect_eq(
				small_span(texts[i], sets[j], false), strcspn(texts[i], sets[j]));
		}
}

static int print(char *buf, size_t size, const char *format, ...)
{
	va_list ap;

	va_start(ap, format);
	int n = small_print(buf, size, format, ap);
	va_end(ap);
	return n;
}

Test(small, what_is_printed_is_cut_off_where_libc_cuts_it)
{
	char buf[8], want[8];

	for (size_t size = 0; size <= sizeof buf; size++) {
		memset(buf, 'x', sizeof buf);
		memset(want, 'x', sizeof want);
		cr_expect_eq(print(buf, size, "%s-%d", "ab", 77), 5);
		cr_expect_eq(snprintf(want, size, "%s-%d", "ab", 77), 5);
		cr_expect_eq(memcmp(buf, want, sizeof buf), 0, "%zu", size);
	}
	cr_expect_eq(print(buf, sizeof buf, "%s%200s", "abcdefgh", ""), 208);
	cr_expect_str_eq(buf, "abcdefg");
}
