#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#include "base/index.h"

Test(index, a_name_keeps_the_place_that_it_got_first)
{
	struct index x = { 0 };
	char a[] = "web", b[] = "web";

	cr_expect_eq(index_put(&x, a, 3, 0), 0);
	cr_expect_eq(index_put(&x, "db", 2, 1), 1);
	cr_expect_eq(index_put(&x, b, 3, 2), 0);
	a[0] = 'x'; /* it borrows the later one */
	cr_expect_eq(index_put(&x, "web", 3, 3), 0);
	cr_expect_eq(index_put(&x, "", 0, 4), 4);
	index_done(&x);
}

Test(index, a_beginning_of_a_name_is_another_name)
{
	struct index x = { 0 };

	cr_expect_eq(index_get(&x, "web", 3), -1);
	cr_expect_eq(index_put(&x, "web=1", 3, 7), 7);
	cr_expect_eq(index_put(&x, "web=1", 2, 8), 8);
	cr_expect_eq(index_put(&x, "web=2", 3, 9), 7);
	index_done(&x);
}

Test(index, thousands_of_names_are_found)
{
	enum { N = 10000, BYTES = 16 };
	static char names[N][BYTES];
	struct index x = { 0 };

	for (int i = 0; i < N; i++) {
		(void)snprintf(names[i], BYTES, "N%d", i);
		cr_assert_eq(index_put(&x, names[i], strlen(names[i]), (size_t)i), i);
	}
	for (int i = 0; i < N; i++)
		cr_assert_eq(index_put(&x, names[i], strlen(names[i]), N), i);
	for (int i = 0; i < N; i++)
		cr_assert_eq(index_get(&x, names[i], strlen(names[i])), i);
	cr_expect_eq(index_get(&x, "N", 1), -1);
	index_done(&x);
}
