#include <criterion/criterion.h>
#include <string.h>

#include "cli/inspect.h"

static struct buf out;

static const char *plot(const uint32_t *v, size_t n, unsigned columns, unsigned height)
{
	buf_done(&out);
	buf_init(&out, 65536);
	plot_put(&out, v, n, columns, height, true);
	return out.p;
}

Test(plot, the_highest_fills_the_height_and_whatever_was_looked_at_has_a_foot)
{
	cr_expect_str_eq(plot((uint32_t[]){ 0, 50, 100 }, 3, 10, 2), "    #\n  .##\n");
	cr_expect_str_eq(plot((uint32_t[]){ 0, 0 }, 2, 10, 2), "    \n  ..\n");
	cr_expect_str_eq(plot((uint32_t[]){ UINT32_MAX - 1, 1 }, 2, 10, 1), "  #.\n");
}

Test(plot, a_gap_is_one)
{
	cr_expect_str_eq(plot((uint32_t[]){ 5, PLOT_NONE, 5 }, 3, 10, 1), "  # #\n");
	cr_expect_str_eq(plot((uint32_t[]){ PLOT_NONE, PLOT_NONE }, 2, 10, 1), "    \n");
}

Test(plot, where_there_are_more_values_than_columns_each_is_the_most_of_some)
{
	uint32_t v[100];

	for (size_t i = 0; i < 100; i++)
		v[i] = i == 37 ? 80 : 1;
	cr_expect_str_eq(plot(v, 100, 10, 1), "  ...#......\n");
	v[37] = PLOT_NONE;
	cr_expect_str_eq(plot(v, 100, 10, 1), "  ##########\n");
}

Test(plot, of_a_terminal_that_draws_is_in_eighths)
{
	buf_init(&out, 65536);
	plot_put(&out, (uint32_t[]){ 1, 4, 8 }, 3, 10, 1, false);
	cr_expect_str_eq(out.p, "  ▁▄█\n");
	buf_done(&out);
}
