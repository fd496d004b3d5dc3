/* cron.h - when a cron unit runs next. Layer: node (pure: no clock). */
#ifndef NODE_CRON_H
#define NODE_CRON_H

#include "manifest/cron.h"
#include "node/zone.h"

#define CRON_NEVER INT64_MAX

/* The first second since 1970 after that one at which it runs: CRON_NEVER for none in fifty years.
 * A time of the day that the clocks pass over is at the first moment behind the gap, one that comes twice
 * counts the first time; each hour and each minute go by elapsed time. Source: cron(8) of cronie. */
int64_t cron_next(const struct cron_expr *c, const struct zone *z, int64_t after);

/* What is known of a cron unit's times. Zero-initialised: nothing yet. */
struct cron_plan {
	int64_t done; /* up to here nothing runs any more */
	int64_t next;
};
/* By how much a clock may be set back, and times that ran don't come again. Set back by more, it was wrong before. */
enum { CRON_BACK_S = 3 * 3600 };

void cron_begin(struct cron_plan *p, const struct cron_expr *c, const struct zone *z, int64_t now);
/* Is it to run? However many times lie between, once. The next is then known. */
bool cron_due(struct cron_plan *p, const struct cron_expr *c, const struct zone *z, int64_t now);

#endif
