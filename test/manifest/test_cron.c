#include "loading.h"

static struct cron_expr c;
static struct err err;

static int parse(const char *text)
{
	return cron_parse(text, &c, &err);
}

static uint64_t bits(int low, int high, int step)
{
	uint64_t v = 0;

	for (int i = low; i <= high; i += step)
		v |= (uint64_t)1 << i;
	return v;
}

Test(manifest_cron, five_fields_run_at_second_nought_and_six_begin_with_the_second)
{
	cr_assert_eq(parse("1 2 3 4 5"), 0);
	for (int f = 0; f < CRON_FIELDS; f++)
		cr_expect_eq(c.set[f], (uint64_t)1 << f, "%d", f);
	cr_assert_eq(parse("  30\t1 2 3 4 5 \n"), 0);
	cr_expect_eq(c.set[CRON_SECOND], (uint64_t)1 << 30);
	cr_expect_eq(c.set[CRON_WEEKDAY], (uint64_t)1 << 5);
	cr_expect_eq(c.any, 0u);
}

Test(manifest_cron, each_field_takes_its_last_number_and_none_beyond)
{
	static const struct {
		const char *fits, *below, *above;
		enum cron_field f;
		int low, high;
	} rows[] = {
		{ "0,59 * * * * *", NULL, "60 * * * * *", CRON_SECOND, 0, 59 },
		{ "0,59 * * * *", NULL, "60 * * * *", CRON_MINUTE, 0, 59 },
		{ "* 0,23 * * *", NULL, "* 24 * * *", CRON_HOUR, 0, 23 },
		{ "* * 1,31 * *", "* * 0 * *", "* * 32 * *", CRON_DAY, 1, 31 },
		{ "* * * 1,12 *", "* * * 0 *", "* * * 13 *", CRON_MONTH, 1, 12 },
		{ "* * * * 0,6", NULL, "* * * * 8", CRON_WEEKDAY, 0, 6 },
	};

	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		cr_assert_eq(parse(rows[i].fits), 0, "%s", rows[i].fits);
		cr_expect_eq(c.set[rows[i].f],
			(uint64_t)1 << rows[i].low | (uint64_t)1 << rows[i].high, "%s",
			rows[i].fits);
		cr_expect_lt(parse(rows[i].above), 0, "%s", rows[i].above);
		cr_expect(strstr(err.msg, "out of range"), "%s", err.msg);
		cr_expect(rows[i].below == NULL || parse(rows[i].below) < 0, "%s", rows[i].below);
	}
}

Test(manifest_cron, lists_ranges_and_steps_are_what_they_say)
{
	cr_assert_eq(parse("1,5-7,20-40/10,50/3 */6 * * *"), 0);
	cr_expect_eq(c.set[CRON_MINUTE],
		bits(1, 1, 1) | bits(5, 7, 1) | bits(20, 40, 10) | bits(50, 59, 3));
	cr_expect_eq(c.set[CRON_HOUR], bits(0, 23, 6));
	cr_assert_eq(parse("*/59 * * * *"), 0);
	cr_expect_eq(c.set[CRON_MINUTE], bits(0, 59, 59));
}

Test(manifest_cron, names_of_months_and_weekdays_are_numbers_and_sunday_is_0_and_7)
{
	cr_assert_eq(parse("0 0 * jan,Jun-AUG,dec mon-Fri"), 0);
	cr_expect_eq(c.set[CRON_MONTH], bits(1, 1, 1) | bits(6, 8, 1) | bits(12, 12, 1));
	cr_expect_eq(c.set[CRON_WEEKDAY], bits(1, 5, 1));
	cr_assert_eq(parse("0 0 * * 7"), 0);
	cr_expect(c.set[CRON_WEEKDAY] & 1);
	cr_assert_eq(parse("0 0 * * fri-sun"), 0);
	cr_expect_eq(c.set[CRON_WEEKDAY] & 0x7f, bits(0, 0, 1) | bits(5, 6, 1));
	cr_assert_eq(parse("0 0 ? * sun"), 0);
	cr_expect_eq(c.set[CRON_WEEKDAY] & 0x7f, bits(0, 0, 1));
}

