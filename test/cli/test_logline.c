#include <criterion/criterion.h>
#include <string.h>

#include "base/clock.h"
#include "base/utf8.h"
#include "cli/ansi.h"
#include "cli/logline.h"
#include "cli/logname.h"
#include "cli/logtime.h"
#include "cli/out.h"

/* --- times --- */

#define NOW (INT64_C(1778724313) * NS_PER_SEC) /* 2026-05-14T02:05:13Z */

static void expect_time(const char *text, int64_t want)
{
	const char *why = "";
	int64_t ns = 0;

	cr_assert_eq(logtime_parse(text, NOW, &ns, &why), 0, "%s: %s", text, why);
	cr_expect_eq(ns, want, "%s: %lld, wanted %lld", text, (long long)ns, (long long)want);
}

Test(logtime, a_time_is_rfc_3339_a_date_or_so_long_ago)
{
	expect_time("2026-05-14T02:05:13Z", NOW);
	expect_time("2026-05-14t02:05:13z", NOW);
	expect_time("2026-05-14 02:05:13", NOW);
	expect_time("2026-05-14T02:05:13.470911Z", NOW + 470911000);
	expect_time("2026-05-14T02:05:13.1234567891Z", NOW + 123456789);
	expect_time("2026-05-14T02:05", NOW - 13 * NS_PER_SEC);
	expect_time("2026-05-14T04:05:13+02:00", NOW);
	expect_time("2026-05-13T21:35:13-04:30", NOW);
	expect_time("2026-05-14", NOW - 7513 * NS_PER_SEC);
	expect_time("1970-01-01", 0);
	expect_time("2024-02-29", INT64_C(1709164800) * NS_PER_SEC);
	expect_time("10m", NOW - 600 * NS_PER_SEC);
	expect_time("90", NOW - 90 * NS_PER_SEC);
	expect_time("2d", NOW - 172800 * NS_PER_SEC);
	expect_time("0", NOW);
}

Test(logtime, what_is_no_time_is_refused)
{
	static const char *const bad[] = { "", "now", "2026-05", "2026-13-01", "2026-02-29",
		"2026-05-14T", "2026-05-14T24:00", "2026-05-14T02:60", "2026-05-14T02:05:13.Z",
		"2026-05-14T02:05:13+0200", "2026-05-14T02:05:13Zx", "2026-05-14x", "-5m", "5 m",
		"d", "1.5h", "99999999999999999999d", "1969-12-31" };

	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		const char *why = NULL;
		int64_t ns;

		cr_expect_eq(logtime_parse(bad[i], NOW, &ns, &why), -1, "%s", bad[i]);
		cr_expect_not_null(why, "%s", bad[i]);
	}
}

Test(logtime, a_stamp_is_what_the_clock_prints)
{
	char text[32];
	int64_t ns;

	for (int64_t t = 0; t < 4 * NOW; t += NOW / 97) {
		clock_print(text, t);
		cr_assert(logtime_stamp(text, strlen(text), &ns), "%s", text);
		cr_expect_eq(ns, t / NS_PER_US * NS_PER_US, "%s", text);
	}
	cr_expect_not(logtime_stamp("2026-05-14T02:05:13.470911", 26, &ns));
	cr_expect_not(logtime_stamp("2026-05-14T02:05:1x.470911Z", 27, &ns));
}

/* --- names --- */

