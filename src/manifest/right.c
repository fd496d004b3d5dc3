#include "manifest/right.h"

#include <stdint.h>
#include <string.h>

#include "base/caps.h"
#include "manifest/keys.h"

static const char *const words[VERB_COUNT] = {
#define X(name, word) (word),
	RIGHT_VERBS(X)
#undef X
};

const char *right_word(enum right_verb verb)
{
	return (unsigned)verb < VERB_COUNT ? words[verb] : "";
}

static int verb_parse(const char *text, size_t n, enum right_verb *ret, struct err *err)
{
	for (int v = 0; v < VERB_COUNT; v++)
		if (strlen(words[v]) == n && memcmp(words[v], text, n) == 0) {
			*ret = (enum right_verb)v;
			return 0;
		}
	err_set(err, ERR_BAD_VALUE, 0, "\"%.*s\" is no verb of a right", n < 40 ? (int)n : 40,
		text);
	return err_help(
		err, "the verbs are message, stop, signal, restart, logs, status, and spawn");
}

static int no_form(const char *text, struct err *err)
{
	err_set(err, ERR_BAD_VALUE, 0, "\"%.80s\" is no right over a unit", text);
	return err_help(err, "write for example message:UNIT; spawn alone has no unit");
}

int right_parse(
	const char *text, enum right_verb *ret_verb, const char **ret_target, struct err *err)
{
	size_t n = strcspn(text, ":");

	if (verb_parse(text, n, ret_verb, err) < 0)
		return -1;
	*ret_target = text + n + (text[n] == ':');
	return (*ret_verb == VERB_SPAWN ? text[n] : !**ret_target) ? no_form(text, err) : 0;
}

int grant_parse(const char *text, size_t *ret_n, unsigned *ret_verbs, struct err *err)
{
	size_t n = *ret_n = strcspn(text, "=");

	*ret_verbs = text[n] ? 0 : 1U << VERB_MESSAGE;
	while (text[n]) {
		enum right_verb verb;
		size_t len = strcspn(text + n + 1, ",");
		if (verb_parse(text + n + 1, len, &verb, err) < 0)
			return -1;
		*ret_verbs |= 1U << verb;
		n += 1 + len;
	}
	return !*ret_n || *ret_verbs >> VERB_SPAWN ? no_form(text, err) : 0;
}

static void add(struct load *l, struct right_specs *list, const struct ynode *v,
	enum right_verb verb, const char *name)
{
	list->v[list->n++] =
		(struct right_spec){ verb, load_keep(l, name), SIZE_MAX, v->line, v->col };
}

static void one(struct load *l, struct right_specs *list, const struct ynode *v, const char *text,
	bool grant)
{
	enum right_verb verb;
	unsigned verbs = 0;
	const char *target;
	size_t n;
	struct err err;

	if (!grant) {
		if (right_parse(text, &verb, &target, &err) < 0)
			load_report(l, v, &err);
		else if (verb == VERB_SPAWN)
			find_help(load_error(l, v, ERR_BAD_VALUE, "\"spawn\" is not asked for"),
				"write spawn: {mode: dynamic}");
		else
			add(l, list, v, verb, target);
		return;
	}
	char *name = grant_parse(text, &n, &verbs, &err) == 0 ? load_keep(l, text) : NULL;
	if (!name)
		load_report(l, v, &err);
	else
		name[n] = '\0';
	for (int i = 0; name && i < VERB_COUNT; i++)
		if (verbs >> i & 1)
			add(l, list, v, (enum right_verb)i, name);
}

void key_rights(struct load *l, const struct key_row *row, const struct ynode *v, void *base)
{
	struct right_specs *list = (struct right_specs *)(void *)((char *)base + row->offset);
	bool grant = row->range != NULL;

	if (load_kind(l, v, YNODE_LIST, row->name,
		    grant ? "write a list: [UNIT, \"UNIT=stop,logs\"]"
			  : "write a list: [\"message:UNIT\"]") < 0)
		return;
	if (v->n > CAP_RIGHTS) {
		load_error(l, v, ERR_BAD_VALUE, "\"%s\": at most %d are possible", row->name,
			CAP_RIGHTS);
		return;
	}
	list->v = load_array(l, v->n * VERB_COUNT + 1, sizeof *list->v);
	for (size_t i = 0; list->v && i < v->n; i++) {
		const char *text = load_typed(l, v->item[i], row->name);
		if (text)
			one(l, list, v->item[i], text, grant);
	}
}
