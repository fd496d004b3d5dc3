#include "base/units.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/clock.h"

/* Digits at *s; leaves *s behind them. -1: none there, or the value is over max. */
static int digits(const char **s, int64_t max, int64_t *ret, const char **why)
{
	int64_t v = 0;

	if (!isdigit((unsigned char)**s)) {
		*why = "a whole number is expected";
		return -1;
	}
	for (; isdigit((unsigned char)**s); (*s)++) {
		int d = **s - '0';
		if (v > (max - d) / 10) {
			*why = "too large";
			return -1;
		}
		v = v * 10 + d;
	}
	*ret = v;
	return 0;
}

struct suffix {
	const char *word;
	int64_t factor;
};

static int scaled(const char *s, const struct suffix *table, int64_t *ret, const char **why)
{
	int64_t v;

	if (digits(&s, INT64_MAX / 2, &v, why) < 0)
		return -1;
	if (*s == '.' || *s == ',') {
		*why = "no fractions; use the next smaller unit";
		return -1;
	}
	for (; table->word; table++)
		if (strcmp(s, table->word) == 0)
			break;
	if (!table->word) {
		*why = "unknown unit";
		return -1;
	}
	if (v > (INT64_MAX / 2) / table->factor) {
		*why = "too large";
		return -1;
	}
	*ret = v * table->factor;
	return 0;
}

int duration_parse(const char *s, int64_t *ret_ns, const char **why)
{
	static const struct suffix units[] = {
		{ "", NS_PER_SEC },
		{ "ms", NS_PER_MS },
		{ "s", NS_PER_SEC },
		{ "m", 60 * NS_PER_SEC },
		{ "h", 3600 * NS_PER_SEC },
		{ 0 },
	};

	return scaled(s, units, ret_ns, why);
}

int bytes_parse(const char *s, int64_t *ret_bytes, const char **why)
{
	static const int64_t k = 1024;
	const struct suffix units[] = {
		{ "", 1 },
		{ "B", 1 },
		{ "K", k },
		{ "KB", k },
		{ "KiB", k },
		{ "M", k * k },
		{ "MB", k * k },
		{ "MiB", k * k },
		{ "G", k * k * k },
		{ "GB", k * k * k },
		{ "GiB", k * k * k },
		{ "T", k * k * k * k },
		{ "TB", k * k * k * k },
		{ "TiB", k * k * k * k },
		{ 0 },
	};

	return scaled(s, units, ret_bytes, why);
}

int whole_parse(const char *s, int64_t min, int64_t max, int64_t *ret, const char **why)
{
	int neg = *s == '-';
	int64_t v;

	if (*s == '-' || *s == '+')
		s++;
	if (digits(&s, INT64_MAX, &v, why) < 0)
		return -1;
	if (*s) {
		*why = "a whole number is expected";
		return -1;
	}
	v = neg ? -v : v;
	if (v < min || v > max) {
		*why = v < min ? "too small" : "too large";
		return -1;
	}
	*ret = v;
	return 0;
}

static const struct {
	char name[7];
	uint8_t sig;
} signals[] = {
	{ "HUP", 1 },
	{ "INT", 2 },
	{ "QUIT", 3 },
	{ "ILL", 4 },
	{ "TRAP", 5 },
	{ "ABRT", 6 },
	{ "BUS", 7 },
	{ "FPE", 8 },
	{ "KILL", 9 },
	{ "USR1", 10 },
	{ "SEGV", 11 },
	{ "USR2", 12 },
	{ "PIPE", 13 },
	{ "ALRM", 14 },
	{ "TERM", 15 },
	{ "STKFLT", 16 },
	{ "CHLD", 17 },
	{ "CONT", 18 },
	{ "STOP", 19 },
	{ "TSTP", 20 },
	{ "TTIN", 21 },
	{ "TTOU", 22 },
	{ "URG", 23 },
	{ "XCPU", 24 },
	{ "XFSZ", 25 },
	{ "VTALRM", 26 },
	{ "PROF", 27 },
	{ "WINCH", 28 },
	{ "IO", 29 },
	{ "POLL", 29 },
	{ "PWR", 30 },
	{ "SYS", 31 },
	{ "IOT", 6 },
	{ "CLD", 17 },
};

