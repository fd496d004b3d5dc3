#include "cli/logtime.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/units.h"

enum { DAY_S = 86400, SPAN_MAX = 32, FRACTION_DIGITS = 9 };

/* Exactly n digits at *p, within [min, max]; *p goes behind them. */
static bool digits(const char **p, int n, int min, int max, int *ret)
{
	int v = 0;

	for (int i = 0; i < n; i++, (*p)++) {
		if (!isdigit((unsigned char)**p))
			return false;
		v = v * 10 + (**p - '0');
	}
	*ret = v;
	return v >= min && v <= max;
}

static bool is_char(const char **p, const char *set)
{
	if (!**p || !strchr(set, **p))
		return false;
	(*p)++;
	return true;
}

static int days_in(int year, int month)
{
	static const unsigned char days[] = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 };
	bool leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);

	return days[month - 1] + (month == 2 && leap);
}

/* Days since 1970-01-01: years counted from March, so that a leap day is a year's last. */
static int64_t day_number(int year, int month, int day)
{
	int64_t y = year - (month <= 2), era = y / 400, yoe = y - era * 400;
	int64_t doy = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;

	return era * 146097 + yoe * 365 + yoe / 4 - yoe / 100 + doy - 719468;
}

static bool date(const char **p, int64_t *ret_s)
{
	int year, month, day;

	if (!digits(p, 4, 1970, 2200, &year) || !is_char(p, "-") || !digits(p, 2, 1, 12, &month) ||
		!is_char(p, "-") || !digits(p, 2, 1, 31, &day) || day > days_in(year, month))
		return false;
	*ret_s = day_number(year, month, day) * DAY_S;
	return true;
}

static bool fraction(const char **p, int64_t *ret_ns)
{
	int64_t unit = NS_PER_SEC;
	int n = 0;

	*ret_ns = 0;
	for (; isdigit((unsigned char)**p); (*p)++, n++) {
		unit /= 10;
		*ret_ns += n < FRACTION_DIGITS ? (**p - '0') * unit : 0;
	}
	return n > 0;
}

static bool time_of_day(const char **p, int64_t *ret_ns)
{
	int hour, minute, second = 0;
	int64_t ns = 0;

	if (!digits(p, 2, 0, 23, &hour) || !is_char(p, ":") || !digits(p, 2, 0, 59, &minute))
		return false;
	if (is_char(p, ":")) {
		/* RFC 3339 has leap seconds; the kernel's clock does not. */
		if (!digits(p, 2, 0, 60, &second) || (is_char(p, ".,") && !fraction(p, &ns)))
			return false;
	}
	*ret_ns = (hour * 3600 + minute * 60 + second) * NS_PER_SEC + ns;
	return true;
}

static bool zone(const char **p, int64_t *ret_s)
{
	int sign = **p == '-' ? -1 : 1, hour, minute;

	*ret_s = 0;
	if (!**p || is_char(p, "Zz"))
		return true;
	if (!is_char(p, "+-") || !digits(p, 2, 0, 23, &hour) || !is_char(p, ":") ||
		!digits(p, 2, 0, 59, &minute))
		return false;
	*ret_s = (int64_t)sign * (hour * 3600 + minute * 60);
	return true;
}

static bool instant(const char *text, int64_t *ret_ns)
{
	int64_t day, in_day = 0, ahead = 0;

	if (!date(&text, &day))
		return false;
	if (*text && (!is_char(&text, "Tt ") || !time_of_day(&text, &in_day) ||
			     !zone(&text, &ahead) || *text))
		return false;
	*ret_ns = (day - ahead) * NS_PER_SEC + in_day;
	return true;
}

bool logtime_stamp(const char *p, size_t n, int64_t *ret_ns)
{
	char text[LOGTIME_STAMP + 1];

	if (n < LOGTIME_STAMP || p[10] != 'T' || p[LOGTIME_STAMP - 1] != 'Z')
		return false;
	memcpy(text, p, LOGTIME_STAMP);
	text[LOGTIME_STAMP] = '\0';
	return instant(text, ret_ns);
}

int logtime_span(const char *text, int64_t *ret_ns, const char **why)
{
	size_t n = strlen(text);
	char hours[SPAN_MAX];
	int64_t days;

	if (n < 2 || n >= sizeof hours || text[n - 1] != 'd')
		return duration_parse(text, ret_ns, why);
	(void)snprintf(hours, sizeof hours, "%.*s", (int)(n - 1), text);
	if (whole_parse(hours, 0, INT64_MAX / 2 / (DAY_S * NS_PER_SEC), &days, why) < 0)
		return -1;
	*ret_ns = days * DAY_S * NS_PER_SEC;
	return 0;
}

int logtime_parse(const char *text, int64_t now_ns, int64_t *ret_ns, const char **why)
{
	int64_t back;

	if (strchr(text, '-')) {
		*why = "not a time; write 2026-05-14T02:05:13Z, 2026-05-14, or 10m for so long ago";
		return instant(text, ret_ns) ? 0 : -1;
	}
	if (logtime_span(text, &back, why) < 0)
		return -1;
	*ret_ns = now_ns - back;
	return 0;
}
