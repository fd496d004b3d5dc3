/* doc/keys.md has a row for each key, in the order of the table in keys.c, and what it says of it is so. */
#include <inttypes.h>

#include "base/clock.h"
#include "loading.h"
#include "manifest/keys.h"

enum { CELL = 200, CELLS = 4 };

struct cells {
	char v[CELLS][CELL]; /* key, type, default, range; "": the page says it in its own words */
};

/* What values of a key are, where one word says it. Keys of any other kind are described by the page alone. */
static const struct {
	key_fn *fn;
	const char *type;
} kinds[] = {
	{ key_bool, "bool" },
	{ key_log_prefix, "bool" },
	{ key_space, "bool" },
	{ key_int, "int" },
	{ key_int64, "int" },
	{ key_duration, "duration" },
	{ key_percent, "percent" },
	{ key_log_bytes, "bytes" },
	{ key_log_total, "bytes" },
	{ key_word, "word" },
	{ key_word_flag, "word" },
	{ key_policy, "word" },
	{ key_path, "path" },
	{ key_account, "account" },
	{ key_signal, "signal" },
	{ key_mode, "mode" },
	{ key_hook, "hook" },
	{ key_sub, "map" },
	{ NULL, "refused" },
};

static bool is(const struct key_row *row, key_fn *fn)
{
	return row->parse == fn;
}

static bool is_number(const struct key_row *row)
{
	return is(row, key_int) || is(row, key_int64) || is(row, key_log_bytes) ||
	       is(row, key_log_total);
}

static void type_of(const struct key_row *row, char ret[CELL])
{
	static const char *const limits[] = { "int", "int", "bytes", "duration" };

	*ret = '\0';
	for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
		if (row->parse == kinds[i].fn)
			snprintf(ret, CELL, "%s", kinds[i].type);
	if (is(row, key_limit))
		snprintf(ret, CELL, "%s", limits[limit_rows[limit_find(row->name)].kind]);
	if (is(row, key_rlimit))
		snprintf(ret, CELL, "%s or `unlimited`", row->range ? "int" : "bytes");
}

/* In the greatest unit that it is a whole number of. */
static const char *duration(int64_t ns, char ret[CELL])
{
	static const struct {
		int64_t ns;
		const char *unit;
	} units[] = { { 3600 * NS_PER_SEC, "h" }, { 60 * NS_PER_SEC, "m" }, { NS_PER_SEC, "s" },
		{ NS_PER_MS, "ms" } };
	size_t i = 0;

	while (i < 3 && ns % units[i].ns)
		i++;
	snprintf(ret, CELL, ns ? "%" PRId64 "%s" : "0", ns / units[i].ns, units[i].unit);
	return ret;
}

static void range_of(const struct key_row *row, char ret[CELL])
{
	char from[CELL], to[CELL];

	*ret = '\0';
	if (is(row, key_percent))
		snprintf(ret, CELL, "0 to 100");
	else if (is_number(row) || (is(row, key_rlimit) && row->range))
		snprintf(ret, CELL, "%" PRId64 " to %" PRId64, row->range->min, row->range->max);
	else if (is(row, key_duration))
		snprintf(ret, CELL, "%s to %s", duration(row->range->min, from),
			duration(row->range->max, to));
	else if (is(row, key_word) || is(row, key_word_flag))
		for (const struct key_word *w = row->words; w->word; w++)
			if (!w->help)
				snprintf(ret + strlen(ret), CELL - strlen(ret), "%s`%s`",
					*ret ? " " : "", w->word);
}

/* --- what a manifest that says nothing of it has --- */

static const char silent[] =
	"services:\n  a: {command: x}\n  b: {command: x, health_check: {command: x}}\n"
	"  c: {command: x, depends_on: [{service: a}]}\n  d: {command: x, cron: {expression: '* * "
	"* * *'}}\n";

static const void *base_of(const struct manifest *m, enum key_scope scope)
{
	switch (scope) {
	case SCOPE_TOP:
	case SCOPE_START:
	case SCOPE_SHUTDOWN:
	case SCOPE_CONTROL:
		return m;
	case SCOPE_SERVICE:
	case SCOPE_SPAWN:
	case SCOPE_LIMITS:
	case SCOPE_RESTART:
	case SCOPE_ALLOW:
	case SCOPE_RESOURCES:
	case SCOPE_DEPLOYMENT:
		return &m->services[0];
	case SCOPE_TOP_ENV:
		return &m->env;
	case SCOPE_ENV:
		return &m->services[0].env;
	case SCOPE_BACKOFF:
		return &m->services[0].backoff;
	case SCOPE_CHECK:
		return &m->services[1].check;
	case SCOPE_DEP:
		return &m->services[2].deps[0];
	case SCOPE_CRON:
		return &m->services[3];
	default: /* what is not written is known elsewhere */
		return NULL;
	}
}

