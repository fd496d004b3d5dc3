/* clock.h - the time, replaceable in tests. Layer: base. */
#ifndef BASE_CLOCK_H
#define BASE_CLOCK_H

#include <stdint.h>

#define NS_PER_US  INT64_C(1000)
#define NS_PER_MS  INT64_C(1000000)
#define NS_PER_SEC INT64_C(1000000000)

int64_t clock_mono_ns(void); /* CLOCK_MONOTONIC; all deadlines are in it */
int64_t clock_wall_ns(void); /* CLOCK_REALTIME; for people, and for cron units */

int64_t clock_cpu_ns(void); /* how long this process had a processor; a system call */

/* Tests: from now on all return what fn returns. NULL: the real clocks again. */
void clock_replace(int64_t (*fn)(void));

/* "2026-05-14T02:05:13.470911Z", UTC, for a wall time. buf holds at least 28 bytes. Returns buf. */
char *clock_print(char buf[static 32], int64_t wall_ns);

/* The date of a day since 1970-01-01, which is 0; from the year 0 on. month and dom begin with 1. */
void clock_civil(int64_t day, int *year, int *month, int *dom);

#endif