Test(manifest_cron, what_is_wrong_is_said_with_its_field_and_a_remedy)
{
	static const char *const bad[][2] = {
		{ "", "0 fields" },
		{ "* * * *", "4 fields" },
		{ "* * * * * * *", "7 fields" },
		{ "@daily", "1 fields" },
		{ "61 * * * *", "the minute \"61\": out of range" },
		{ "* 5-1 * * *", "the hour \"5-1\": it runs backwards" },
		{ "*/0 * * * *", "the minute \"*/0\": out of range" },
		{ "*/60 * * * *", "out of range" },
		{ "* */ * * *", "out of range" },
		{ "* * * foo *", "the month \"foo\": neither a number nor a name" },
		{ "* * * january *", "neither a number nor a name" },
		{ "* * * * fri-", "the weekday \"fri-\"" },
		{ "1,,2 * * * *", "the minute \"1,,2\"" },
		{ "1, * * * *", "the minute \"1,\"" },
		{ "1x * * * *", "the minute \"1x\": neither a number nor a name" },
		{ "** * * * *", "neither a number nor a name" },
		{ "?? * * * *", "neither a number nor a name" },
		{ "-5 * * * *", "neither a number nor a name" },
		{ "1-2-3 * * * *", "neither a number nor a name" },
		{ "99999999999999999999 * * * *", "out of range" },
	};

	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		cr_expect_lt(parse(bad[i][0]), 0, "%s", bad[i][0]);
		cr_expect_eq(err.code, ERR_BAD_VALUE);
		cr_expect(strstr(err.msg, bad[i][1]), "%s: %s", bad[i][0], err.msg);
		cr_expect_neq(err.help[0], '\0', "%s", bad[i][0]);
	}
}

Test(manifest_cron, a_day_that_no_month_has_is_refused_and_29_february_is_one)
{
	cr_expect_lt(parse("0 0 30 2 *"), 0);
	cr_expect(strstr(err.msg, "never"), "%s", err.msg);
	cr_expect_lt(parse("0 0 31 2,4,6,9,11 *"), 0);
	cr_expect_eq(parse("0 0 29 2 *"), 0);
	cr_expect_eq(parse("0 0 30 2,4 *"), 0);
	cr_expect_eq(parse("0 0 31 jan,feb *"), 0);
	cr_expect_eq(parse("0 0 30 2 mon"), 0, "the weekday is enough");
	cr_expect_lt(
		parse("0 0 30 2 */2"), 0, "an asterisk restricts nothing, so the day has to be");
}

Test(manifest_cron, a_time_of_the_day_is_one_that_names_hour_and_minute)
{
	cr_assert_eq(parse("* 30 2 * * *"), 0);
	cr_expect(cron_is_fixed(&c));
	cr_assert_eq(parse("30 2,3 * * *"), 0);
	cr_expect(cron_is_fixed(&c));
	cr_assert_eq(parse("*/5 2 * * *"), 0);
	cr_expect_not(cron_is_fixed(&c));
	cr_assert_eq(parse("30 */2 * * *"), 0);
	cr_expect_not(cron_is_fixed(&c));
}

Test(manifest_cron, the_name_of_a_zone_leads_nowhere_but_below_its_folder)
{
	cr_expect(zone_name_ok("Europe/Berlin"));
	cr_expect(zone_name_ok("America/Port-au-Prince"));
	cr_expect(zone_name_ok("Etc/GMT+5"));
	cr_expect_not(zone_name_ok(""));
	cr_expect_not(zone_name_ok("/etc/passwd"));
	cr_expect_not(zone_name_ok("../../etc/passwd"));
	cr_expect_not(zone_name_ok("Europe/Ber lin"));
	cr_expect_not(zone_name_ok("CET-1CEST,M3.5.0,M10.5.0/3"));
}

/* --- the keys of a service --- */

