#include "cli/logname.h"

#include <stdio.h>
#include <string.h>

#include "cli/logfile.h"

#define SUFFIX ".log"

/* The length up to the suffix, and the number behind it. */
static int split(const char *path, size_t *ret_len)
{
	size_t n = strlen(path), digits = 0;
	int number = 0;

	while (digits < n && path[n - digits - 1] >= '0' && path[n - digits - 1] <= '9')
		digits++;
	if (digits && digits < n && path[n - digits - 1] == '.' && path[n - digits] != '0') {
		if (digits > 3)
			return -1;
		for (size_t i = n - digits; i < n; i++)
			number = number * 10 + (path[i] - '0');
		n -= digits + 1;
	}
	size_t m = sizeof SUFFIX - 1;
	if (n <= m || memcmp(path + n - m, SUFFIX, m) != 0 || path[n - m - 1] == '/' ||
		number > LOGFILE_ROTATED)
		return -1;
	*ret_len = n - m;
	return number;
}

int logname_number(const char *path)
{
	size_t len;

	return split(path, &len);
}

int logname_unit(const char *path, char *ret, size_t size)
{
	size_t len;
	int number = split(path, &len);

	if (number < 0 || len >= size)
		return -1;
	(void)snprintf(ret, size, "%.*s", (int)len, path);
	return number;
}

bool logname_is_path(const char *unit)
{
	for (const char *p = unit; *p; p += strcspn(p, "/"), p += *p == '/')
		if (!strcspn(p, "/") || *p == '.')
			return false;
	return *unit && unit[strlen(unit) - 1] != '/';
}
