#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "cli/top.h"
#include "some_rows.h"

static struct top top;

static void start(void)
{
	rows_init(&rows);
	buf_init(&out, 65536);
	top = (struct top){ 0 };
	row("row=unit\0id=@1\0path=a\0name=a\0kind=service\0depth=0\0pid=5\0state=running\0cpu_ns="
	    "1000000000\0tree_rss_bytes=1024\0");
	row("row=unit\0id=@2\0path=b\0name=b\0kind=service\0depth=0\0pid=6\0state=running\0cpu_ns="
	    "500000000\0tree_rss_bytes=4096\0");
	row("row=unit\0id=@3\0parent=@1\0path=a/"
	    "k\0name=k\0kind=spawned\0depth=1\0pid=7\0state=running\0cpu_ns=0\0");
	row("row=unit\0id=@4\0parent=@1\0path=a/"
	    "gone\0name=gone\0kind=spawned\0depth=1\0state=done\0");
	row("row=unit\0id=@5\0parent=@1\0path=a/"
	    "e\0name=e\033[2J\0kind=spawned\0depth=1\0pid=8\0state=backoff\0");
	cr_assert_eq(rows_link(&rows, &err), 0);
}

static void stop(void)
{
	rows_done(&rows);
	top_done(&top);
	buf_done(&out);
}

TestSuite(top, .init = start, .fini = stop);

static const char *picture(unsigned columns, unsigned lines, bool colour)
{
	struct progress_screen screen = { columns, lines, colour, true };

	buf_reset(&out);
	cr_assert_eq(top_draw(&out, &top, &rows, &screen, NULL), 0);
	return out.p;
}

static void looks(int64_t a_ns, int64_t b_ns)
{
	struct top_seen was[] = { { 1, a_ns }, { 2, b_ns } };

	top_done(&top);
	top.seen = malloc(sizeof was);
	memcpy(top.seen, was, sizeof was);
	top.nseen = 2;
	top.seen_ns = 10 * NS_PER_SEC;
	cr_assert_eq(top_take(&top, &rows, 12 * NS_PER_SEC), 0);
}

Test(top, what_was_used_between_two_looks_is_told_and_of_one_nothing)
{
	cr_assert_eq(top_take(&top, &rows, NS_PER_SEC), 0);
	cr_expect(
		strstr(picture(0, 0, false), "     -    1.0 KiB  a  running  pid 5"), "%s", out.p);
	looks(0, 400000000);
	cr_expect(strstr(picture(0, 0, false), "  49.9    1.0 KiB  a  running  pid 5") ||
			  strstr(out.p, "  50.0    1.0 KiB  a  running  pid 5"),
		"%s", out.p);
	looks(2 * NS_PER_SEC, 0);
	cr_expect_eq(top.v[0].cpu, 0, "a counter that goes back is nothing");
}

Test(top, the_greatest_is_first_and_children_are_below_their_parents)
{
	looks(0, 400000000);
	const char *a = strstr(picture(0, 0, false), "  a  ");
	cr_assert(a && strstr(a, "`- ") && strstr(a, "  b  "), "%s", out.p);
	top.by_memory = true;
	const char *b = strstr(picture(0, 0, false), "  b  ");
	cr_expect(b && strstr(b, "  a  ") && strstr(b, "|- k"), "%s", out.p);
	cr_expect_null(strstr(out.p, "gone"));
}

Test(top, nothing_that_controls_a_terminal_comes_from_a_name)
{
	looks(0, 0);
	cr_expect_null(strchr(picture(0, 0, false), '\033'));
	cr_expect(strstr(out.p, "e?[2J"));
}

static size_t lines_of(const char *text)
{
	size_t n = 0;

	for (; *text; text++)
		n += *text == '\n';
	return n;
}

Test(top, it_is_as_high_as_the_screen_and_what_has_no_place_is_counted)
{
	looks(0, 0);
	cr_expect_eq(lines_of(picture(80, 7, false)), 7);
	cr_expect_null(strstr(out.p, "more"));
	cr_expect_eq(lines_of(picture(80, 6, false)), 6);
	cr_expect(strstr(out.p, "and 2 more"), "%s", out.p);
	cr_expect_eq(lines_of(picture(80, 4, false)), 4);
	cr_expect(strstr(out.p, "and 4 more"), "%s", out.p);
	for (unsigned n = 1; n < 4; n++)
		cr_expect_eq(lines_of(picture(80, n, false)), n);
}

Test(top, no_line_is_wider_than_the_screen)
{
	looks(0, 0);
	for (unsigned columns = 1; columns < 30; columns++)
		for (const char *at = picture(columns, 6, false), *end; at;
			at = *end ? end + 1 : NULL) {
			end = strchrnul(at, '\n');
			cr_expect_leq(end - at, (ptrdiff_t)columns);
		}
}

Test(top, states_are_coloured_and_no_colour_is_left_on)
{
	looks(0, 0);
	picture(0, 0, true);
	cr_expect(strstr(out.p, "\033[33mbackoff\033[0m"), "%s", out.p);
	for (unsigned n = 25; n < 60; n++) { /* wherever it is cut the colour ends */
		const char *on = strstr(picture(n, 0, true), "\033[33m");
		cr_expect(!on || strstr(on, "\033[0m"), "%u", n);
	}
}
