#include "manifest/cron.h"

#include <ctype.h>
#include <string.h>
#include <strings.h>

static const struct field {
	const char *word;
	unsigned char low, high;
	const char *names; /* three letters each, from low on; NULL: it has none */
} fields[CRON_FIELDS] = {
	{ "second", 0, 59, NULL },
	{ "minute", 0, 59, NULL },
	{ "hour", 0, 23, NULL },
	{ "day of month", 1, 31, NULL },
	{ "month", 1, 12, "janfebmaraprmayjunjulaugsepoctnovdec" },
	{ "weekday", 0, 7, "sunmontuewedthufrisat" },
};

#define MONTHS_OF_31 ((uint64_t)0x15aa) /* 1 3 5 7 8 10 12 */
#define FEBRUARY     ((uint64_t)1 << 2)

static const char unreadable[] = "neither a number nor a name";

/* A number or a name at *s, which is left behind it. -1: neither. */
static int value(const struct field *f, const char **s)
{
	int v = 0;

	for (const char *name = f->names; name && *name; name += 3, v++)
		if (strncasecmp(*s, name, 3) == 0 && !isalnum((unsigned char)(*s)[3])) {
			*s += 3;
			return f->low + v;
		}
	v = 0;
	if (!isdigit((unsigned char)**s))
		return -1;
	for (; isdigit((unsigned char)**s) && v < 1000; ++*s)
		v = 10 * v + (**s - '0');
	return v;
}

/* One of a list: "*", "5", "1-5", each with "/2" behind it; "5/2" goes on to the end. Returns what
 * is wrong; NULL: nothing. */
static const char *item(const struct field *f, const char **s, uint64_t *set)
{
	int low = f->low, high = f->high, step = 1;

	if (**s == '*' || **s == '?') {
		++*s;
	} else {
		low = value(f, s);
		if (**s == '-') {
			++*s;
			high = value(f, s);
		} else if (**s != '/') {
			high = low;
		}
		if (f == &fields[CRON_WEEKDAY] && high == 0 && low > 0)
			high = 7; /* fri-sun */
		if (low < 0 || high < 0)
			return unreadable;
	}
	if (**s == '/') {
		++*s;
		step = value(&fields[CRON_SECOND], s);
	}
	if (low < f->low || high > f->high || step < 1 || step > f->high)
		return "out of range";
	if (low > high)
		return "it runs backwards";
	for (int v = low; v <= high; v += step)
		*set |= (uint64_t)1 << v;
	return NULL;
}

static int field(const struct field *f, const char **s, uint64_t *set, struct err *err)
{
	const char *begin = *s, *why;

	do {
		why = item(f, s, set);
	} while (!why && *(*s)++ == ',');
	if (!why && !isspace((unsigned char)*--*s) && **s)
		why = unreadable;
	if (!why)
		return 0;
	(void)err_set(err, ERR_BAD_VALUE, 0, "the %s \"%.*s\": %s", f->word,
		(int)strcspn(begin, " \t\n") % 64, begin, why);
	return err_help(err, "write one from %d to %d, or as 1-5, 1,3,5, */5", f->low, f->high);
}

bool cron_is_fixed(const struct cron_expr *c)
{
	return !(c->any & (1u << CRON_MINUTE | 1u << CRON_HOUR));
}

static bool comes(const struct cron_expr *c)
{
	int first = __builtin_ctzll(c->set[CRON_DAY]);

	/* by the weekday or by the day: either is enough */
	if (!(c->any & (1u << CRON_DAY | 1u << CRON_WEEKDAY)) || first < 30)
		return true;
	return c->set[CRON_MONTH] & (first == 30 ? ~FEBRUARY : MONTHS_OF_31);
}

int cron_parse(const char *text, struct cron_expr *ret, struct err *err)
{
	int n = 0;

	memset(ret, 0, sizeof *ret);
	for (const char *s = text; *s; n++) {
		s += strspn(s, " \t\n");
		n -= !*s;
		s += strcspn(s, " \t\n");
	}
	if (n != 5 && n != 6) {
		(void)err_set(err, ERR_BAD_VALUE, 0, "%d fields; 5 or 6 are possible", n);
		return err_help(
			err, "write minute hour day month weekday, or a second before them");
	}
	ret->set[CRON_SECOND] = n == 5; /* at 0 */
	for (int f = CRON_FIELDS - n; f < CRON_FIELDS; f++) {
		text += strspn(text, " \t\n");
		if (*text == '*' || *text == '?')
			ret->any |= 1u << f;
		if (field(&fields[f], &text, &ret->set[f], err) < 0)
			return -1;
	}
	ret->set[CRON_WEEKDAY] |= ret->set[CRON_WEEKDAY] >> 7 & 1;
	if (comes(ret))
		return 0;
	(void)err_set(err, ERR_BAD_VALUE, 0, "it never runs: none of its months has that day");
	return err_help(err, "write a day that one of them has");
}

bool zone_name_ok(const char *name)
{
	size_t n =
		strspn(name, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+-_/");

	return n > 0 && n < 64 && !name[n] && *name != '/';
}
