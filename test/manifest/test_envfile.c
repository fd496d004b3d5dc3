#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/caps.h"
#include "manifest/manifest.h"

static struct var *vars;
static size_t nvars;
static struct err err;

static void clear(void)
{
	for (size_t i = 0; i < nvars; i++) {
		free(vars[i].name);
		free(vars[i].value);
	}
	free(vars);
	vars = NULL;
	nvars = 0;
}

static int parse(const char *text)
{
	/* Without a NUL behind it, so that ASan sees a read past the end. */
	size_t n = strlen(text);
	char *copy = malloc(n ? n : 1);

	memcpy(copy, text, n);
	int r = env_file_parse(copy, n, &vars, &nvars, &err);
	free(copy);
	return r;
}

/* The value that this one line gives to A. */
static void gives(const char *line, const char *value)
{
	clear();
	cr_expect_eq(parse(line), 0, "%s: %s", line, err.msg);
	cr_assert_eq(nvars, 1, "%s", line);
	cr_expect_str_eq(vars[0].name, "A");
	cr_expect_str_eq(vars[0].value, value, "%s: %s", line, vars[0].value);
	clear();
}

Test(env_file, values_are_bare_or_quoted)
{
	gives("A=b", "b");
	gives("A=", "");
	gives("A=b c  ", "b c");
	gives("A='b c  '", "b c  ");
	gives("A=\"b\\n\\\"c\\\" \\\\ \\$x \\q\"", "b\n\"c\" \\ $x \\q");
	gives("A='\\n \"'", "\\n \"");
	gives("A=\"\"", "");
	gives("A=b=c", "b=c");
	gives("A=it's", "it's");
	gives("  A = b ", "b");
	gives("export A=b", "b");
	gives("export\tA=b", "b");
	gives("A=b\r\n", "b");
	gives("\xef\xbb\xbf"
	      "A=b\n",
		"b");
	gives("A=${B}", "${B}");
}

Test(env_file, comments_are_lines_or_stand_behind_a_blank)
{
	gives("# x=y\n\n   # z\nA=b # c\n", "b");
	gives("A=b#c", "b#c");
	gives("A='b' # c", "b");
	gives("A=# c", "");
}

Test(env_file, later_lines_replace_earlier_and_order_is_kept)
{
	cr_expect_eq(parse("A=1\nB=2\nA=3\n"), 0);
	cr_assert_eq(nvars, 2);
	cr_expect_str_eq(vars[0].value, "3");
	cr_expect_str_eq(vars[1].name, "B");
	cr_expect_eq(parse("C=4"), 0);
	cr_expect_eq(nvars, 3);
	clear();
}

static void refused(const char *text, int line, const char *words)
{
	cr_expect_eq(parse(text), -1, "%s", text);
	cr_expect_eq(err.code, ERR_BAD_VALUE);
	cr_expect_eq(err.line, line, "%d: %s", err.line, text);
	cr_expect(strstr(err.msg, words), "%s", err.msg);
	clear();
}

Test(env_file, what_is_no_assignment_is_refused_with_its_line)
{
	refused("A=b\nword\n", 2, "without \"=\"");
	refused("=x", 1, "no name");
	refused("A B=x", 1, "other characters");
	refused("1A=x", 1, "begins with a digit");
	refused("A=1\n\nB='x\n", 3, "does not close");
	refused("A=\"x\\\"", 1, "does not close");
	refused("A='x'y", 1, "after a closing quote");
	cr_expect_eq(env_file_parse("A=b\nB=\0\n", 8, &vars, &nvars, &err), -1);
	cr_expect_eq(err.line, 2);
	clear();
}

Test(env_file, is_at_most_1_MiB_and_8192_variables)
{
	char *text = malloc(CAP_ENV_FILE + 1), *p = text;

	memset(text, '#', CAP_ENV_FILE + 1);
	cr_expect_eq(env_file_parse(text, CAP_ENV_FILE, &vars, &nvars, &err), 0);
	cr_expect_eq(env_file_parse(text, CAP_ENV_FILE + 1, &vars, &nvars, &err), -1);
	for (int i = 0; i < CAP_ENV_VARS; i++)
		p += sprintf(p, "V%d=\n", i);
	cr_expect_eq(env_file_parse(text, (size_t)(p - text), &vars, &nvars, &err), 0);
	cr_expect_eq(nvars, CAP_ENV_VARS);
	cr_expect_eq(parse("ONE_MORE="), -1);
	cr_expect_eq(nvars, CAP_ENV_VARS);
	clear();
	free(text);
}
