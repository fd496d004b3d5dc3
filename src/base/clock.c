#include "base/clock.h"

#include <stdio.h>
#include <time.h>

static int64_t (*replaced)(void);

static int64_t now(clockid_t which)
{
	struct timespec ts;

	if (replaced)
		return replaced();
	clock_gettime(which, &ts);
	return ts.tv_sec * NS_PER_SEC + ts.tv_nsec;
}

int64_t clock_mono_ns(void)
{
	return now(CLOCK_MONOTONIC);
}

int64_t clock_wall_ns(void)
{
	return now(CLOCK_REALTIME);
}

int64_t clock_cpu_ns(void)
{
	return now(CLOCK_PROCESS_CPUTIME_ID);
}

void clock_replace(int64_t (*fn)(void))
{
	replaced = fn;
}

/* The date of a day since 1970-01-01: years counted from March, so that a leap day is a year's last. */
void clock_civil(int64_t day, int *year, int *month, int *dom)
{
	int64_t z = day + 719468, era = z / 146097, doe = z % 146097;
	int64_t yoe = (doe - doe / 1460 + doe / 36524 - doe / 146096) / 365;
	int64_t doy = doe - (365 * yoe + yoe / 4 - yoe / 100), mp = (5 * doy + 2) / 153;

	*dom = (int)(doy - (153 * mp + 2) / 5 + 1);
	*month = (int)(mp < 10 ? mp + 3 : mp - 9);
	*year = (int)(yoe + era * 400 + (*month <= 2));
}

char *clock_print(char buf[static 32], int64_t wall_ns)
{
	/* Without strftime: of libc's time zones nothing is needed, and a tenth of its size is this. */
	int64_t sec = wall_ns / NS_PER_SEC;
	unsigned in_day = (unsigned)(sec % 86400),
		 us = (unsigned)(wall_ns % NS_PER_SEC / NS_PER_US);
	int year, month, dom;

	clock_civil(sec / 86400, &year, &month, &dom);
	snprintf(buf, 32, "%04u-%02u-%02uT%02u:%02u:%02u.%06uZ", (unsigned)year % 10000,
		(unsigned)month % 100, (unsigned)dom % 100, in_day / 3600 % 24, in_day / 60 % 60,
		in_day % 60, us % 1000000);
	return buf;
}
