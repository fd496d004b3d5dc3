/* Maps by their rows, and the kinds of values that a row alone describes. */
#include <string.h>

#include "base/units.h"
#include "manifest/keys.h"
#include "manifest/types.h"

static void unknown_key(struct load *l, enum key_scope scope, const struct ynode *key)
{
	const char *near = key_nearest(scope, key->text), *foreign = key_foreign(key->text);
	struct err *e = load_error(l, key, ERR_UNKNOWN_KEY,
		"unknown-field: \"%.80s\" is no key of %s; the nearest is \"%s\"", key->text,
		scope_name(scope), near);

	if (foreign) {
		find_help(e, "%s", foreign);
		return;
	}
	for (int other = 0; other < SCOPE_COUNT; other++)
		if (key_find((enum key_scope)other, key->text)) {
			find_help(e, "\"%s\" is a key of %s", key->text,
				scope_name((enum key_scope)other));
			return;
		}
	find_help(e, "write \"%s\", or leave it out", near);
}

static void one_key(struct load *l, enum key_scope scope, const struct ynode *key,
	const struct ynode *value, void *base)
{
	const struct key_row *row = key_find(scope, key->text);

	if (strncmp(key->text, "x-", 2) == 0)
		return;
	if (!row) {
		unknown_key(l, scope, key);
	} else if (!row->parse) {
		struct err *e = load_error(l, key, ERR_UNKNOWN_KEY,
			"\"%s\" in %s is not supported by this version of sysg", row->name,
			scope_name(scope));
		find_help(e, "leave it out");
	} else if (!tree_is_null(value)) {
		row->parse(l, row, value, base);
	}
}

void key_map(struct load *l, enum key_scope scope, const struct ynode *map, void *base)
{
	if (map->bad)
		return;
	if (map->kind != YNODE_MAP) {
		struct err *e = load_error(l, map, ERR_BAD_VALUE,
			"%s is %s; a map is expected here", scope_name(scope), tree_kind(map));
		find_help(e, "write KEY: VALUE below it");
		return;
	}
	for (size_t i = 0; i < map->n; i++)
		one_key(l, scope, map->item[2 * i], map->item[2 * i + 1], base);
}

static void *field(const struct key_row *row, void *base)
{
	return (char *)base + row->offset;
}

static void bad_value(struct load *l, const struct key_row *row, const struct ynode *v,
	const char *text, const char *why)
{
	load_error(l, v, ERR_BAD_VALUE, "\"%s\": \"%.100s\": %s", row->name, text, why);
}

/* Sets the remedy of the finding that bad_value() just made. */
#define BAD_VALUE(l, row, v, text, why, ...)                                                       \
	find_help(                                                                                 \
		load_error(l, v, ERR_BAD_VALUE, "\"%s\": \"%.100s\": %s", (row)->name, text, why), \
		__VA_ARGS__)

void key_sub(struct load *l, const struct key_row *row, const struct ynode *v, void *base)
{
	key_map(l, row->sub, v, base);
}

void key_bool(struct load *l, const struct key_row *row, const struct ynode *v, void *base)
{
	const char *why, *s = load_typed(l, v, row->name);

	if (s && type_bool(s, field(row, base), &why) < 0)
		BAD_VALUE(l, row, v, s, why, "write true or false");
}

void key_int64(struct load *l, const struct key_row *row, const struct ynode *v, void *base)
{
	const char *why, *s = load_typed(l, v, row->name);

	if (s && type_int(s, row->range->min, row->range->max, field(row, base), &why) < 0)
		BAD_VALUE(l, row, v, s, why, "write a whole number from %lld to %lld",
			(long long)row->range->min, (long long)row->range->max);
}

void key_int(struct load *l, const struct key_row *row, const struct ynode *v, void *base)
{
	struct key_row here = *row;
	int *at = field(row, base);
	int64_t n = *at;

	here.offset = 0;
	key_int64(l, &here, v, &n);
	*at = (int)n;
}

