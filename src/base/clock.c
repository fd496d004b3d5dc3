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

void clock_replace(int64_t (*fn)(void))
{
	replaced = fn;
}

char *clock_print(char buf[static 32], int64_t wall_ns)
{
	time_t sec = (time_t)(wall_ns / NS_PER_SEC);
	struct tm tm;

	gmtime_r(&sec, &tm);
	size_t n = strftime(buf, 32, "%Y-%m-%dT%H:%M:%S", &tm);
	snprintf(buf + n, 32 - n, ".%06dZ", (int)(wall_ns % NS_PER_SEC / NS_PER_US));
	return buf;
}
