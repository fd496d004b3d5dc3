#include "node/zone.h"

#include <ctype.h>
#include <string.h>

#include "base/clock.h"

enum {
	HEADER = 44,
	TYPE = 6,
	DAY = 86400,
	OFFSET_MOST = 26 * 3600,
	CHANGES_MOST = 1024,
	BAD_TIME = 1 << 30
};
#define TIME_MOST (INT64_C(1) << 59) /* older than the world, and can still be added to */

static int64_t number(const unsigned char *p, unsigned wide)
{
	uint64_t v = *p & 0x80 ? UINT64_MAX : 0;

	while (wide--)
		v = v << 8 | *p++;
	return (int64_t)v;
}

/* --- the footer: POSIX TZ --- */

/* Up to max at *s; -1: there is no such number. */
static int whole(const char **s, int max)
{
	int v = -1;

	for (; isdigit((unsigned char)**s) && v <= max; ++*s)
		v = (v < 0 ? 0 : 10 * v) + (**s - '0');
	return v <= max ? v : -1;
}

/* [+-]hh[:mm[:ss]]; BAD_TIME: it is none. */
static int32_t clock_time(const char **s, int hours)
{
	int sign = **s == '-' ? -1 : 1, time = 0, part;

	*s += **s == '-' || **s == '+';
	for (int unit = 3600;; unit /= 60, ++*s) {
		part = whole(s, unit == 3600 ? hours : 59);
		if (part < 0)
			return BAD_TIME;
		time += part * unit;
		if (**s != ':' || unit == 1)
			return sign * time;
	}
}

static bool zone_word(const char **s)
{
	const char *begin = *s;

	if (*begin == '<')
		*s += strcspn(begin, ">\n");
	else
		while (isalpha((unsigned char)**s))
			++*s;
	*s += **s == '>';
	return *s - begin >= 3;
}

static bool rule(const char **s, struct zone_rule *r)
{
	*r = (struct zone_rule){ .kind = 'N', .month = 1, .time = 2 * 3600 };
	if (*(*s)++ != ',')
		return false;
	if (**s == 'M' || **s == 'J')
		r->kind = *(*s)++;
	if (r->kind != 'M')
		r->day = whole(s, 365);
	else if ((r->month = whole(s, 12)) < 1 || *(*s)++ != '.' || (r->week = whole(s, 5)) < 1 ||
		 *(*s)++ != '.' || (r->wday = whole(s, 6)) < 0)
		return false;
	if (**s == '/') {
		++*s;
		r->time = clock_time(s, 167);
	}
	return r->day >= 0 && r->time != BAD_TIME;
}

/* "CET-1CEST,M3.5.0,M10.5.0/3" and the line's end: hours west of Greenwich. */
static bool footer(struct zone *z, const char *s)
{
	z->goes_on = *s != '\n';
	if (!z->goes_on)
		return true;
	if (!zone_word(&s) || (z->std = -clock_time(&s, 24)) == -BAD_TIME)
		return false;
	z->has_dst = *s != '\n';
	if (!z->has_dst)
		return true;
	z->dst = z->std + 3600;
	if (!zone_word(&s) || (*s != ',' && (z->dst = -clock_time(&s, 24)) == -BAD_TIME))
		return false;
	return rule(&s, &z->to_dst) && rule(&s, &z->to_std) && *s == '\n';
}

/* Of the day that a month begins with, since 1970; the thirteenth is the next year's first. */
static int64_t month_begin(int year, int month)
{
	int64_t y = year + (month > 12) - (month % 12 == 1 || month == 2); /* from March on */
	int from_march = (month + 9) % 12;

	return 365 * y + y / 4 - y / 100 + y / 400 + (153 * from_march + 2) / 5 - 719468;
}

static int64_t rule_day(const struct zone_rule *r, int year)
{
	int64_t first = month_begin(year, r->month);

	if (r->kind == 'N')
		return first + r->day;
	if (r->kind == 'J') /* 29 February has no number */
		return r->day < 60 ? first + r->day - 1 : month_begin(year, 3) + r->day - 60;
	int64_t day = first + (r->wday + 7 - (first + 4) % 7) % 7 + INT64_C(7) * (r->week - 1);
	return day < month_begin(year, r->month + 1) ? day
						     : day - 7; /* the fifth may be the fourth */
}

