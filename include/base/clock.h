/* clock.h - the time, replaceable in tests. Layer: base. */
#ifndef BASE_CLOCK_H
#define BASE_CLOCK_H

#include <stdint.h>

#define NS_PER_US  INT64_C(1000)
#define NS_PER_MS  INT64_C(1000000)
#define NS_PER_SEC INT64_C(1000000000)

int64_t clock_mono_ns(void); /* CLOCK_MONOTONIC; all deadlines are in it */
int64_t clock_wall_ns(void); /* CLOCK_REALTIME; for people only */

/* Tests: from now on both return what fn returns. NULL: the real clocks again. */
void clock_replace(int64_t (*fn)(void));

/* "2026-05-14T02:05:13.470911Z", UTC, for a wall time. buf holds at least 28 bytes. Returns buf. */
char *clock_print(char buf[static 32], int64_t wall_ns);

#endif
