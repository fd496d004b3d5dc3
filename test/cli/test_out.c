#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "cli/diag.h"
#include "cli/out.h"
#include "cli/tree.h"

static struct buf out;
static struct json j;

static void start(void)
{
	buf_init(&out, 1 << 20);
	j = (struct json){ .out = &out };
}

Test(out, json_is_one_compact_object_with_commas_where_due, .init = start)
{
	json_open(&j, NULL, '{');
	json_open(&j, "units", '[');
	json_close(&j, ']');
	json_open(&j, "list", '[');
	json_int(&j, NULL, -1);
	json_open(&j, NULL, '{');
	json_close(&j, '}');
	json_bool(&j, NULL, true);
	json_close(&j, ']');
	json_str(&j, "absent", NULL);
	json_str(&j, "s", "x");
	json_close(&j, '}');
	cr_expect_str_eq(out.p, "{\"units\":[],\"list\":[-1,{},true],\"s\":\"x\"}");
	buf_done(&out);
}

static void expect_string(const char *text, size_t n, const char *want)
{
	start();
	json_strn(&j, NULL, text, n);
	cr_expect_str_eq(out.p, want);
	buf_done(&out);
}

#define same(text, want) expect_string(text, sizeof(text) - 1, want)

Test(out, json_strings_are_escaped_and_what_is_no_utf8_is_replaced)
{
	same("a\"b\\c\n\t\r\b\f", "\"a\\\"b\\\\c\\n\\t\\r\\b\\f\"");
	same("\x01\x00\x1f\x7f", "\"\\u0001\\u0000\\u001f\\u007f\"");
	same("\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80", "\"\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80\"");
	same("\xff", "\"\xef\xbf\xbd\"");
	same("\xc0\x80", "\"\xef\xbf\xbd\xef\xbf\xbd\"");
	same("\xe2\x82", "\"\xef\xbf\xbd\xef\xbf\xbd\"");
	same("\xed\xa0\x80", "\"\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\"");
	same("\xf4\x90\x80\x80", "\"\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\"");
	same("\xc3", "\"\xef\xbf\xbd\"");
}

Test(out, seconds_have_at_most_three_places, .init = start)
{
	json_seconds(&j, NULL, 90 * NS_PER_SEC);
	json_seconds(&j, NULL, 1500 * NS_PER_MS);
	json_seconds(&j, NULL, 1 * NS_PER_MS);
	json_seconds(&j, NULL, 100 * NS_PER_SEC + 999999);
	cr_expect_str_eq(out.p, "90,1.5,0.001,100");
	buf_done(&out);
}

Test(out, a_text_from_outside_cannot_steer_the_terminal, .init = start)
{
	out_clean(&out, "a\033[2Jb\nc\x7f");
	cr_expect_str_eq(out.p, "a?[2Jb?c?");
	buf_done(&out);
}

Test(out, siblings_keep_their_order_and_each_is_followed_by_its_descendants, .init = start)
{
	static const struct tree_row rows[] = {
		{ "a", TREE_ROOT },
		{ "b", TREE_ROOT },
		{ "a1", 0 },
		{ "a2", 0 },
		{ "a1x", 2 },
		{ "b1", 1 },
		{ "a2x", 3 },
	};

	cr_assert_eq(tree_draw(&out, rows, 7, true), 0);
	cr_expect_str_eq(out.p, "a\n|- a1\n|  `- a1x\n`- a2\n   `- a2x\nb\n`- b1\n");
	buf_reset(&out);
	cr_assert_eq(tree_draw(&out, rows, 3, false), 0);
	cr_expect_str_eq(out.p, "a\n└─ a1\nb\n");
	buf_done(&out);
}

Test(out, a_row_whose_parent_stands_behind_it_is_a_root, .init = start)
{
	static const struct tree_row rows[] = { { "a", 1 }, { "b", 0 }, { "c", 2 } };

	cr_assert_eq(tree_draw(&out, rows, 3, true), 0);
	cr_expect_str_eq(out.p, "a\n`- b\nc\n");
	buf_reset(&out);
	cr_assert_eq(tree_draw(&out, rows, 0, true), 0);
	cr_expect_eq(out.len, 0);
	buf_done(&out);
}

Test(out, a_tree_of_a_thousand_levels_is_drawn, .init = start)
{
	struct tree_row *rows = calloc(1000, sizeof *rows);

	for (size_t i = 0; i < 1000; i++)
		rows[i] = (struct tree_row){ "x", i ? i - 1 : TREE_ROOT };
	cr_expect_eq(tree_draw(&out, rows, 1000, true), 0);
	free(rows);
	buf_done(&out);
}

Test(out, a_diagnostic_has_place_line_caret_and_help, .init = start)
{
	static const char text[] = "services:\n\tweb: {}\n";
	struct diag_place place = { "m.yaml", text, sizeof text - 1 };
	struct err err;

	err_set(&err, ERR_UNKNOWN_KEY, 0, "unknown key\033");
	err.line = 2;
	err.col = 5;
	err_help(&err, "one\ntwo");
	diag_print(&out, &err, "error", &place, false);
	cr_expect_str_eq(out.p,
		"error[SG0211]: unknown key?\n  --> m.yaml:2:5\n  |\n2 | \tweb: {}\n  | \t   ^\n"
		"help: one\nhelp: two\n");
	buf_reset(&out);
	err.line = 99;
	diag_print(&out, &err, "warning", &place, false);
	cr_expect(strstr(out.p, "warning[SG0211]"));
	buf_done(&out);
}

Test(out, an_error_as_json_has_code_name_message_and_help, .init = start)
{
	struct err err;

	err_set(&err, ERR_CHILDREN, 0, "full");
	json_open(&j, NULL, '{');
	diag_json_fields(&j, &err);
	json_close(&j, '}');
	cr_expect_str_eq(out.p, "{\"code\":\"SG0803\",\"name\":\"limit\",\"message\":\"full\"}");
	buf_done(&out);
}