/* By the rule alone: of the changes of three years the last before t, and the first after it. */
static struct zone_span by_rule(const struct zone *z, int64_t t)
{
	struct zone_span s = { INT64_MIN, INT64_MAX, z->std };
	int year, month, day;

	if (!z->has_dst)
		return s;
	clock_civil(t / DAY, &year, &month, &day);
	for (int i = -2; i < 4; i++) {
		bool begins = i & 1; /* at the same moment as an end it comes second */
		const struct zone_rule *r = begins ? &z->to_dst : &z->to_std;
		int64_t at =
			rule_day(r, year + (i >> 1)) * DAY + r->time - (begins ? z->std : z->dst);
		if (at <= t && at >= s.from) {
			s.from = at;
			s.offset = begins ? z->dst : z->std;
		} else if (at > t && at < s.to) {
			s.to = at;
		}
	}
	return s;
}

/* --- the table --- */

static int64_t time_of(const struct zone *z, size_t i)
{
	return number(z->times + i * z->wide, z->wide);
}

static int32_t offset_of(const struct zone *z, unsigned type)
{
	return (int32_t)number(z->types + (size_t)type * TYPE, 4);
}

static bool sound(const struct zone *z)
{
	for (unsigned i = 0; i < z->ntypes; i++)
		if (offset_of(z, i) / OFFSET_MOST)
			return false;
	for (size_t i = 0; i < z->n; i++)
		if (z->which[i] >= z->ntypes || time_of(z, i) / TIME_MOST)
			return false;
	return z->ntypes > 0 && z->n < CHANGES_MOST;
}

/* A header and its block, of times as wide as that. Returns the bytes that they take; 0: it is
 * none. leaps: how many leap seconds it counts. */
static size_t block(const char *bytes, size_t len, unsigned wide, struct zone *z, size_t *leaps)
{
	const unsigned char *p = (const unsigned char *)bytes;
	size_t count[6]; /* UT indicators, standard ones, leap seconds, times, types, characters */

	if (len < HEADER || memcmp(bytes, "TZif", 4) != 0)
		return 0;
	for (int i = 0; i < 6; i++)
		if ((count[i] = (size_t)number(p + 20 + 4 * (size_t)i, 4)) > len)
			return 0;
	size_t size = HEADER + count[3] * (wide + 1) + count[4] * TYPE + count[5] +
		      count[2] * (wide + 4) + count[1] + count[0];
	if (size > len)
		return 0;
	z->wide = wide;
	z->n = count[3];
	z->ntypes = (unsigned)count[4];
	z->times = p + HEADER;
	z->which = z->times + z->n * wide;
	z->types = z->which + z->n;
	*leaps = count[2];
	return size;
}

int zone_parse(const char *bytes, size_t len, struct zone *ret, struct err *err)
{
	size_t leaps = 0, size;

	*ret = (struct zone){ 0 };
	size = block(bytes, len, 4, ret, &leaps);
	if (size && bytes[4] >= '2') {
		bytes += size;
		len -= size;
		size = block(bytes, len, 8, ret, &leaps);
		if (size && (size + 2 > len || bytes[size] != '\n' ||
				    !memchr(bytes + size + 1, '\n', len - size - 1) ||
				    !footer(ret, bytes + size + 1)))
			size = 0;
	}
	if (size && !leaps && sound(ret))
		return 0;
	*ret = (struct zone){ 0 };
	return err_set(err, ERR_BAD_VALUE, 0, "no zone file, or it counts leap seconds");
}

struct zone_span zone_at(const struct zone *z, int64_t t)
{
	size_t low = 0; /* how many changes are not after t */

	while (low < z->n && time_of(z, low) <= t)
		low++;
	struct zone_span s = { low ? time_of(z, low - 1) : INT64_MIN,
		low < z->n ? time_of(z, low) : INT64_MAX, 0 };
	if (low == z->n && z->goes_on) {
		struct zone_span r = by_rule(z, t);
		s = (struct zone_span){ r.from > s.from ? r.from : s.from, r.to, r.offset };
	} else if (z->ntypes) {
		s.offset = offset_of(z, low ? z->which[low - 1] : 0);
	}
	return s;
}
