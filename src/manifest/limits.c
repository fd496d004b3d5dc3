#include "manifest/limits.h"

#include <string.h>

#include "base/clock.h"
#include "base/units.h"

enum { COUNT_MAX = 1000000000 };

const struct limit_row limit_rows[LIMIT_COUNT] = {
#define X(name, key, kind, def, code, supported) { key, LIMIT_KIND_##kind, def, code, supported },
	SPAWN_LIMITS(X)
#undef X
};

static const char *const policies[] = {
	[POLICY_ORPHAN] = "orphan",
	[POLICY_REPARENT] = "reparent",
	[POLICY_DRAIN] = "drain",
	[POLICY_CASCADE] = "cascade",
};

static const char *const exit_rules[ON_EXIT_COUNT] = { "none", "restart", "restart-on-failure",
	"send" };

const struct spawn_terms spawn_terms_default = { 5, 60 * NS_PER_SEC, (1u << ON_EXIT_COUNT) - 1 };

const char *on_exit_name(enum on_exit rule)
{
	return exit_rules[rule];
}

int limit_find(const char *key)
{
	for (int i = 0; i < LIMIT_COUNT; i++)
		if (strcmp(limit_rows[i].key, key) == 0)
			return i;
	return -1;
}

static int value_parse(enum limit_kind kind, const char *text, int64_t *ret, const char **why)
{
	switch (kind) {
	case LIMIT_KIND_BYTES0:
		return bytes_parse(text, ret, why);
	case LIMIT_KIND_DURATION0:
		return duration_parse(text, ret, why);
	default:
		return whole_parse(text, 0, COUNT_MAX, ret, why);
	}
}

int limit_parse(enum limit_key key, const char *text, int64_t *ret, struct err *err)
{
	static const char *const examples[] = { "100", "100, or 0 for no limit",
		"512M, or 0 for no limit", "90s, or 0 for no limit" };
	const struct limit_row *row = &limit_rows[key];
	const char *why;
	int64_t v;

	if (!row->supported)
		return err_set(err, ERR_UNKNOWN_KEY, 0,
			"the limit \"%s\" is not supported by this version of sysg", row->key);
	if (value_parse(row->kind, text, &v, &why) < 0) {
		err_set(err, ERR_BAD_VALUE, 0, "the limit \"%s\": \"%.60s\": %s", row->key, text,
			why);
		return err_help(err, "write for example %s", examples[row->kind]);
	}
	*ret = v == 0 && row->kind != LIMIT_KIND_COUNT ? LIMIT_NONE : v;
	return 0;
}

int limit_assign(struct spawn_limits *lim, const char *assignment, struct err *err)
{
	const char *eq = strchr(assignment, '=');
	size_t n = strcspn(assignment, "=");
	char key[32] = "";

	if (n < sizeof key)
		memcpy(key, assignment, n);
	int i = limit_find(key);
	if (i < 0) {
		err_set(err, ERR_BAD_VALUE, 0, "\"%.60s\": no such limit", assignment);
		return err_help(err, "the limits are children, depth, descendants, ever, "
				     "total_memory, child_memory, rate, ttl");
	}
	if (!eq) {
		err_set(err, ERR_BAD_VALUE, 0, "the limit \"%s\" has no value", key);
		return err_help(err, "write %s=N", key);
	}
	return limit_parse((enum limit_key)i, eq + 1, &lim->v[i], err);
}

int policy_parse(const char *text, enum spawn_policy *ret, struct err *err)
{
	for (size_t i = 0; i < sizeof policies / sizeof *policies; i++)
		if (strcmp(policies[i], text) == 0) {
			*ret = (enum spawn_policy)i;
			return 0;
		}
	err_set(err, ERR_BAD_VALUE, 0, "\"%.60s\" is no termination policy", text);
	return err_help(err, "write drain, cascade, reparent or orphan");
}

const char *policy_name(enum spawn_policy p)
{
	return policies[p];
}
