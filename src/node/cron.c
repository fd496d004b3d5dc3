#include "node/cron.h"

#include "base/clock.h"

enum { DAY = 86400 };
enum { DAYS_MOST = 50 * 366 }; /* a leap day on a certain weekday comes every 40 years at least */

static bool has(const struct cron_expr *c, enum cron_field f, int v)
{
	return c->set[f] >> v & 1;
}

/* Day and weekday: either, where both are restricted. Source: crontab(5). */
static bool is_day(const struct cron_expr *c, int64_t day)
{
	int year, month, dom;

	clock_civil(day, &year, &month, &dom);
	bool by_day = has(c, CRON_DAY, dom),
	     by_weekday = has(c, CRON_WEEKDAY, (int)((day + 4) % 7));
	bool both = c->any & (1u << CRON_DAY | 1u << CRON_WEEKDAY);

	return has(c, CRON_MONTH, month) && (both ? by_day && by_weekday : by_day || by_weekday);
}

/* The first local second from that one on that it names. */
static int64_t local_from(const struct cron_expr *c, int64_t local)
{
	local = local < 0 ? 0 : local; /* a zone further west than there are any */
	int sec = (int)(local % DAY);

	for (int64_t day = local / DAY, last = day + DAYS_MOST; day < last; day++, sec = 0) {
		if (!is_day(c, day))
			continue;
		while (sec < DAY) {
			if (!has(c, CRON_HOUR, sec / 3600))
				sec = (sec / 3600 + 1) * 3600;
			else if (!has(c, CRON_MINUTE, sec / 60 % 60))
				sec = (sec / 60 + 1) * 60;
			else if (!has(c, CRON_SECOND, sec % 60))
				sec++;
			else
				return day * DAY + sec;
		}
	}
	return CRON_NEVER;
}

int64_t cron_next(const struct cron_expr *c, const struct zone *z, int64_t after)
{
	bool fixed = cron_is_fixed(c);

	if (after < DAY) /* a clock that was never set: local time is positive all the same */
		after = DAY;
	struct zone_span s = zone_at(z, after);
	int64_t from = after + 1 + s.offset;
	if (fixed && s.from > 0) {
		int64_t seen = s.from + zone_at(z, s.from - 1).offset;
		from = seen > from ? seen : from; /* up to there it is the second time */
	}
	int64_t at = local_from(c, from);
	while (at != CRON_NEVER && at - s.offset >= s.to) {
		struct zone_span next = zone_at(z, s.to);
		int64_t begins = s.to + next.offset;
		if (fixed && at < begins)
			return s.to;
		if (!fixed && (at < begins || begins < from))
			at = local_from(c, begins);
		from = begins;
		s = next;
	}
	return at == CRON_NEVER ? at : at - s.offset;
}

void cron_begin(struct cron_plan *p, const struct cron_expr *c, const struct zone *z, int64_t now)
{
	p->done = now;
	p->next = cron_next(c, z, now);
}

bool cron_due(struct cron_plan *p, const struct cron_expr *c, const struct zone *z, int64_t now)
{
	bool due = now >= p->next;

	if (due || now < p->done - CRON_BACK_S)
		cron_begin(p, c, z, now);
	return due;
}
