#include <criterion/criterion.h>
#include <string.h>

#include "base/caps.h"
#include "manifest/limits.h"
#include "manifest/manifest.h"

static struct err err;

static int64_t parse(enum limit_key k, const char *s)
{
	int64_t v = -99;

	return limit_parse(k, s, &v, &err) < 0 ? -2 : v;
}

Test(limits, each_row_is_found_by_its_key_and_no_other_word)
{
	for (int i = 0; i < LIMIT_COUNT; i++)
		cr_expect_eq(limit_find(limit_rows[i].key), i);
	cr_expect_eq(limit_find("kids"), -1);
	cr_expect_eq(limit_find(""), -1);
}

Test(limits, zero_means_none_only_for_the_kinds_that_say_so)
{
	cr_expect_eq(parse(LIMIT_CHILDREN, "0"), 0);
	cr_expect_eq(parse(LIMIT_EVER, "0"), LIMIT_NONE);
	cr_expect_eq(parse(LIMIT_RATE, "0"), LIMIT_NONE);
	cr_expect_eq(parse(LIMIT_TTL, "0"), LIMIT_NONE);
	cr_expect_eq(parse(LIMIT_TTL, "90"), 90000000000);
	cr_expect_eq(parse(LIMIT_TTL, "2m"), 120000000000);
}

Test(limits, values_have_a_range_and_a_form)
{
	cr_expect_eq(parse(LIMIT_CHILDREN, "1000000000"), 1000000000);
	cr_expect_eq(parse(LIMIT_CHILDREN, "1000000001"), -2);
	cr_expect_eq(err.code, ERR_BAD_VALUE);
	cr_expect(strstr(err.msg, "children"));
	cr_expect_eq(parse(LIMIT_CHILDREN, "-1"), -2);
	cr_expect_eq(parse(LIMIT_DEPTH, "3s"), -2);
	cr_expect_eq(parse(LIMIT_TTL, "1.5h"), -2);
}

Test(limits, memory_is_in_bytes_and_0_is_none)
{
	cr_expect_eq(parse(LIMIT_TOTAL_MEMORY, "512M"), 512 << 20);
	cr_expect_eq(parse(LIMIT_CHILD_MEMORY, "0"), LIMIT_NONE);
	cr_expect_eq(parse(LIMIT_CHILD_MEMORY, "1.5G"), -2);
	cr_expect(strstr(err.msg, "child_memory"));
}

Test(limits, an_assignment_sets_its_own_limit_alone)
{
	struct spawn_limits lim;

	for (int i = 0; i < LIMIT_COUNT; i++)
		lim.v[i] = LIMIT_NONE;
	cr_expect_eq(limit_assign(&lim, "depth=2", &err), 0);
	for (int i = 0; i < LIMIT_COUNT; i++)
		cr_expect_eq(lim.v[i], i == LIMIT_DEPTH ? 2 : LIMIT_NONE);
	for (const char *const *s = (const char *const[]){ "depth", "depth=", "=3", "", "dep=3",
		     "depth=3=4", "total_memory=1.5G",
		     "a_key_that_is_longer_than_any_key_of_ours=1", NULL };
		*s; s++)
		cr_expect_eq(limit_assign(&lim, *s, &err), -1, "%s", *s);
	cr_expect_eq(lim.v[LIMIT_DEPTH], 2);
}

Test(limits, there_are_four_policies_in_the_order_of_tightening)
{
	static const char *const words[] = { "orphan", "reparent", "drain", "cascade" };
	enum spawn_policy p;

	for (int i = 0; i < 4; i++) {
		cr_expect(policy_parse(words[i], &p, &err) == 0 && (int)p == i, "%s", words[i]);
		cr_expect_str_eq(policy_name(p), words[i]);
	}
	cr_expect_eq(policy_parse("kill", &p, &err), -1);
	cr_expect_eq(err.code, ERR_BAD_VALUE);
}

Test(name, is_at_most_63_of_its_characters)
{
	char name[66];

	memset(name, 'a', 65);
	name[CAP_NAME] = '\0';
	cr_expect_eq(unit_name_check(name, &err), 0);
	name[CAP_NAME] = 'a';
	name[CAP_NAME + 1] = '\0';
	cr_expect_eq(unit_name_check(name, &err), -1);
	cr_expect_eq(err.code, ERR_BAD_VALUE);
}

Test(name, has_its_characters_and_is_neither_a_number_nor_a_word_with_a_meaning)
{
	for (const char *const *s =
			(const char *const[]){ "a", "_", "0a", "A.b-c_9", "selfish", "1.2", NULL };
		*s; s++)
		cr_expect_eq(unit_name_check(*s, &err), 0, "%s", *s);
	for (const char *const *s = (const char *const[]){ "", ".a", "-a", "a b", "a/b", "@1", "12",
		     "self", "parent", "init", "operator", "nobody", "\xc3\xa4", "a\n", NULL };
		*s; s++)
		cr_expect_eq(unit_name_check(*s, &err), -1, "%s", *s);
}
