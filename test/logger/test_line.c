#include <criterion/criterion.h>
#include <string.h>

#include "base/caps.h"
#include "logger/line.h"

static char big[CAP_LINE + 64];

Test(logger_line, a_line_ends_at_its_newline_and_may_be_empty)
{
	struct line l;

	cr_expect_eq(line_next("ab\n\n", 4, false, &l), 3);
	cr_expect_eq(l.n, 2);
	cr_expect_eq(l.cut, false);
	cr_expect_eq(line_next("\n", 1, false, &l), 1);
	cr_expect_eq(l.n, 0);
}

Test(logger_line, bytes_without_a_newline_wait_until_no_more_will_come)
{
	struct line l;

	cr_expect_eq(line_next("ab", 2, false, &l), 0);
	cr_expect_eq(line_next("ab", 2, true, &l), 2);
	cr_expect_eq(l.n, 2);
	cr_expect_eq(l.cut, false);
	cr_expect_eq(line_next("", 0, true, &l), 0);
	cr_expect_eq(line_next(NULL, 0, true, &l), 0);
}

Test(logger_line, a_line_of_16_kib_is_whole_and_one_byte_more_is_cut)
{
	struct line l;

	memset(big, 'x', sizeof big);
	big[CAP_LINE] = '\n';
	cr_expect_eq(line_next(big, CAP_LINE + 1, false, &l), CAP_LINE + 1);
	cr_expect_eq(l.n, CAP_LINE);
	cr_expect_eq(l.cut, false);
	cr_expect_eq(line_next(big, CAP_LINE, false, &l), 0, "its newline may be the next byte");
	big[CAP_LINE] = 'x';
	big[CAP_LINE + 1] = '\n';
	cr_expect_eq(line_next(big, CAP_LINE + 2, false, &l), CAP_LINE);
	cr_expect_eq(l.n, CAP_LINE);
	cr_expect_eq(l.cut, true);
	cr_expect_eq(line_next(big + CAP_LINE, 2, false, &l), 2);
	cr_expect_eq(l.n, 1);
	cr_expect_eq(l.cut, false);
}

Test(logger_line, a_cut_falls_between_characters_and_bytes_that_are_none_are_cut_at_the_cap)
{
	struct line l;

	memset(big, 'x', sizeof big);
	memcpy(big + CAP_LINE - 2, "\xe2\x80\xa6", 3);
	cr_expect_eq(line_next(big, sizeof big, false, &l), CAP_LINE - 2);
	memset(big, 'x', sizeof big);
	memcpy(big + CAP_LINE - 3, "\xe2\x80\xa6", 3);
	cr_expect_eq(line_next(big, sizeof big, false, &l), CAP_LINE);
	memset(big, '\x80', sizeof big);
	cr_expect_eq(line_next(big, sizeof big, false, &l), CAP_LINE);
}

Test(logger_line, a_piece_says_that_it_goes_on)
{
	char to[32];
	struct line l = { .p = "ab", .n = 2, .cut = true };

	cr_expect_eq(line_put(to, &l), LINE_ROOM(2));
	cr_expect_eq(memcmp(to, "ab…[+]\n", LINE_ROOM(2)), 0);
	l.cut = false;
	cr_expect_eq(line_put(to, &l), 3);
	cr_expect_eq(memcmp(to, "ab\n", 3), 0);
}
