/* "limits.cgroup" of a service: checked here, written as they are by the init. */
#include "manifest/cgroup.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/units.h"
#include "manifest/keys.h"
#include "manifest/types.h"

enum { PERIOD_DEFAULT = 100000, QUOTA_MIN = 1000, PERIOD_MAX = 1000000, ROOT_MAX = 512 };

static int number(
	const struct key_row *row, const char *s, char *ret, size_t size, const char **why)
{
	int64_t n = 0;

	if (row->range->max ? type_int(s, row->range->min, row->range->max, &n, why)
			    : bytes_parse(s, &n, why))
		return -1;
	*why = "too small";
	(void)snprintf(ret, size, "%" PRId64, n);
	return n < row->range->min ? -1 : 0;
}

/* "QUOTA", "QUOTA PERIOD", "max PERIOD", in microseconds. */
static int share(const char *s, char *ret, size_t size, const char **why)
{
	size_t n = strcspn(s, " ");
	char quota[24] = "";
	int64_t q, period = PERIOD_DEFAULT;

	*why = "too long";
	if (n >= sizeof quota)
		return -1;
	memcpy(quota, s, n);
	if (strcmp(quota, "max") != 0 && type_int(quota, QUOTA_MIN, INT64_C(1) << 40, &q, why) < 0)
		return -1;
	if (s[n] && type_int(s + n + 1, QUOTA_MIN, PERIOD_MAX, &period, why) < 0)
		return -1;
	(void)snprintf(ret, size, "%s %" PRId64, quota, period);
	return 0;
}

/* Of bytes where the row has no upper bound, of processor time where it has none at all. */
void key_cgroup(struct load *l, const struct key_row *row, const struct ynode *v, void *base)
{
	const char *why = "", *s = load_typed(l, v, row->name);
	char text[48] = "max";
	bool weight = strcmp(row->name, "cpu_weight") == 0;

	if (!s)
		return;
	if (!row->range->min ? share(s, text, sizeof text, &why)
			     : (weight || strcmp(s, text) != 0) &&
				       number(row, s, text, sizeof text, &why))
		find_help(
			load_error(l, v, ERR_BAD_VALUE, "\"%s\": \"%.64s\": %s", row->name, s, why),
			"write for example %s",
			row->range->max   ? "100"
			: row->range->min ? "512M"
					  : "\"50000 100000\", microseconds in each so many");
	*(char **)(void *)((char *)base + row->offset) = load_keep(l, text);
}

void key_cgroup_root(struct load *l, const struct key_row *row, const struct ynode *v, void *base)
{
	char **at = (char **)(void *)((char *)base + row->offset);

	key_string(l, row, v, base);
	if (!*at || (strlen(*at) < ROOT_MAX && **at != '.' && !strstr(*at, "/.")))
		return;
	find_help(load_error(l, v, ERR_BAD_VALUE, "\"%s\": \"%.64s\" is no name of a group",
			  row->name, *at),
		"write a path below the mount, for example /sys/fs/cgroup/workers or workers");
	*at = NULL;
}
