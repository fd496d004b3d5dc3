/* logtime.h - times in log lines and on the command line of `logs`. Layer: cli. */
#ifndef CLI_LOGTIME_H
#define CLI_LOGTIME_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { LOGTIME_STAMP = 27 };
#define LOGTIME_NONE INT64_MIN

/* Do the n bytes begin with "2026-05-14T02:05:13.470911Z"? Its wall time in ns then. */
bool logtime_stamp(const char *p, size_t n, int64_t *ret_ns);

/* A time for --since and --until, in ns of wall time: RFC 3339 ("2026-05-14T02:05:13.5+02:00"; the
 * seconds and the zone may be left out, a blank may stand for the T; no zone is UTC), a date (its
 * first instant, UTC), or what logtime_span() takes: so long before now_ns. -1: *why is a static
 * phrase. */
int logtime_parse(const char *text, int64_t now_ns, int64_t *ret_ns, const char **why);

/* duration_parse(), and whole days: "7d". */
int logtime_span(const char *text, int64_t *ret_ns, const char **why);

#endif