static void cron_means(
	const char *cron, const char *zone, const char *file, enum cron_overlap overlap)
{
	char line[256];

	snprintf(line, sizeof line, "cron: {expression: \"5 4 * * *\"%s}", cron);
	struct manifest *m = line_good(line);
	const struct cron_spec *is = &m->services[0].cron;
	cr_expect_str_eq(is->expression, "5 4 * * *");
	cr_expect_eq(is->at.set[CRON_HOUR], (uint64_t)1 << 4);
	cr_expect_str_eq(is->timezone, zone);
	cr_expect(file ? is->zone_file && strcmp(is->zone_file, file) == 0 : !is->zone_file);
	cr_expect_eq(is->overlap, overlap);
	cr_expect_eq(m->services[0].restart, RESTART_NEVER, "no policy of restarts");
	manifest_free(m);
}

Test(manifest_cron, zone_and_overlap_have_their_defaults)
{
	cron_means("", "UTC", NULL, CRON_SKIP);
	cron_means(", timezone: UTC, overlap: queue", "UTC", NULL, CRON_QUEUE);
	cron_means(", timezone: Europe/Berlin, overlap: kill", "Europe/Berlin",
		"/usr/share/zoneinfo/Europe/Berlin", CRON_KILL);
}

Test(manifest_cron, the_containers_tz_is_the_default_of_the_zone)
{
	static char *const with[] = { "TZ=:America/New_York", NULL },
			   *const without[] = { "TZ=", NULL },
			   *const odd[] = { "TZ=CET-1CEST,M3.5.0,M10.5.0/3", NULL };

	loading_source.environ = with;
	cron_means("", "America/New_York", "/usr/share/zoneinfo/America/New_York", CRON_SKIP);
	cron_means(", timezone: UTC", "UTC", NULL, CRON_SKIP);
	loading_source.environ = without;
	cron_means("", "UTC", NULL, CRON_SKIP);
	loading_source.environ = odd;
	line_refused("cron: {expression: '* * * * *'}", ERR_BAD_VALUE, 11, "write timezone");
}

Test(manifest_cron, what_is_wrong_is_found_at_its_place)
{
	line_refused("cron: {}", ERR_BAD_VALUE, 11, "has no \"expression\"");
	line_refused("cron: {expression: '61 * * * *'}", ERR_BAD_VALUE, 24,
		"\"expression\": the minute \"61\"");
	line_refused("cron: {expression: '* * * * *', timezone: ../x}", ERR_BAD_VALUE, 47,
		"no name of a time zone");
	line_refused(
		"cron: {expression: '* * * * *', overlap: allow}", ERR_BAD_VALUE, 46, "write skip");
	line_refused("cron: '* * * * *'", ERR_BAD_VALUE, 11, "a map is expected");
}

Test(manifest_cron, what_does_not_go_with_it_is_refused)
{
	refused_at(SVC("    essential: true\n    cron: {expression: '* * * * *'}\n"), ERR_BAD_VALUE,
		2, 3, "can't be \"essential\"");
	refused_at("exit_code_from: a\n" SVC("    cron: {expression: '* * * * *'}\n"),
		ERR_BAD_VALUE, 3, 3, "can't be \"essential\"");
	refused_at("services:\n  a:\n    remote: {uid: 1, token_file: x}\n"
		   "    cron: {expression: '* * * * *'}\n",
		ERR_BAD_VALUE, 2, 3, "can't be \"remote\"");
	refused_at(SVC("    depends_on: [b]\n  b:\n    command: x\n"
		       "    cron: {expression: '* * * * *'}\n"),
		ERR_BAD_DEPENDENCY, 4, 18, "\"a\" depends on a cron unit");
}

Test(manifest_cron, another_time_is_another_definition)
{
	static const char *const lines[] = { "cron: {expression: '* * * * *'}",
		"cron: {expression: '1 * * * *'}",
		"cron: {expression: '* * * * *', timezone: Asia/Tokyo}",
		"cron: {expression: '* * * * *', overlap: kill}", "restart_policy: never" };
	char hash[5][17];

	for (int i = 0; i < 5; i++) {
		struct manifest *m = line_good(lines[i]);
		memcpy(hash[i], m->services[0].hash, sizeof hash[i]);
		manifest_free(m);
		for (int k = 0; k < i; k++)
			cr_expect_str_neq(hash[i], hash[k], "%d %d", i, k);
	}
}
