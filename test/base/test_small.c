#include <criterion/criterion.h>
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
