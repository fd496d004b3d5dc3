#include <criterion/criterion.h>

#include "base/clock.h"
#include "node/cron.h"
#include "zonefile.h"

static struct zonefile f;
static struct zone z;
static struct cron_expr c;
static struct err err;

static void given(const char *expression, const char *rule)
{
	cr_assert_eq(cron_parse(expression, &c, &err), 0, "%s: %s", expression, err.msg);
	z = (struct zone){ 0 };
	if (rule)
		cr_assert_eq(zf_zone(&f, rule, &z, &err), 0, "%s: %s", rule, err.msg);
}

static int64_t number(const char **s)
{
	int64_t v = 0;

	for (; **s >= '0' && **s <= '9'; ++*s)
		v = v * 10 + (**s - '0');
	*s += **s != '\0';
	return v;
}

/* "2025-03-30 01:00:00", UTC */
static int64_t utc(const char *s)
{
	int64_t y = number(&s), m = number(&s), d = number(&s), day = 0;
	int year, month, dom;

	for (day = (y - 1970) * 365;; day++) {
		clock_civil(day, &year, &month, &dom);
		if (year == y && month == m && dom == d)
			break;
	}
	int64_t h = number(&s), min = number(&s), sec = number(&s);
	return day * 86400 + h * 3600 + min * 60 + sec;
}

/* From the first time on, each after the one before it. */
static void runs(const char *after, int n, const char *const *at)
{
	int64_t t = utc(after);

	for (int i = 0; i < n; i++) {
		char text[32];
		t = cron_next(&c, &z, t);
		cr_assert_neq(t, CRON_NEVER);
		cr_expect_eq(t, utc(at[i]), "%d: %.19s, not %s", i,
			clock_print(text, t * NS_PER_SEC), at[i]);
		t = utc(at[i]);
	}
}
#define RUNS(after, ...)                                                                           \
	runs(after, sizeof((const char *[]){ __VA_ARGS__ }) / sizeof(char *),                      \
		(const char *[]){ __VA_ARGS__ })

Test(node_cron, the_next_is_strictly_after_and_the_first_of_its_second)
{
	given("*/5 * * * * *", NULL);
	RUNS("2025-01-01 00:00:00", "2025-01-01 00:00:05", "2025-01-01 00:00:10");
	RUNS("2025-12-31 23:59:54", "2025-12-31 23:59:55", "2026-01-01 00:00:00");
	given("30 6 * * *", NULL);
	RUNS("2025-01-01 06:29:59", "2025-01-01 06:30:00", "2025-01-02 06:30:00");
}

Test(node_cron, months_years_and_leap_days_are_passed_over)
{
	given("0 0 31 * *", NULL);
	RUNS("2025-01-31 00:00:00", "2025-03-31 00:00:00", "2025-05-31 00:00:00");
	given("0 0 29 2 *", NULL);
	RUNS("2025-01-01 00:00:00", "2028-02-29 00:00:00", "2032-02-29 00:00:00");
	RUNS("2096-02-29 00:00:00", "2104-02-29 00:00:00");
	given("0 0 1 1 *", NULL);
	RUNS("2099-12-31 23:59:59", "2100-01-01 00:00:00", "2101-01-01 00:00:00");
	given("0 0 29 2 */7", NULL); /* both: a leap day on a Sunday */
	RUNS("2025-01-01 00:00:00", "2032-02-29 00:00:00", "2060-02-29 00:00:00",
		"2088-02-29 00:00:00", "2128-02-29 00:00:00");
}

Test(node_cron, day_and_weekday_are_either_where_both_are_restricted)
{
	given("0 0 13 * fri", NULL);
	RUNS("2025-06-10 00:00:00", "2025-06-13 00:00:00", "2025-06-20 00:00:00");
	RUNS("2025-07-11 00:00:00", "2025-07-13 00:00:00", "2025-07-18 00:00:00");
	given("0 0 13 * *", NULL);
	RUNS("2025-06-13 00:00:00", "2025-07-13 00:00:00");
	given("0 0 * * 7", NULL);
	RUNS("2025-06-13 00:00:00", "2025-06-15 00:00:00", "2025-06-22 00:00:00");
	given("0 0 */2 * mon", NULL); /* an asterisk: both */
	RUNS("2025-06-01 00:00:00", "2025-06-09 00:00:00", "2025-06-23 00:00:00");
}