Test(logname, a_log_file_is_named_by_its_unit_and_a_number)
{
	char unit[16];

	cr_expect_eq(logname_unit("web.log", unit, sizeof unit), 0);
	cr_expect_str_eq(unit, "web");
	cr_expect_eq(logname_unit("a/b.log.12", unit, sizeof unit), 12);
	cr_expect_str_eq(unit, "a/b");
	cr_expect_eq(logname_unit("a.log.log", unit, sizeof unit), 0);
	cr_expect_str_eq(unit, "a.log");
	cr_expect_eq(logname_number("x.log.999"), 999);
	static const char *const others[] = { "web", ".log", "a/.log", "web.log.0", "web.log.01",
		"web.log.1000", "web.log.9999", "web.log.gz", "web.log.", "web.txt", "1", "" };
	for (size_t i = 0; i < sizeof others / sizeof *others; i++)
		cr_expect_eq(logname_number(others[i]), -1, "%s", others[i]);
	cr_expect_eq(logname_unit("0123456789abcde.log", unit, sizeof unit), 0);
	cr_expect_eq(logname_unit("0123456789abcdef.log", unit, sizeof unit), -1, "no room");
}

Test(logname, a_path_has_no_empty_or_hidden_component)
{
	cr_expect(logname_is_path("a"));
	cr_expect(logname_is_path("a/b.c"));
	static const char *const bad[] = { "", "/a", "a/", "a//b", "..", "a/../b", ".a" };
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
		cr_expect_not(logname_is_path(bad[i]), "%s", bad[i]);
}

/* --- escape sequences --- */

static void expect_bytes(const char *text, size_t n, enum ansi_mode mode, const char *want)
{
	struct buf out;

	buf_init(&out, 1 << 16);
	ansi_put(&out, text, n, mode);
	cr_expect_eq(out.len, strlen(want), "%d: %zu bytes: %s", (int)mode, out.len, out.p);
	cr_expect_str_eq(out.p ? out.p : "", want);
	buf_done(&out);
}

static void expect_shown(const char *text, const char *strip, const char *plain, const char *colour)
{
	expect_bytes(text, strlen(text), ANSI_KEEP, text);
	expect_bytes(text, strlen(text), ANSI_STRIP, strip);
	expect_bytes(text, strlen(text), ANSI_PLAIN, plain);
	expect_bytes(text, strlen(text), ANSI_COLOUR, colour);
}

Test(ansi, colours_stay_where_they_are_wanted_and_end_with_the_line)
{
	expect_shown("\033[1;31mred\033[0m x", "red x", "red x", "\033[1;31mred\033[0m x\033[0m");
	expect_shown("a\tb", "a\tb", "a\tb", "a\tb");
}

Test(ansi, no_sequence_but_a_colour_reaches_a_terminal)
{
	expect_shown("\033[2J\033[Hgone", "gone", "gone", "gone");
	expect_shown("\033]0;title\007x", "x", "x", "x");
	expect_shown("\033]52;c;aGk=\033\\x", "x", "x", "x");
	expect_shown("\033Pq#0\033\\x", "x", "x", "x");
	expect_shown("\033cx\033(Bx\0337x", "xxx", "xxx", "xxx");
	expect_shown("\xc2\x9b"
		     "2Jx\xc2\x9d"
		     "0;t\xc2\x9cx",
		"xx", "xx", "xx");
	expect_shown("\033[>4;1mx\033[1 mx", "xx", "xx", "xx");
	expect_shown("a\033", "a", "a", "a");
}

Test(ansi, a_sequence_without_an_end_hides_no_text)
{
	expect_shown("\033]0;all the rest", "0;all the rest", "0;all the rest", "0;all the rest");
	expect_shown("\033[31", "31", "31", "31");
}

Test(ansi, control_bytes_are_marks_on_a_terminal_and_kept_elsewhere)
{
	expect_shown("over\rwritten\b", "over\rwritten\b", "over?written?", "over?written?");
	expect_shown("line\r", "line\r", "line", "line");
	expect_shown("\x9b"
		     "2J\x85",
		"\x9b"
		"2J\x85",
		"?2J?", "?2J?");
	expect_shown("gr\xc3\xbc\xc3\x9f \xfc", "gr\xc3\xbc\xc3\x9f \xfc",
		"gr\xc3\xbc\xc3\x9f \xfc", "gr\xc3\xbc\xc3\x9f \xfc");
	expect_bytes("a\0b", 3, ANSI_PLAIN, "a?b");
}

