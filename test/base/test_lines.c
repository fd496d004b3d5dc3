#include <criterion/criterion.h>
#include <string.h>

#include "base/lines.h"

static void joined(const char *text, size_t size, const char *want)
{
	char to[256];
	size_t n = lines_join(to, size, text, strlen(text));

	cr_expect_str_eq(to, want);
	cr_expect_eq(n, strlen(want));
}

Test(lines, lines_are_joined_into_one_and_empty_ones_left_out)
{
	joined("", 100, "");
	joined("one", 100, "one");
	joined("one\ntwo\r\n\nthree\n", 100, "one | two | three");
	joined("tab\there\033[1m\n", 100, "tab here?[1m");
}

Test(lines, what_does_not_fit_goes_in_front_at_n_and_at_n_plus_1)
{
	joined("abc\ndef\n", 10, "abc | def");
	joined("abc\ndef\n", 9, "bc | def");
	joined("abc\ndef\n", 4, "def");
	joined("abc\ndef\n", 3, "ef");
	joined("abc\nd\303\244f\n", 5, "d\303\244f");
	joined("abc\nd\303\244f\n", 4, "\303\244f");
	joined("abc\nd\303\244f\n", 3, "f");
	joined("\303\244bc\nd\n", 8, "bc | d");
}

Test(lines, bytes_that_are_no_characters_become_question_marks)
{
	joined("a\377b\303(\n", 100, "a?b?(");
	joined("\342\202\n", 100, "??");
}

Test(lines, a_clean_copy_ends_at_a_whole_character)
{
	char to[8];

	cr_expect_eq(line_clean(to, 3, "a\303\244b", 4), 1);
	cr_expect_str_eq(to, "a");
	cr_expect_eq(line_clean(to, 4, "a\303\244b", 4), 3);
	cr_expect_str_eq(to, "a\303\244");
}

Test(lines, the_last_n_lines_begin_behind_a_newline)
{
	cr_expect_eq(lines_last("a\nb\nc\n", 6, 1), 4);
	cr_expect_eq(lines_last("a\nb\nc\n", 6, 2), 2);
	cr_expect_eq(lines_last("a\nb\nc\n", 6, 3), 0);
	cr_expect_eq(lines_last("a\nb\nc\n", 6, 4), 0);
	cr_expect_eq(lines_last("", 0, 4), 0);
	cr_expect_eq(lines_last("a\nb", 3, 1), 2);
}

static void port(const char *text, int want)
{
	int got = -1;

	cr_expect(lines_bind_error(text, strlen(text), &got), "%s", text);
	cr_expect_eq(got, want, "%s: %d", text, got);
}

Test(lines, a_port_that_is_taken_is_found_as_servers_say_it)
{
	port("listen tcp :8080: bind: address already in use", 8080);
	port("Error: listen EADDRINUSE: address already in use :::3000\n    at x:1:2\n", 3000);
	port("12:34:56 nginx: [emerg] bind() to 0.0.0.0:80 failed (98: Address already in use)",
		80);
	port("2026-11-22T02:03:04Z Could not create server TCP listening socket *:6379: bind: "
	     "Address already in use",
		6379);
	port("error while attempting to bind on address ('0.0.0.0', 8000): address already in use",
		8000);
	port("OSError: [Errno 98] Address already in use", 0);
	port("localhost:5000: ADDRESS ALREADY IN USE", 5000);
	port("port 5432: address already in use", 5432);
	port("[::1]:99999: address already in use", 0);
	port("02:03:04 address already in use", 0);
}

Test(lines, other_output_is_no_bind_error)
{
	int got;

	cr_expect_not(lines_bind_error("", 0, &got));
	cr_expect_not(lines_bind_error("in use\naddress already\nin use\n", 31, &got));
}