Test(node_cron, a_time_that_spring_skips_runs_once_behind_the_gap)
{
	given("30 2 * * *", BERLIN); /* 2:00 to 3:00 is none, 2025-03-30 */
	RUNS("2025-03-28 12:00:00", "2025-03-29 01:30:00", "2025-03-30 01:00:00",
		"2025-03-31 00:30:00");
	given("0,15,30 2 * * *", BERLIN);
	RUNS("2025-03-29 12:00:00", "2025-03-30 01:00:00", "2025-03-31 00:00:00");
	given("* 30 2 * * *", BERLIN); /* each second of it, too */
	RUNS("2025-03-29 12:00:00", "2025-03-30 01:00:00", "2025-03-31 00:30:00");
	given("0 2,3 * * *", BERLIN); /* the skipped one and the one behind the gap are one */
	RUNS("2025-03-29 12:00:00", "2025-03-30 01:00:00", "2025-03-31 00:00:00");
	given("0 3 * * *", BERLIN);
	RUNS("2025-03-29 12:00:00", "2025-03-30 01:00:00", "2025-03-31 01:00:00");
	given("30 2 * * *", NEW_YORK); /* 2025-03-09 */
	RUNS("2025-03-08 12:00:00", "2025-03-09 07:00:00", "2025-03-10 06:30:00");
	given("30 2 * * *", SYDNEY); /* 2025-10-05 */
	RUNS("2025-10-03 23:00:00", "2025-10-04 16:00:00", "2025-10-05 15:30:00");
	given("10 0 * * *", SANTIAGO); /* midnight is what is skipped: 2025-09-07 */
	RUNS("2025-09-06 12:00:00", "2025-09-07 04:00:00", "2025-09-08 03:10:00");
}

Test(node_cron, a_time_that_autumn_repeats_runs_the_first_time)
{
	given("30 2 * * *", BERLIN); /* 2025-10-26, 3:00 is 2:00 again */
	RUNS("2025-10-25 12:00:00", "2025-10-26 00:30:00", "2025-10-27 01:30:00");
	RUNS("2025-10-26 00:45:00", "2025-10-27 01:30:00"); /* asked between the two */
	RUNS("2025-10-26 01:15:00", "2025-10-27 01:30:00"); /* and in the second hour */
	given("0 3 * * *", BERLIN);
	RUNS("2025-10-25 12:00:00", "2025-10-26 02:00:00");
	given("30 1 * * *", NEW_YORK); /* 2025-11-02 */
	RUNS("2025-11-01 12:00:00", "2025-11-02 05:30:00", "2025-11-03 06:30:00");
	given("30 2 * * *", SYDNEY); /* 2025-04-06 */
	RUNS("2025-04-05 00:00:00", "2025-04-05 15:30:00", "2025-04-06 16:30:00");
	given("30 23 * * *", SANTIAGO); /* the day before comes back: 2025-04-05 */
	RUNS("2025-04-05 12:00:00", "2025-04-06 02:30:00", "2025-04-07 03:30:00");
}

Test(node_cron, each_hour_and_each_minute_go_by_elapsed_time)
{
	given("0 * * * *", BERLIN);
	RUNS("2025-03-29 23:30:00", "2025-03-30 00:00:00", "2025-03-30 01:00:00",
		"2025-03-30 02:00:00");
	RUNS("2025-10-25 23:30:00", "2025-10-26 00:00:00", "2025-10-26 01:00:00",
		"2025-10-26 02:00:00");
	given("*/30 * * * *", NEW_YORK);
	RUNS("2025-11-02 05:00:00", "2025-11-02 05:30:00", "2025-11-02 06:00:00",
		"2025-11-02 06:30:00", "2025-11-02 07:00:00");
	given("*/20 2 * * *",
		BERLIN); /* hour 2 is none on that day, and comes twice on the other */
	RUNS("2025-03-29 12:00:00", "2025-03-31 00:00:00");
	RUNS("2025-10-26 00:30:00", "2025-10-26 00:40:00", "2025-10-26 01:00:00",
		"2025-10-26 01:20:00", "2025-10-26 01:40:00", "2025-10-27 01:00:00");
}

