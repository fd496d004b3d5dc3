#include <criterion/criterion.h>

#include "base/clock.h"
#include "base/units.h"

static int64_t dur(const char *s)
{
	const char *why;
	int64_t v;

	return duration_parse(s, &v, &why) < 0 ? -1 : v;
}

Test(units, a_bare_duration_is_seconds_and_fractions_are_refused)
{
	cr_expect_eq(dur("5"), 5 * NS_PER_SEC);
	cr_expect_eq(dur("100ms"), 100 * NS_PER_MS);
	cr_expect_eq(dur("2m"), 120 * NS_PER_SEC);
	cr_expect_eq(dur("1h"), 3600 * NS_PER_SEC);
	cr_expect_eq(dur("1.5s"), -1);
	cr_expect_eq(dur(""), -1);
	cr_expect_eq(dur("-1"), -1);
	cr_expect_eq(dur("5 s"), -1);
	cr_expect_eq(dur("99999999999999999999"), -1);
	cr_expect_eq(dur("4611686018427387904h"), -1);
}

Test(units, bytes_are_powers_of_1024_with_or_without_B)
{
	const char *why;
	int64_t a, b, c;

	cr_expect_eq(bytes_parse("1K", &a, &why), 0);
	cr_expect_eq(bytes_parse("1KB", &b, &why), 0);
	cr_expect_eq(bytes_parse("1KiB", &c, &why), 0);
	cr_expect(a == 1024 && b == 1024 && c == 1024);
	cr_expect_eq(bytes_parse("1k", &a, &why), -1);
	cr_expect_eq(bytes_parse("512M", &a, &why), 0);
	cr_expect_eq(a, 512LL << 20);
}

Test(units, rtmin_counts_from_34_everywhere)
{
	const char *why;
	int sig;

	cr_expect_eq(signal_parse("RTMIN+3", &sig, &why), 0);
	cr_expect_eq(sig, 37);
	cr_expect_str_eq(signal_name(37), "RTMIN+3");
	cr_expect_eq(signal_parse("SIGTERM", &sig, &why), 0);
	cr_expect_eq(sig, 15);
	cr_expect_eq(signal_parse("65", &sig, &why), -1);
	cr_expect_eq(signal_parse("0", &sig, &why), -1);
	cr_expect_eq(signal_parse("64", &sig, &why), 0);
	cr_expect_eq(signal_parse("RTMIN+31", &sig, &why), -1);
	cr_expect_eq(signal_parse("NOPE", &sig, &why), -1);
}

Test(units, word_distance_counts_edits)
{
	cr_expect_eq(word_distance("depends_on", "depend_on"), 1);
	cr_expect_eq(word_distance("", "abc"), 3);
	cr_expect_eq(word_distance("kitten", "sitting"), 3);
}
