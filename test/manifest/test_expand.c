#include <criterion/criterion.h>
#include <stdint.h>
#include <stdio.h>

#include "base/caps.h"
#include "manifest/expand.h"

static char *const vars[] = { "A=one", "EMPTY=", "NESTED=${A}", "AB=two", NULL };
static char out[256];
static bool left_open;
static struct err err;

static int of_environ(void *arg, const char *name, size_t len, struct buf *ret, struct err *e)
{
	const char *value = environ_find(arg, name, len);

	(void)e;
	return !value ? 0 : buf_add(ret, value, strlen(value)) < 0 ? -1 : 1;
}

static const char *run_in(const char *text, char *const *environ)
{
	struct buf b;

	buf_init(&b, sizeof out - 1);
	left_open = false;
	struct expand_from from = { environ ? of_environ : NULL, (void *)(uintptr_t)environ };
	int r = expand(text, &from, &b, &left_open, &err);
	snprintf(out, sizeof out, "%s", r < 0 ? "(error)" : b.p ? b.p : "");
	buf_done(&b);
	return out;
}

static const char *run(const char *text)
{
	return run_in(text, vars);
}

Test(expand, a_variable_is_filled_in_anywhere_in_the_text)
{
	cr_expect_str_eq(run("${A}"), "one");
	cr_expect_str_eq(run("x${A}y${AB}"), "xoneytwo");
	cr_expect_str_eq(run("${EMPTY}"), "");
	cr_expect_str_eq(run(""), "");
}

Test(expand, a_value_is_taken_as_it_is)
{
	cr_expect_str_eq(run("${NESTED}"), "${A}");
}

Test(expand, a_default_stands_in_for_unset_and_for_empty)
{
	cr_expect_str_eq(run("${NO:-d}"), "d");
	cr_expect_str_eq(run("${EMPTY:-d}"), "d");
	cr_expect_str_eq(run("${A:-d}"), "one");
	cr_expect_str_eq(run("${NO:-}"), "");
	cr_expect_str_eq(run("${NO:-${A}-${X:-y}}!"), "one-y!");
}

Test(expand, a_message_is_the_error_where_nothing_is_set)
{
	cr_expect_str_eq(run("${A:?m}"), "one");
	cr_expect_str_eq(run("${NO:?set it in the image}"), "(error)");
	cr_expect_str_eq(err.msg, "${NO}: set it in the image");
	cr_expect_str_eq(run("${EMPTY:?m}"), "(error)");
	cr_expect_str_eq(run("${NO:?}"), "(error)");
	cr_expect(strstr(err.msg, "NO is not set"));
}

Test(expand, not_set_and_no_default_is_an_error_with_the_name)
{
	cr_expect_str_eq(run("x${NOPE}"), "(error)");
	cr_expect_eq(err.code, ERR_BAD_VALUE);
	cr_expect_str_eq(err.msg, "the variable NOPE is not set");
	cr_expect_str_eq(err.help, "set it, or write a default: ${NOPE:-value}");
}

Test(expand, two_dollars_before_a_brace_are_literal_and_other_dollars_stay)
{
	cr_expect_str_eq(run("$${A}"), "${A}");
	cr_expect_str_eq(run("$A $$ $ 5$"), "$A $$ $ 5$");
	cr_expect_str_eq(run("$$$${A}"), "$$${A}");
}

Test(expand, what_is_no_variable_is_refused)
{
	static const char *const bad[] = { "${}", "${1A}", "${A B}", "${A-b}", "${A:b}",
		"${A:", "${A", "${", "${NO:-${A}", "${A:+x}" };

	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
		cr_expect_str_eq(run(bad[i]), "(error)", "%s", bad[i]);
}

Test(expand, without_an_environment_what_has_no_default_stands_for_itself)
{
	cr_expect_str_eq(run_in("a${A}b", NULL), "a${A}b");
	cr_expect(left_open);
	cr_expect_str_eq(run_in("${A:?m}", NULL), "${A:?m}");
	cr_expect_str_eq(run_in("${A:-d}", NULL), "d");
	cr_expect_not(left_open);
}

Test(expand, defaults_nest_at_most_8_deep)
{
	cr_expect_str_eq(run("${Z:-${Z:-${Z:-${Z:-${Z:-${Z:-${Z:-${Z:-x}}}}}}}}"), "x");
	cr_expect_str_eq(run("${Z:-${Z:-${Z:-${Z:-${Z:-${Z:-${Z:-${Z:-${Z:-x}}}}}}}}}"), "(error)");
}

Test(expand, the_result_is_bounded_by_its_buffer)
{
	char text[600] = "";

	for (int i = 0; i < 85; i++)
		strcat(text, "${A}");
	cr_expect_eq(strlen(run(text)), 255);
	cr_expect_str_eq(run(strcat(text, "x")), "(error)");
	cr_expect(strstr(err.msg, "8 MiB"));
}