Test(ansi, no_bytes_at_all_can_bring_a_control_to_a_terminal)
{
	unsigned seed = 1;

	for (int round = 0; round < 20000; round++) {
		static const char alphabet[] = "\033\033[]P\\;m1\x9b\xc2\x9d\007 a\xe2\r";
		char text[12];
		struct buf out;

		for (size_t i = 0; i < sizeof text; i++) {
			seed = seed * 1103515245u + 12345u;
			text[i] = alphabet[(seed >> 16) % (sizeof alphabet - 1)];
		}
		buf_init(&out, 1 << 10);
		ansi_put(&out, text, sizeof text, ANSI_PLAIN);
		for (size_t i = 0, len; i < out.len; i += len ? len : 1) {
			const unsigned char *c = (const unsigned char *)out.p + i;
			len = utf8_length(c, out.len - i);
			cr_assert(*c >= 0x20 && *c != 0x7f);
			cr_assert(len || *c >= 0xa0);
			cr_assert(len != 2 || *c != 0xc2 || c[1] >= 0xa0);
		}
		buf_done(&out);
	}
}

/* --- which lines --- */

static bool takes(struct logfilter *f, const char *line)
{
	struct logrecord r;
	int64_t ns = LOGTIME_NONE;

	logline_parse(line, strlen(line), &r);
	(void)logtime_stamp(line, strlen(line), &ns);
	return logfilter_takes(f, &r, ns);
}

#define LINE(second, stream, text) "2026-05-14T02:05:" second ".000000Z " stream " " text

Test(logfilter, a_stream_is_its_lines_and_no_others)
{
	struct logfilter f;

	logfilter_init(&f);
	cr_expect_not(logfilter_is_set(&f));
	f.stream = "stderr";
	cr_expect(logfilter_is_set(&f));
	cr_expect(takes(&f, LINE("13", "stderr", "x")));
	cr_expect_not(takes(&f, LINE("13", "stdout", "stderr x")));
	cr_expect_not(takes(&f, LINE("13", "supervisor", "2 lines dropped")));
	cr_expect_not(takes(&f, "stderr"), "a line without a stream is stdout's");
	logfilter_done(&f);
}

Test(logfilter, both_ends_of_a_span_belong_to_it)
{
	struct logfilter f;

	logfilter_init(&f);
	f.since_set = f.until_set = true;
	f.since = NOW;
	f.until = NOW + 2 * NS_PER_SEC;
	cr_expect_not(takes(&f, LINE("12", "stdout", "x")));
	cr_expect(takes(&f, LINE("13", "stdout", "x")));
	cr_expect(takes(&f, LINE("15", "stdout", "x")));
	cr_expect_not(takes(&f, LINE("16", "stdout", "x")));
	cr_expect_not(takes(&f, "no time"));
	logfilter_done(&f);
}

Test(logfilter, an_expression_looks_at_the_text_without_its_escape_sequences)
{
	struct logfilter f;
	struct logrecord r;
	struct err err;

	logfilter_init(&f);
	cr_assert_eq(logfilter_grep(&f, "^(GET|PUT) +/a", &err), 0);
	cr_expect(takes(&f, LINE("13", "stdout", "GET  /a")));
	cr_expect(takes(&f, LINE("13", "stdout", "\033[1mPUT\033[0m /a")));
	cr_expect_not(takes(&f, LINE("13", "stdout", "a GET /a")));
	logline_parse("a\0b needle", 10, &r);
	logfilter_done(&f);
	logfilter_init(&f);
	cr_assert_eq(logfilter_grep(&f, "needle", &err), 0);
	cr_expect(logfilter_takes(&f, &r, 0), "behind a NUL");
	logfilter_done(&f);
	logfilter_init(&f);
	cr_expect_eq(logfilter_grep(&f, "(a", &err), -1);
	cr_expect_eq(err.code, ERR_BAD_VALUE);
	logfilter_done(&f);
}
