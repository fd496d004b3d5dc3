/* zonefile.h - zone files for tests, made byte by byte. */
#ifndef TEST_NODE_ZONEFILE_H
#define TEST_NODE_ZONEFILE_H

#include <stdint.h>
#include <string.h>

#include "node/zone.h"

struct zonefile {
	char bytes[2048];
	size_t len;
};

static inline void zf_number(struct zonefile *f, int64_t v, int wide)
{
	while (wide--)
		f->bytes[f->len++] = (char)(v >> 8 * wide);
}

static inline void zf_header(struct zonefile *f, char version, int times, int types, int leaps)
{
	memcpy(f->bytes + f->len, "TZif", 4);
	f->bytes[f->len + 4] = version;
	f->len += 20;
	zf_number(f, 0, 4);
	zf_number(f, 0, 4);
	zf_number(f, leaps, 4);
	zf_number(f, times, 4);
	zf_number(f, types, 4);
	zf_number(f, 4, 4);
}

/* A block of changes between two offsets: the first change is to the second one. */
static inline void zf_block(struct zonefile *f, char version, int wide, const int64_t *times, int n,
	const int32_t offset[2])
{
	zf_header(f, version, n, 2, 0);
	for (int i = 0; i < n; i++)
		zf_number(f, times[i], wide);
	for (int i = 0; i < n; i++)
		f->bytes[f->len++] = (char)(i % 2 == 0);
	for (int i = 0; i < 2; i++) {
		zf_number(f, offset[i], 4);
		zf_number(f, i, 1);
		zf_number(f, 0, 1);
	}
	zf_number(f, 0x58595a00, 4);
}

static inline void zf_footer(struct zonefile *f, const char *text)
{
	f->bytes[f->len++] = '\n';
	memcpy(f->bytes + f->len, text, strlen(text));
	f->len += strlen(text);
	f->bytes[f->len++] = '\n';
}

/* Version 2 as zic makes it: an empty first block, these changes, the rule. */
static inline void zf_make(
	struct zonefile *f, const int64_t *times, int n, const int32_t offset[2], const char *rule)
{
	static const int32_t utc[2];

	memset(f, 0, sizeof *f);
	zf_block(f, '2', 4, NULL, 0, utc);
	zf_block(f, '2', 8, times, n, offset);
	zf_footer(f, rule);
}

/* By its rule alone. */
static inline int zf_zone(struct zonefile *f, const char *rule, struct zone *ret, struct err *err)
{
	static const int32_t utc[2];

	zf_make(f, NULL, 0, utc, rule);
	return zone_parse(f->bytes, f->len, ret, err);
}

#define BERLIN   "CET-1CEST,M3.5.0,M10.5.0/3"
#define NEW_YORK "EST5EDT,M3.2.0,M11.1.0"
#define SYDNEY   "AEST-10AEDT,M10.1.0,M4.1.0/3"
#define SANTIAGO "<-04>4<-03>,M9.1.6/24,M4.1.6/24"

#endif
