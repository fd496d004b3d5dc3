#include "manifest/types.h"

#include <ctype.h>
#include <string.h>

#include "base/ip.h"
#include "base/units.h"

int type_bool(const char *s, bool *ret, const char **why)
{
	static const char *const yes[] = { "true", "True", "TRUE", "yes", "Yes", "YES", "on", "On",
		"ON", "y", "Y" };
	static const char *const no[] = { "false", "False", "FALSE", "no", "No", "NO", "off", "Off",
		"OFF", "n", "N" };

	for (size_t i = 0; i < sizeof yes / sizeof *yes; i++)
		if (strcmp(s, yes[i]) == 0 || strcmp(s, no[i]) == 0) {
			*ret = strcmp(s, yes[i]) == 0;
			return 0;
		}
	*why = "neither true nor false";
	return -1;
}

int type_int(const char *s, int64_t min, int64_t max, int64_t *ret, const char **why)
{
	const char *d = s + (*s == '-' || *s == '+');

	if (d[0] == '0' && d[1]) {
		*why = isdigit((unsigned char)d[1]) ? "no leading zeros; is it octal?"
						    : "decimal digits only";
		return -1;
	}
	return whole_parse(s, min, max, ret, why);
}

int type_mode(const char *s, unsigned *ret, const char **why)
{
	unsigned v = 0;

	if (s[0] == '0' && s[1])
		s += s[1] == 'o' ? 2 : 1;
	*why = "three octal digits are expected";
	if (strlen(s) != 3)
		return -1;
	for (; *s; s++) {
		if (*s < '0' || *s > '7')
			return -1;
		v = v * 8 + (unsigned)(*s - '0');
	}
	*ret = v;
	return 0;
}

int type_percent(const char *s, int *ret, const char **why)
{
	char digits[8];
	int64_t v;
	size_t n = strlen(s);

	if (n && s[n - 1] == '%')
		n--;
	*why = "a whole number of percent is expected";
	if (n >= sizeof digits)
		return -1;
	memcpy(digits, s, n);
	digits[n] = '\0';
	if (type_int(digits, 0, 100, &v, why) < 0)
		return -1;
	*ret = (int)v;
	return 0;
}

int type_account(const char *s, const char **why)
{
	int64_t id;

	if (isdigit((unsigned char)*s))
		return type_int(s, 0, INT64_C(0xfffffffe), &id, why);
	*why = "not a name";
	if (!*s || *s == '-' || strlen(s) > 256)
		return -1;
	if (strchr(s, ':')) {
		*why = "user and group are two keys";
		return -1;
	}
	for (; *s; s++)
		if ((unsigned char)*s <= ' ' || *s == '/' || *s == 0x7f)
			return -1;
	return 0;
}

/* Of IPv4 with a len of 4, of IPv6 with 16. */
static bool is_address(const char *s, size_t n, unsigned len)
{
	struct ip ip;

	return ip_parse(s, n, &ip) && ip.len == len;
}

/* As names are looked up: letters, digits, hyphens, dots, and the underscore of containers' names.
 * Digits and dots alone are an address with a mistake in it. */
static bool is_name(const char *s, size_t n)
{
	bool letter = false;

	if (n > 253 || *s == '-' || *s == '.')
		return false;
	for (size_t i = 0; i < n; i++) {
		if (!isalnum((unsigned char)s[i]) && s[i] != '-' && s[i] != '.' && s[i] != '_')
			return false;
		letter |= !isdigit((unsigned char)s[i]) && s[i] != '.';
	}
	return letter;
}

bool type_host_is_name(const char *host)
{
	struct ip any;

	return !ip_parse(host, strlen(host), &any) && strcmp(host, "localhost") != 0;
}

int type_hostport(
	const char *s, const char **ret_host, size_t *ret_host_len, int *ret_port, const char **why)
{
	const char *colon = strrchr(s, ':'), *host = s;
	size_t n = colon ? (size_t)(colon - s) : 0;
	int64_t port;

	*why = "host:port is expected";
	if (!n)
		return -1;
	if (type_int(colon + 1, 1, 65535, &port, why) < 0)
		return -1;
	if (*s == '[' && colon[-1] == ']') {
		host++;
		n -= 2;
		*why = "not an IPv6 address";
		if (!is_address(host, n, 16))
			return -1;
	} else if (memchr(s, ':', n)) {
		*why = "an IPv6 address stands in brackets";
		return -1;
	} else if (!is_address(host, n, 4) && !is_name(host, n)) {
		*why = "neither an address nor the name of a host";
		return -1;
	}
	*ret_host = host;
	*ret_host_len = n;
	*ret_port = (int)port;
	return 0;
}