static int rt_signal(const char *s, int *ret_sig)
{
	int64_t n = 0;
	const char *why;

	if (strncasecmp(s, "RTMIN", 5) == 0 && (s[5] == '\0' || s[5] == '+')) {
		if (s[5] && whole_parse(s + 6, 0, SIGNAL_COUNT - SIGNAL_RTMIN, &n, &why) < 0)
			return -1;
		*ret_sig = SIGNAL_RTMIN + (int)n;
		return 0;
	}
	if (strncasecmp(s, "RTMAX", 5) == 0 && (s[5] == '\0' || s[5] == '-')) {
		if (s[5] && whole_parse(s + 6, 0, SIGNAL_COUNT - SIGNAL_RTMIN, &n, &why) < 0)
			return -1;
		*ret_sig = SIGNAL_COUNT - (int)n;
		return 0;
	}
	return -1;
}

int signal_parse(const char *s, int *ret_sig, const char **why)
{
	int64_t n;

	if (whole_parse(s, 1, SIGNAL_COUNT, &n, why) == 0) {
		*ret_sig = (int)n;
		return 0;
	}
	if (strncasecmp(s, "SIG", 3) == 0)
		s += 3;
	for (size_t i = 0; i < sizeof signals / sizeof *signals; i++)
		if (strcasecmp(s, signals[i].name) == 0) {
			*ret_sig = signals[i].sig;
			return 0;
		}
	if (rt_signal(s, ret_sig) == 0)
		return 0;
	*why = "not a signal; write a name such as TERM or RTMIN+3, or a number from 1 to 64";
	return -1;
}

const char *signal_name(int sig)
{
	static char rt[16];

	for (size_t i = 0; i < sizeof signals / sizeof *signals; i++)
		if (signals[i].sig == sig)
			return signals[i].name;
	if (sig == SIGNAL_RTMIN)
		return "RTMIN";
	snprintf(rt, sizeof rt, sig > SIGNAL_RTMIN && sig <= SIGNAL_COUNT ? "RTMIN+%d" : "%d",
		sig > SIGNAL_RTMIN && sig <= SIGNAL_COUNT ? sig - SIGNAL_RTMIN : sig);
	return rt;
}

char *duration_print(char *buf, size_t size, int64_t ns)
{
	long long s = ns / NS_PER_SEC;

	if (s < 1)
		snprintf(buf, size, "%lldms", (long long)(ns / NS_PER_MS));
	else if (s < 60)
		snprintf(buf, size, "%llds", s);
	else if (s < 3600)
		snprintf(buf, size, "%lldm%02llds", s / 60, s % 60);
	else if (s < 86400)
		snprintf(buf, size, "%lldh%02lldm", s / 3600, s / 60 % 60);
	else
		snprintf(buf, size, "%lldd%02lldh", s / 86400, s / 3600 % 24);
	return buf;
}

char *bytes_print(char *buf, size_t size, int64_t bytes)
{
	static const char *const names[] = { "B", "KiB", "MiB", "GiB", "TiB" };
	int64_t unit = 1;
	int i = 0;

	while (i < 4 && bytes / unit >= 1024) {
		unit *= 1024;
		i++;
	}
	long long tenths = (long long)(bytes % unit * 10 / unit);
	if (i)
		snprintf(buf, size, "%lld.%lld %s", (long long)(bytes / unit), tenths, names[i]);
	else
		snprintf(buf, size, "%lld B", (long long)bytes);
	return buf;
}

unsigned word_distance(const char *a, const char *b)
{
	enum { LONGEST = 64 };
	unsigned row[LONGEST + 1];
	size_t na = strnlen(a, LONGEST), nb = strnlen(b, LONGEST);

	for (size_t j = 0; j <= nb; j++)
		row[j] = (unsigned)j;
	for (size_t i = 1; i <= na; i++) {
		unsigned diag = row[0];
		row[0] = (unsigned)i;
		for (size_t j = 1; j <= nb; j++) {
			unsigned sub = diag + (a[i - 1] != b[j - 1]);
			unsigned least = row[j] < row[j - 1] ? row[j] + 1 : row[j - 1] + 1;
			diag = row[j];
			row[j] = sub < least ? sub : least;
		}
	}
	return row[nb];
}
