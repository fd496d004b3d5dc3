#include <criterion/criterion.h>
#include <regex.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "cli/ere.h"

static int matches(const char *expression, const char *text)
{
	const char *why = NULL;
	struct ere *e = ere_new(expression, &why);

	if (!e)
		return -1;
	int yes = ere_match(e, text, strlen(text));
	ere_free(e);
	return yes;
}

Test(cli_ere, each_form_matches_what_it_says_and_nothing_else)
{
	static const struct {
		const char *expression, *yes, *no;
	} rows[] = {
		{ "ab", "xabx", "axb" },
		{ "^ab$", "ab", "aab" },
		{ "a|bc|d", "xbcx", "xbx" },
		{ "a(b|c)*d", "abcbd", "abxd" },
		{ "ab?c", "ac", "abbc" },
		{ "ab+c", "abbc", "ac" },
		{ "^a{2}$", "aa", "aaa" },
		{ "^a{2,}$", "aaaa", "a" },
		{ "^a{1,3}$", "aaa", "aaaa" },
		{ "^a{0,2}$", "", "aaa" },
		{ "^a{,2}$", "a", "aaa" },
		{ "^(ab){2}c$", "ababc", "abc" },
		{ "[a-c]x", "bx", "dx" },
		{ "[^a-c]x", "dx", "bx" },
		{ "^[]a]+$", "]a", "]b" },
		{ "^[a-]+$", "a-a", "b" },
		{ "[[:digit:]]{3}", "a123", "a12b3" },
		{ "^[[:upper:]_]+$", "A_B", "a_B" },
		{ "a.c",
			"a\xc3\xa9"
			"c",
			"a\xc3\xa9\xc3\xa9"
			"c" },
		{ "^.$", "\xff", "\xff\xff" },
		{ "[\xc3\xa0-\xc3\xbf]", "\xc3\xa9", "\xc3\x80" },
		{ "\\$\\.", "a$.b", "a$b" },
		{ "^\\d+\\s\\w+$", "12 a_b", "12 a-b" },
		{ "^\\D\\S\\W$", "ab-", "1b-" },
		{ "\\bcat\\b", "a cat!", "concat" },
		{ "\\Bcat", "concat", "a cat" },
		{ "\\<cat\\>", "cat", "cats" },
		{ "a{b", "a{b", "ab" },
		{ "(|a)b", "b", "a" },
		{ "(a*)*$", "aaa", NULL },
		{ "", "anything", NULL },
	};

	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		cr_expect_eq(matches(rows[i].expression, rows[i].yes), 1, "%s: %s",
			rows[i].expression, rows[i].yes);
		if (rows[i].no)
			cr_expect_eq(matches(rows[i].expression, rows[i].no), 0, "%s: not %s",
				rows[i].expression, rows[i].no);
	}
}

Test(cli_ere, what_is_no_expression_is_refused_with_the_reason)
{
	static const char *const bad[] = { "(a", "a)", "[a", "[[:nope:]]", "[b-a]", "*a", "a|*b",
		"(+)", "a\\", "a{2", "a{3,2}", "a{256}", "[[.a.]]", "[[=a=]]", "\\q", "[", "([a",
		"[[:alpha:]", "[a-" };

	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		const char *why = NULL;
		cr_expect_null(ere_new(bad[i], &why), "%s", bad[i]);
		cr_expect_not_null(why);
	}
}

Test(cli_ere, its_size_and_depth_are_bounded)
{
	char deep[200] = "", why_text[8] = "";
	const char *why = why_text;

	cr_expect_eq(matches("((((a{9}){9}){9}){9}){9}", "a"), -1);
	for (int i = 0; i < 64; i++) {
		deep[i] = '(';
		deep[65 + i] = ')';
	}
	deep[64] = 'a';
	cr_expect_eq(matches(deep, "a"), 1, "64 within one another");
	memmove(deep + 1, deep, 130);
	deep[130] = ')';
	cr_expect_null(ere_new(deep, &why), "65 of them");
}

Test(cli_ere, no_line_takes_for_ever)
{
	char *text = malloc(60001);

	memset(text, 'a', 60000);
	text[60000] = '\0';
	cr_expect_eq(matches("(a*)*(a|aa)*(a?){30}b", text), 0);
	free(text);
}

Test(cli_ere, a_nul_is_a_character)
{
	const char *why;
	struct ere *e = ere_new("a.b$", &why);

	cr_assert_not_null(e);
	cr_expect(ere_match(e, "xa\0b", 4));
	cr_expect_not(ere_match(e, "xa\0bc", 5));
	ere_free(e);
}

/* --- beside the C library's --- */

static unsigned state = 1;

static unsigned roll(unsigned n)
{
	state = state * 1103515245 + 12345;
	return state / 65536 % n;
}

/* Without edges in the midst: the other's repetitions of those are wrong. */
static void write_expression(char **p, const char *end, int depth)
{
	static const char *const atoms[] = { "a", "b", "c", ".", "[ab]", "[^a]", "[[:alpha:]]",
		"\\w" };
	static const char *const times[] = { "", "", "", "*", "+", "?", "{2}", "{1,2}" };

	for (unsigned n = 1 + roll(3); n && *p < end; n--) {
		if (depth < 3 && roll(4) == 0) {
			*(*p)++ = '(';
			write_expression(p, end, depth + 1);
			*(*p)++ = ')';
		} else {
			*p = stpcpy(*p, atoms[roll(8)]);
		}
		*p = stpcpy(*p, times[roll(8)]);
		if (n > 1 && roll(4) == 0)
			*(*p)++ = '|';
	}
	**p = '\0';
}

static void write_whole(char *p, const char *end)
{
	bool left = roll(2), right = roll(2);

	p = stpcpy(p, left ? "^(" : "(");
	write_expression(&p, end, 0);
	(void)stpcpy(p, right ? ")$" : ")");
}

Test(cli_ere, it_agrees_with_the_c_librarys_on_whatever_is_thrown_at_both)
{
	char expression[512], text[12];

	for (int i = 0; i < 5000; i++) {
		const char *why;
		regex_t other;
		write_whole(expression, expression + 30);
		if (regcomp(&other, expression, REG_EXTENDED | REG_NOSUB) != 0)
			continue;
		struct ere *e = ere_new(expression, &why);
		cr_assert_not_null(e, "%s: %s", expression, why);
		for (int k = 0; k < 8; k++) {
			size_t n = roll(10);
			for (size_t c = 0; c < n; c++)
				text[c] = "abcd- "[roll(6)];
			text[n] = '\0';
			cr_assert_eq(ere_match(e, text, n), regexec(&other, text, 0, NULL, 0) == 0,
				"%s: \"%s\"", expression, text);
		}
		ere_free(e);
		regfree(&other);
	}
}