static int64_t number(const struct key_row *row, const void *at)
{
	if (is(row, key_bool) || is(row, key_word_flag))
		return *(const bool *)at;
	if (is(row, key_int) || is(row, key_percent) || is(row, key_word) || is(row, key_policy))
		return *(const int *)at;
	return *(const int64_t *)at;
}

/* These depend on other keys. */
static const char *const resolved[] = { "stop_target", "replicas", "condition" };

static void default_of(const struct manifest *m, const struct key_row *row, char ret[CELL])
{
	const char *base = base_of(m, row->scope);
	char text[CELL];

	*ret = '\0';
	bool known = is(row, key_bool) || is(row, key_duration) || is(row, key_percent) ||
		     is(row, key_word) || is(row, key_word_flag) || is(row, key_policy) ||
		     is(row, key_limit) || is_number(row) || (is(row, key_rlimit) && row->range);
	for (size_t i = 0; i < sizeof resolved / sizeof *resolved; i++)
		known &= strcmp(row->name, resolved[i]) != 0;
	if (!base || !known)
		return;
	int64_t n = number(row, base + row->offset);
	if (is(row, key_bool))
		snprintf(ret, CELL, "%s", n ? "true" : "false");
	else if (is(row, key_policy))
		snprintf(ret, CELL, "`%s`", policy_name((enum spawn_policy)n));
	else if (is(row, key_word) || is(row, key_word_flag)) {
		for (const struct key_word *w = row->words; w->word && !*ret; w++)
			if (!w->help && w->value == n)
				snprintf(ret, CELL, "`%s`", w->word);
	} else if (is(row, key_limit) && n == LIMIT_NONE)
		snprintf(ret, CELL, "none");
	else if (!is(row, key_limit) && !is(row, key_percent) &&
		 (n < row->range->min || n > row->range->max))
		snprintf(ret, CELL, "none");
	else if (is(row, key_duration))
		snprintf(ret, CELL, "%s", duration(n, text));
	else
		snprintf(ret, CELL, "%" PRId64, n);
}

/* --- the page --- */

static char *page(void)
{
	FILE *in = fopen(KEYS_PAGE, "r");
	char *text = calloc(1, 1 << 18);

	cr_assert(in && text, "no " KEYS_PAGE);
	cr_assert(fread(text, 1, (1 << 18) - 1, in) > 0);
	fclose(in);
	return text;
}

/* The cells of a row of a table; false: none. */
static bool take(const char *line, struct cells *ret)
{
	if (strncmp(line, "| `", 3) != 0)
		return false;
	memset(ret, 0, sizeof *ret);
	for (int i = 0; i < CELLS; i++) {
		const char *end = strstr(line + 2, " |");
		if (!end || end - line - 2 >= CELL)
			return false;
		memcpy(ret->v[i], line + 2, (size_t)(end - line - 2));
		line = end + 1;
	}
	return true;
}

static void heading(enum key_scope scope, char ret[CELL])
{
	snprintf(ret, CELL, "## %s", scope_name(scope));
	for (char *p = ret; *p; p++)
		if (*p == '"')
			*p = '`';
}

Test(keys_page, has_a_row_for_every_key_in_its_place_and_says_what_is_so)
{
	struct manifest *m = good(silent);
	char *text = page(), *save = NULL, *line = strtok_r(text, "\n", &save), want[CELL];
	int scope = -1;

	for (size_t i = 0; i < key_row_count; i++) {
		const struct key_row *row = &key_rows[i];
		struct cells said, is_so = { 0 };
		if ((int)row->scope != scope) {
			scope = row->scope;
			heading(row->scope, want);
			while (line && strncmp(line, "## ", 3) != 0)
				line = strtok_r(NULL, "\n", &save);
			cr_assert(line && strcmp(line, want) == 0, "\"%s\", not \"%s\"",
				line ? line : "the end", want);
			line = strtok_r(NULL, "\n", &save);
		}
		snprintf(is_so.v[0], CELL, "`%s`", row->name);
		type_of(row, is_so.v[1]);
		default_of(m, row, is_so.v[2]);
		range_of(row, is_so.v[3]);
		while (line && !take(line, &said) && strncmp(line, "## ", 3) != 0)
			line = strtok_r(NULL, "\n", &save);
		cr_assert(line && take(line, &said), "%s: no row for %s | %s | %s | %s", want,
			is_so.v[0], is_so.v[1], is_so.v[2], is_so.v[3]);
		for (int c = 0; c < CELLS; c++)
			cr_expect(*is_so.v[c] ? strcmp(said.v[c], is_so.v[c]) == 0 : *said.v[c],
				"%s of %s: the page says \"%s\", not \"%s\"",
				(const char *const[]){
					"the key", "the type", "the default", "the range" }[c],
				row->name, said.v[c], is_so.v[c]);
		line = strtok_r(NULL, "\n", &save);
	}
	for (struct cells more; line; line = strtok_r(NULL, "\n", &save))
		cr_expect_not(take(line, &more), "there is no such key: %s", line);
	free(text);
	manifest_free(m);
}
