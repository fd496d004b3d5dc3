#include <criterion/criterion.h>
#include <string.h>

#include "logger/format.h"

#define STAMP "2026-05-14T02:05:13.470911Z"

static char out[FORMAT_MAX + 1];

static const char *formatted(const struct format *f, const char *p, size_t n, bool cut)
{
	out[format_line(out, f, STAMP, &(struct line){ .p = p, .n = n, .cut = cut })] = '\0';
	return out;
}

Test(logger_format, a_line_has_its_label_and_one_without_goes_as_it_is)
{
	struct format f = { .label = "web", .stream = "stdout" };

	cr_expect_str_eq(formatted(&f, "hello", 5, false), "web | hello\n");
	cr_expect_str_eq(formatted(&f, "hello", 5, true), "web | hello…[+]\n");
	f.label = NULL;
	cr_expect_str_eq(formatted(&f, "\xff\x01", 2, false), "\xff\x01\n");
}

Test(logger_format, json_has_time_stream_service_and_line)
{
	struct format f = { .label = "web/a", .stream = "stderr", .json = true };

	cr_expect_str_eq(formatted(&f, "say \"hi\"\\\t", 10, false),
		"{\"ts\":\"" STAMP "\",\"stream\":\"stderr\",\"service\":\"web/a\","
		"\"line\":\"say \\\"hi\\\"\\\\\\t\"}\n");
	cr_expect_not_null(strstr(formatted(&f, "x", 1, true), "\"line\":\"x…[+]\"}"));
}

Test(logger_format, in_json_what_is_no_utf_8_is_escaped_and_what_is_stays)
{
	struct format f = { .label = "a", .stream = "stdout", .json = true };

	cr_expect_not_null(strstr(formatted(&f, "\xff", 1, false), "\"line\":\"\\u00ff\"}"));
	cr_expect_not_null(strstr(formatted(&f, "ü€", 5, false), "\"line\":\"ü€\"}"));
	cr_expect_not_null(
		strstr(formatted(&f, "\xe2\x82", 2, false), "\"line\":\"\\u00e2\\u0082\"}"));
	cr_expect_not_null(
		strstr(formatted(&f, "\x1b[1m\0x", 6, false), "\"\\u001b[1m\\u0000x\"}"));
}

Test(logger_format, the_longest_line_fits)
{
	static char line[CAP_LINE], label[FORMAT_LABEL + 1];
	struct format f = { .label = label, .stream = "stdout", .json = true };

	memset(line, 0xff, sizeof line);
	memset(label, 1, FORMAT_LABEL);
	cr_expect_leq(strlen(formatted(&f, line, sizeof line, true)), FORMAT_MAX);
}
