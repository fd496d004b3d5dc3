#include <criterion/criterion.h>
#include <string.h>

#include "cli/progress.h"

static struct progress p;
static struct buf out;
static struct progress_screen screen;

static void start(void)
{
	p = (struct progress){ 0 };
	screen = (struct progress_screen){ .columns = 80, .lines = 24 };
	buf_init(&out, 1 << 20);
}

static void stop(void)
{
	progress_done(&p);
	buf_done(&out);
}

static const char *draw(void)
{
	buf_reset(&out);
	cr_assert_eq(progress_draw(&out, &p, &screen), 0);
	return out.p;
}

Test(progress, a_unit_is_a_row_and_its_check_a_row_below, .init = start, .fini = stop)
{
	cr_assert_eq(progress_heading(&p, "Starting 'P'"), 0);
	cr_assert_eq(progress_set(&p, "db", PROGRESS_BUSY, "health check"), 0);
	cr_assert_eq(progress_set(&p, "web", PROGRESS_FAILED, NULL), 0);
	cr_expect_str_eq(draw(), "Starting 'P'\033[K\n  \u2026 db\033[K\n      health check\033[K\n"
				 "  \u2717 web\033[K\n\033[J");
}

Test(progress, the_next_picture_replaces_the_last_one, .init = start, .fini = stop)
{
	(void)progress_set(&p, "db", PROGRESS_BUSY, "health check");
	(void)draw();
	(void)progress_set(&p, "db", PROGRESS_OK, NULL);
	cr_expect_str_eq(draw(), "\r\033[2A  \u2714 db\033[K\n\033[J");
	cr_expect_str_eq(draw(), "\r\033[1A  \u2714 db\033[K\n\033[J");
}

Test(progress, a_line_has_less_columns_than_the_screen_counted_in_characters, .init = start,
	.fini = stop)
{
	(void)progress_set(&p, "\u00e4\u00e4\u00e4\u00e4\u00e4\u00e4\u00e4", PROGRESS_OK, NULL);
	screen.columns = 11;
	cr_expect_str_eq(draw(), "  \u2714 \u00e4\u00e4\u00e4\u00e4\u00e4\u00e4\033[K\n\033[J");
	screen.columns = 12;
	cr_expect(strstr(draw(), "\u00e4\u00e4\u00e4\u00e4\u00e4\u00e4\u00e4\033"));
	screen.columns = 1;
	(void)draw();
	cr_expect_str_eq(draw(), "\r\033[1A\033[K\n\033[J");
	screen.lines = 1;
	cr_expect_str_eq(draw(), "\033[K\n\033[J");
}

Test(progress, a_terminal_that_got_narrower_has_wrapped_the_picture, .init = start, .fini = stop)
{
	(void)progress_set(&p, "0123456789", PROGRESS_OK, NULL); /* 14 columns */
	(void)draw();
	screen.columns = 14;
	cr_expect(strncmp(draw(), "\r\033[1A", 5) == 0);
	screen.columns = 80;
	(void)draw();
	screen.columns = 13;
	cr_expect(strncmp(draw(), "\r\033[2A", 5) == 0);
}

Test(progress, what_does_not_fit_is_counted_and_the_done_go_first, .init = start, .fini = stop)
{
	(void)progress_set(&p, "a", PROGRESS_OK, NULL);
	(void)progress_set(&p, "b", PROGRESS_OK, NULL);
	(void)progress_set(&p, "c", PROGRESS_BUSY, NULL);
	(void)progress_set(&p, "d", PROGRESS_OK, NULL);
	screen.lines = 5; /* four rows fit above the cursor's */
	cr_expect_null(strstr(draw(), "more"));
	screen.lines = 4;
	const char *text = draw();
	cr_expect(strstr(text, " c\033") && strstr(text, "and 3 more"));
	cr_expect_null(strstr(text, " a\033"));
}

Test(progress, control_bytes_of_a_name_reach_no_terminal, .init = start, .fini = stop)
{
	(void)progress_set(&p, "a\033[2J", PROGRESS_OK, "b\r\n");
	cr_expect(strstr(draw(), "a?[2J") && strstr(out.p, "b??"));
}

Test(progress, colour_is_of_the_mark_alone_and_ascii_has_no_other_bytes, .init = start,
	.fini = stop)
{
	(void)progress_set(&p, "a", PROGRESS_OK, NULL);
	screen.colour = true;
	cr_expect_str_eq(draw(), "  \033[32m\u2714 \033[0ma\033[K\n\033[J");
	screen.ascii = true;
	for (const char *c = draw(); *c; c++)
		cr_expect((unsigned char)*c < 0x80);
}
