/* zone.h - local time by the bytes of a zone file. Layer: node (pure: no system call). */
#ifndef NODE_ZONE_H
#define NODE_ZONE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

/* A change of the clocks, as "M3.5.0/2" says it. */
struct zone_rule {
	char kind;             /* 'M', 'J', or 'N': a bare number */
	int month, week, wday; /* of 'M'; month 1 of the others */
	int day;               /* of the others */
	int32_t time;          /* of that day, seconds of local time */
};

/* Refers to the file's bytes. Zero-initialised is UTC. */
struct zone {
	const unsigned char *times, *which, *types;
	size_t n; /* transitions: times of wide bytes, and as many indices of types */
	unsigned wide, ntypes;
	bool goes_on;     /* the footer tells what is after the table */
	bool has_dst;     /* and that the clocks change */
	int32_t std, dst; /* seconds east of Greenwich */
	struct zone_rule to_dst, to_std;
};

/* Offset from UTC that is in force from "from" on until "to" (excluded). No beginning: INT64_MIN; no end: INT64_MAX. */
struct zone_span {
	int64_t from, to;
	int32_t offset;
};

/* Bytes of a TZif file, versions 1 to 4 (RFC 9636), that stay where they are as long as ret is
 * used. ERR_BAD_VALUE: they are none, or it counts leap seconds. */
int zone_parse(const char *bytes, size_t len, struct zone *ret, struct err *err);
/* What holds at a second since 1970, within a few thousand years of it. */
struct zone_span zone_at(const struct zone *z, int64_t t);

#endif
