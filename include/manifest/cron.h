/* cron.h - when a service of the manifest runs: a cron expression as sets. Layer: manifest. */
#ifndef MANIFEST_CRON_H
#define MANIFEST_CRON_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"

enum cron_overlap { CRON_SKIP, CRON_QUEUE, CRON_KILL };

enum cron_field {
	CRON_SECOND,
	CRON_MINUTE,
	CRON_HOUR,
	CRON_DAY,
	CRON_MONTH,
	CRON_WEEKDAY,
	CRON_FIELDS
};

/* Bit n: the number n is in it. Weekdays: 0 is Sunday. */
struct cron_expr {
	uint64_t set[CRON_FIELDS];
	unsigned
		any; /* bit f: that field begins with an asterisk, and restricts nothing of itself */
};

/* 5 fields (minute hour day month weekday) or 6 (second first). ERR_BAD_VALUE names the field and
 * what is wrong; so for one that never comes, as 30 February. Source: crontab(5). */
int cron_parse(const char *text, struct cron_expr *ret, struct err *err);
/* Does it name times of the day, and not each hour or minute? Those are kept to when the clocks change. */
bool cron_is_fixed(const struct cron_expr *c);

#define ZONE_DIR "/usr/share/zoneinfo/"
/* Of a file below ZONE_DIR, as Europe/Berlin: nothing that leads out of it. */
bool zone_name_ok(const char *name);

struct cron_spec {
	char *expression; /* as written; NULL: the service is no cron unit */
	char *timezone;   /* NULL: UTC */
	char *zone_file;  /* its path; NULL: none is needed */
	enum cron_overlap overlap;
	struct cron_expr at;
};

#endif