Test(node_cron, far_years_go_by_the_rule_behind_the_table)
{
	given("30 2 * * *", BERLIN);
	RUNS("2050-03-26 12:00:00", "2050-03-27 01:00:00", "2050-03-28 00:30:00");
	RUNS("2050-10-29 12:00:00", "2050-10-30 00:30:00", "2050-10-31 01:30:00");
	given("0 12 * * *", "JST-9");
	RUNS("2050-03-26 12:00:00", "2050-03-27 03:00:00", "2050-03-28 03:00:00");
	given("0 0 1 1 *", NEW_YORK);
	RUNS("2050-06-01 00:00:00", "2051-01-01 05:00:00");
}

Test(node_cron, a_clock_that_was_never_set_has_its_times_too)
{
	given("0 0 * * *", "EST5");
	cr_expect_eq(cron_next(&c, &z, INT64_MIN), utc("1970-01-02 05:00:00"));
	cr_expect_eq(cron_next(&c, &z, 0), utc("1970-01-02 05:00:00"));
}

/* --- a clock that jumps --- */

static struct cron_plan p;

static bool due(const char *now)
{
	return cron_due(&p, &c, &z, utc(now));
}

static void begin(const char *expression, const char *now)
{
	given(expression, NULL);
	cron_begin(&p, &c, &z, utc(now));
}

Test(node_cron, it_is_due_at_its_second_and_once)
{
	begin("0 * * * *", "2025-06-01 10:30:00");
	cr_expect_not(due("2025-06-01 10:59:59"));
	cr_expect(due("2025-06-01 11:00:00"));
	cr_expect_not(due("2025-06-01 11:00:00"));
	cr_expect_not(due("2025-06-01 11:59:59"));
	cr_expect(due("2025-06-01 12:00:07"), "late is due");
	cr_expect_eq(p.next, utc("2025-06-01 13:00:00"));
}

Test(node_cron, a_clock_set_forward_over_several_times_runs_one)
{
	begin("0 * * * *", "2025-06-01 10:30:00");
	cr_expect(due("2025-06-04 15:20:00"));
	cr_expect_not(due("2025-06-04 15:20:01"));
	cr_expect_eq(p.next, utc("2025-06-04 16:00:00"));
}

Test(node_cron, a_clock_set_back_does_not_run_what_has_run)
{
	begin("0 * * * *", "2025-06-01 10:30:00");
	cr_assert(due("2025-06-01 11:00:00"));
	cr_expect_not(due("2025-06-01 10:10:00"));
	cr_expect_not(due("2025-06-01 11:00:00"));
	cr_expect(due("2025-06-01 12:00:00"));
	cr_expect_not(due("2025-06-01 09:00:00"), "by three hours");
	cr_expect_eq(p.next, utc("2025-06-01 13:00:00"));
}

Test(node_cron, a_clock_set_back_by_more_than_three_hours_was_wrong_before)
{
	begin("0 * * * *", "2025-06-01 10:30:00");
	cr_assert(due("2038-06-01 12:00:00"));
	cr_expect_not(due("2025-06-01 10:31:00"));
	cr_expect_eq(p.next, utc("2025-06-01 11:00:00"));
	cr_expect(due("2025-06-01 11:00:00"));
}

Test(node_cron, a_zone_a_day_west_has_no_time_before_there_was_time)
{
	given("30 0 0 * * *", "<-24>24:59:59");
	cr_expect_eq(cron_next(&c, &z, 0), 30 + 24 * 3600 + 59 * 60 + 59);
}