void key_duration(struct load *l, const struct key_row *row, const struct ynode *v, void *base)
{
	const char *why = NULL, *s = load_typed(l, v, row->name);
	int64_t ns;

	if (!s)
		return;
	if (duration_parse(s, &ns, &why) == 0)
		why = ns < row->range->min ? "too short" : ns > row->range->max ? "too long" : NULL;
	if (why)
		BAD_VALUE(l, row, v, s, why,
			"write a whole number with ms, s, m or h, "
			"for example 5s or 500ms");
	else
		*(int64_t *)field(row, base) = ns;
}

/* -1: found. */
static int find_word(struct load *l, const struct key_row *row, const struct ynode *v)
{
	const char *s = load_typed(l, v, row->name);
	const struct key_word *w = row->words;

	if (!s)
		return -1;
	while (w->word && strcmp(w->word, s) != 0)
		w++;
	if (w->word && !w->help)
		return w->value;
	if (w->word && w->value < 0)
		find_help(load_error(l, v, ERR_UNKNOWN_KEY,
				  "\"%s: %s\" is not supported by this version of sysg", row->name,
				  s),
			"%s", w->help);
	else
		BAD_VALUE(l, row, v, s, "no such choice", "%s", w->help);
	return -1;
}

void key_word(struct load *l, const struct key_row *row, const struct ynode *v, void *base)
{
	int value = find_word(l, row, v);

	if (value >= 0)
		memcpy(field(row, base), &value, sizeof value); /* any enum: all are of this size */
}

void key_word_flag(struct load *l, const struct key_row *row, const struct ynode *v, void *base)
{
	int value = find_word(l, row, v);

	if (value >= 0)
		*(bool *)field(row, base) = value;
}

void key_word_only(struct load *l, const struct key_row *row, const struct ynode *v, void *base)
{
	(void)base;
	(void)find_word(l, row, v);
}

void key_string(struct load *l, const struct key_row *row, const struct ynode *v, void *base)
{
	const char *s = load_typed(l, v, row->name);

	if (s && !*s)
		bad_value(l, row, v, s, "it is empty");
	else if (s)
		*(char **)field(row, base) = load_keep(l, s);
}

void key_path(struct load *l, const struct key_row *row, const struct ynode *v, void *base)
{
	const char *s = load_text(l, v, row->name);

	if (s && !*s)
		BAD_VALUE(l, row, v, s, "it is empty", "write a path");
	else if (s)
		*(char **)field(row, base) = load_path(l, s);
}

void key_account(struct load *l, const struct key_row *row, const struct ynode *v, void *base)
{
	const char *why, *s = load_typed(l, v, row->name);

	if (!s)
		return;
	if (type_account(s, &why) < 0)
		BAD_VALUE(l, row, v, s, why, "write one name or one number");
	else
		*(char **)field(row, base) = load_keep(l, s);
}

void key_signal(struct load *l, const struct key_row *row, const struct ynode *v, void *base)
{
	const char *why, *s = load_typed(l, v, row->name);

	if (s && signal_parse(s, field(row, base), &why) < 0)
		BAD_VALUE(l, row, v, s, why, "write for example TERM");
}

void key_mode(struct load *l, const struct key_row *row, const struct ynode *v, void *base)
{
	const char *why, *s = load_typed(l, v, row->name);
	unsigned mode;

	if (!s)
		return;
	if (type_mode(s, &mode, &why) < 0)
		BAD_VALUE(l, row, v, s, why, "write for example \"0660\"");
	else
		*(mode_t *)field(row, base) = mode;
}

void key_percent(struct load *l, const struct key_row *row, const struct ynode *v, void *base)
{
	const char *why, *s = load_typed(l, v, row->name);

	if (s && type_percent(s, field(row, base), &why) < 0)
		BAD_VALUE(l, row, v, s, why, "write a number from 0 to 100, for example 10%%");
}

void key_version(struct load *l, const struct key_row *row, const struct ynode *v, void *base)
{
	const char *s = load_typed(l, v, row->name);

	(void)base;
	if (s && strcmp(s, "1") != 0 && strcmp(s, "2") != 0)
		BAD_VALUE(l, row, v, s, "no such version", "write \"2\", or leave it out");
}
