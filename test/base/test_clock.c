#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"

Test(clock, a_time_is_printed_as_strftime_would_on_every_day_of_two_centuries)
{
	char ours[32], theirs[32];

	for (int64_t day = 0; day < 200 * 366; day++) {
		time_t t = (time_t)(day * 86400 + day * 7919 % 86400);
		struct tm tm;
		gmtime_r(&t, &tm);
		strftime(theirs, sizeof theirs, "%Y-%m-%dT%H:%M:%S", &tm);
		clock_print(ours, t * NS_PER_SEC + 470911 * NS_PER_US);
		cr_assert_eq(strncmp(ours, theirs, strlen(theirs)), 0, "%s %s", ours, theirs);
		cr_assert_str_eq(ours + strlen(theirs), ".470911Z");
	}
}
