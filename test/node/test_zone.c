#include <criterion/criterion.h>
#include <stdlib.h>

#include "zonefile.h"

static struct zonefile f;
static struct zone z;
static struct err err;

static const int32_t cet[2] = { 3600, 7200 };

static void expect(int64_t t, int64_t from, int64_t to, int32_t offset)
{
	struct zone_span s = zone_at(&z, t);

	cr_expect_eq(s.from, from, "%lld: from %lld", (long long)t, (long long)s.from);
	cr_expect_eq(s.to, to, "%lld: to %lld", (long long)t, (long long)s.to);
	cr_expect_eq(s.offset, offset, "%lld: %d", (long long)t, (int)s.offset);
}

Test(node_zone, no_file_is_utc_for_ever)
{
	expect(1700000000, INT64_MIN, INT64_MAX, 0);
}

Test(node_zone, the_table_holds_up_to_its_last_change_and_the_rule_behind_it)
{
	/* 2024-03-31 and 2024-10-27, 01:00 UTC */
	static const int64_t times[] = { 1711846800, 1729990800 };

	zf_make(&f, times, 2, cet, BERLIN);
	cr_assert_eq(zone_parse(f.bytes, f.len, &z, &err), 0, "%s", err.msg);
	expect(1711846799, INT64_MIN, 1711846800, 3600);
	expect(1711846800, 1711846800, 1729990800, 7200);
	expect(1729990799, 1711846800, 1729990800, 7200);
	expect(1729990800, 1729990800, 1743296400, 3600); /* to 2025-03-30 by the rule */
	expect(2531955600, 2531955600, 2550704400, 7200); /* 2050-03-27 to 2050-10-30 */
}

Test(node_zone, without_a_rule_what_the_table_ends_with_goes_on)
{
	static const int64_t times[] = { 1711846800 };

	zf_make(&f, times, 1, cet, "");
	cr_assert_eq(zone_parse(f.bytes, f.len, &z, &err), 0, "%s", err.msg);
	expect(1900000000, 1711846800, INT64_MAX, 7200);
}

Test(node_zone, version_1_has_four_bytes_a_time)
{
	static const int64_t times[] = { 1711846800, 1729990800 };

	zf_block(&f, '\0', 4, times, 2, cet);
	cr_assert_eq(zone_parse(f.bytes, f.len, &z, &err), 0, "%s", err.msg);
	expect(1720000000, 1711846800, 1729990800, 7200);
	expect(1900000000, 1729990800, INT64_MAX, 3600);
}

Test(node_zone, rules_of_the_south_of_julian_days_and_of_days_beyond_theirs)
{
	cr_assert_eq(zf_zone(&f, SYDNEY, &z, &err), 0);
	expect(1736000000, 1728144000, 1743868800,
		39600);                                   /* 2024-10-05 16:00 to 2025-04-05 16:00 */
	cr_assert_eq(zf_zone(&f, SANTIAGO, &z, &err), 0); /* 24:00 is the next day's 0:00 */
	expect(1736000000, 1725768000, 1743908400, -10800);
	cr_assert_eq(zf_zone(&f, "<+0330>-3:30<+0430>,J79/24,J263/24", &z, &err), 0);
	expect(1718000000, 1710966600, 1726860600, 16200);
	cr_assert_eq(zf_zone(&f, "AAA0BBB,59,300/-1:30:30", &z, &err), 0); /* 29 February 2024 */
	expect(1718000000, 1709172000, 1729978170, 3600);
	cr_assert_eq(zf_zone(&f, "IST-1GMT0,M10.5.0,M3.5.0/1", &z, &err), 0); /* Dublin */
	expect(1705000000, 1698541200, 1711846800, 0);
	cr_assert_eq(zf_zone(&f, "XXX3EDT4,0/0,J365/23", &z, &err), 0);
	cr_expect_eq(zone_at(&z, 1718000000).offset, -4 * 3600, "summer all the year round");
	cr_expect_eq(zone_at(&z, 1735700400).offset, -4 * 3600, "at its turn too");
}

Test(node_zone, a_rule_that_is_none_is_refused)
{
	static const char *const bad[] = { "C-1", "CET", "CET-", "CET-25", "CET-1CEST",
		"CET-1CEST,M3.5.0", "CET-1CEST,M3.5.0,M10.5.0/3,", "CET-1CEST,M13.5.0,M10.5.0",
		"CET-1CEST,M3.6.0,M10.5.0", "CET-1CEST,M3.0.0,M10.5.0", "CET-1CEST,M3.5.7,M10.5.0",
		"CET-1CEST,M3.5.0/168,M10.5.0", "CET-1CEST,366,1", "<CET-1", "CET-1:60", "CET-1x" };

	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		cr_expect_lt(zf_zone(&f, bad[i], &z, &err), 0, "%s", bad[i]);
		cr_expect_eq(zone_at(&z, 1700000000).offset, 0, "what is left is UTC");
	}
}

Test(node_zone, a_file_that_is_cut_off_anywhere_is_refused)
{
	static const int64_t times[] = { 1711846800, 1729990800 };

	zf_make(&f, times, 2, cet, BERLIN);
	for (size_t n = 0; n < f.len; n++) {
		char *part = malloc(n + 1); /* so that a read beyond it is seen */
		memcpy(part, f.bytes, n);
		part = realloc(part, n ? n : 1);
		cr_expect_lt(zone_parse(part, n, &z, &err), 0, "%zu of %zu bytes", n, f.len);
		free(part);
	}
}

Test(node_zone, no_byte_that_is_changed_leads_astray)
{
	static const int64_t times[] = { 1711846800, 1729990800 };

	for (size_t at = 0; at < f.len || !at; at++)
		for (int v = 0; v < 256; v++) {
			zf_make(&f, times, 2, cet, BERLIN);
			f.bytes[at] = (char)v;
			if (zone_parse(f.bytes, f.len, &z, &err) < 0)
				continue;
			struct zone_span s = zone_at(&z, 1720000000);
			cr_assert(s.from <= 1720000000 && s.to > 1720000000, "%zu %d", at, v);
			cr_assert(s.offset > -26 * 3600 && s.offset < 26 * 3600, "%zu %d", at, v);
		}
}

Test(node_zone, times_beyond_all_bounds_unknown_types_and_leap_seconds_are_refused)
{
	static const int64_t far[] = { 5, INT64_MAX };
	static const int32_t odd[2] = { 3600, 26 * 3600 };

	zf_make(&f, far, 2, cet, BERLIN);
	cr_expect_lt(zone_parse(f.bytes, f.len, &z, &err), 0);
	zf_make(&f, far, 1, odd, BERLIN);
	cr_expect_lt(zone_parse(f.bytes, f.len, &z, &err), 0);

	memset(&f, 0, sizeof f);
	zf_header(&f, 0, 0, 1, 1);
	f.len += 6 + 4 + 8;
	cr_expect_lt(zone_parse(f.bytes, f.len, &z, &err), 0);
	cr_expect(strstr(err.msg, "leap seconds"), "%s", err.msg);
}
