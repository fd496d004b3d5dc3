/* The keys of deployment: how a restart replaces what runs, and the two slots of blue_green. */
#include <ctype.h>
#include <string.h>

#include "base/caps.h"
#include "manifest/keys.h"
#include "manifest/scope.h"

enum { VAR_MAX = 64 };

/* --- what is filled in --- */

static bool is(const char *word, size_t n, const char *name)
{
	return strlen(name) == n && memcmp(word, name, n) == 0;
}

/* "{word}" at the brace, where the word has to do with slots; its length. 0: it is something else. */
static size_t placeholder(const char *text, const char *brace)
{
	size_t n = 0;
	bool slot = false;

	if (brace > text && brace[-1] == '$')
		return 0;
	for (const char *p = brace + 1; isalpha((unsigned char)*p) || *p == '_'; p++, n++)
		slot |= strncasecmp(p, "slot", 4) == 0;
	return slot && brace[1 + n] == '}' ? n : 0;
}

static const char *value_of(const struct load *l, const char *word, size_t n)
{
	if (is(word, n, "slot") || is(word, n, "candidate_slot"))
		return l->slots[l->slot];
	if (l->fill == FILL_SWITCH && is(word, n, "active_slot"))
		return l->slots[!l->slot];
	return NULL;
}

static const char *not_filled(
	struct load *l, const struct ynode *v, const char *word, size_t n, const char *text)
{
	if (!l->slots[0])
		find_help(load_error(l, v, ERR_BAD_VALUE,
				  "\"{%.*s}\" without \"blue_green\": there are no slots", (int)n,
				  word),
			"write deployment: {blue_green: {env_var: ..., slots: [a, b], ...}}");
	else
		find_help(load_error(l, v, ERR_BAD_VALUE, "\"{%.*s}\" is no placeholder here",
				  (int)n, word),
			l->fill == FILL_SWITCH ? "write {active_slot} or {candidate_slot}"
					       : "write {slot}");
	return text;
}

const char *load_fill(struct load *l, const struct ynode *v, const char *text)
{
	const char *at = text, *brace, *value;
	size_t n;

	if (l->fill == FILL_NOTHING)
		return text;
	buf_done(&l->filled);
	buf_init(&l->filled, CAP_MANIFEST);
	for (const char *from = text; (brace = strchr(from, '{')); from = brace + 1) {
		if (!(n = placeholder(text, brace)))
			continue;
		if (!(value = value_of(l, brace + 1, n)))
			return not_filled(l, v, brace + 1, n, text);
		if (buf_add(&l->filled, at, (size_t)(brace - at)) < 0 ||
			buf_adds(&l->filled, value) < 0)
			l->kept->mem.failed = 1;
		at = brace + 1 + n + 1;
	}
	if (at == text)
		return text;
	if (buf_adds(&l->filled, at) < 0)
		l->kept->mem.failed = 1;
	return l->filled.p ? l->filled.p : "";
}

/* NULL: it can't be told. */
static const char *slot_text(struct load *l, const struct ynode *v)
{
	struct buf text;
	struct err err;
	const char *ret = NULL;

	if (v->kind != YNODE_SCALAR || v->bad || tree_is_null(v) || !*v->text)
		return NULL;
	buf_init(&text, CAP_MANIFEST);
	l->open = false;
	if (scope_fill(l, v->text, &text, &err) == 0 && !l->open && text.p)
		ret = load_keep(l, text.p);
	buf_done(&text);
	return ret;
}

/* Before the keys are read, as a check may stand before them. What is wrong with them is found then. */
void slots_find(struct load *l, const struct ynode *service)
{
	const struct ynode *blue = tree_written(tree_written(service, "deployment"), "blue_green");
	const struct ynode *v = tree_written(blue, "slots");
	const char *text;

	l->slot = 0;
	l->errors_before = l->find.errors;
	for (size_t i = 0; i < 2; i++) {
		text = v && v->kind == YNODE_LIST && v->n == 2 ? slot_text(l, v->item[i]) : NULL;
		l->slots[i] = !blue ? NULL : text ? text : i ? "2" : "1";
	}
}

/* --- the keys --- */

void key_slot_var(struct load *l, const struct key_row *row, const struct ynode *v, void *base)
{
	struct service *s = base;
	const char *name = load_typed(l, v, row->name);
	size_t n = name ? strlen(name) : 0;

	if (!name)
		return;
	s->deployment.blue->env_var = load_keep(l, name);
	for (size_t i = 0; i < n; i++)
		if (!isalpha((unsigned char)name[i]) && name[i] != '_' &&
			!(i && isdigit((unsigned char)name[i])))
			n = 0;
	if (!n || n > VAR_MAX)
		find_help(load_error(l, v, ERR_BAD_VALUE,
				  "\"env_var\": \"%.80s\" is no name for a variable", name),
			"write letters, digits and _, for example PORT");
	else if (strncmp(name, "SYSG_", 5) == 0 || strncmp(name, "SPAWN_", 6) == 0)
		find_help(load_error(l, v, ERR_BAD_VALUE, "\"env_var\": \"%.80s\" is the init's",
				  name),
			"write another name, for example PORT");
}

static const char *wrong_with(const char *slot)
{
	size_t n = strlen(slot);

	for (const char *p = slot; *p; p++)
		if ((unsigned char)*p < ' ' || *p == 0x7f)
			return "there is a control character in it";
	return !n ? "it is empty" : n > SLOT_MAX ? "it has more than 64 bytes" : NULL;
}

void key_slots(struct load *l, const struct key_row *row, const struct ynode *v, void *base)
{
	static const char help[] = "write two, for example slots: [\"8001\", \"8002\"]";
	struct service *s = base;
	char **slots = s->deployment.blue->slots;

	if (load_kind(l, v, YNODE_LIST, row->name, help) < 0)
		return;
	if (v->n != 2) {
		find_help(load_error(l, v, ERR_BAD_VALUE, "\"slots\" has %zu; there are two", v->n),
			help);
		return;
	}
	for (size_t i = 0; i < 2; i++) {
		const char *text = load_typed(l, v->item[i], row->name);
		const char *why = text ? wrong_with(text) : NULL;
		if (why)
			find_help(load_error(l, v->item[i], ERR_BAD_VALUE, "\"slots\": %s", why),
				help);
		slots[i] = load_keep(l, text ? text : i ? "2" : "1");
	}
	if (slots[0] && slots[1] && strcmp(slots[0], slots[1]) == 0)
		find_help(load_error(l, v->item[1], ERR_BAD_VALUE, "\"slots\": both are \"%.64s\"",
				  slots[0]),
			help);
}

/* Once for each direction: to the first slot, and to the second. */
void key_switch(struct load *l, const struct key_row *row, const struct ynode *v, void *base)
{
	struct key_row one = *row;
	int before = l->find.errors;

	l->fill = FILL_SWITCH;
	for (l->slot = 0; l->slot < 2 && l->find.errors == before; l->slot++) {
		one.offset = (uint16_t)(HOOK_SWITCH_A + l->slot);
		key_deploy_hook(l, &one, v, base);
	}
	l->slot = 0;
	l->fill = FILL_NOTHING;
}

static void check_of(struct load *l, const struct key_row *row, const struct ynode *v, int slot,
	struct health_check *ret)
{
	struct service part = { 0 };

	l->slot = slot;
	key_check(l, row, v, &part);
	l->slot = 0;
	*ret = part.check;
}

/* One that isn't the service's own: for each slot. */
void key_side_check(struct load *l, const struct key_row *row, const struct ynode *v, void *base)
{
	struct health_check *both =
		(struct health_check *)(void *)((char *)((struct service *)base)->deployment.blue +
						row->offset);
	int before = l->find.errors;

	for (int slot = 0; slot < 2 && l->find.errors == before; slot++)
		check_of(l, row, v, slot, &both[slot]);
	if (l->find.errors != before || v->bad)
		return;
	if (both->kind == CHECK_ALIVE || both->kind == CHECK_NOTIFY)
		find_help(load_error(l, v, ERR_BAD_VALUE, "\"%s\" asks nothing", row->name),
			"write {command: ...}, {url: ...}, {tcp: ...}, {unix: ...} or {file: ...}");
	if (tree_written(v, "on_unhealthy"))
		find_help(load_error(l, tree_key(v, "on_unhealthy"), ERR_BAD_VALUE,
				  "\"on_unhealthy\" is for the service's own check"),
			"leave it out");
}

void key_slot_state(struct load *l, const struct key_row *row, const struct ynode *v, void *base)
{
	struct service *s = base;
	struct key_row path = { .name = row->name };

	key_path(l, &path, v, &s->deployment.blue->state_path);
}

void key_blue_green(struct load *l, const struct key_row *row, const struct ynode *v, void *base)
{
	static const char *const needed[] = { "env_var", "slots", "switch_command" };
	struct service *s = base;

	s->deployment.blue = load_array(l, 1, sizeof *s->deployment.blue);
	if (!s->deployment.blue)
		return;
	key_map(l, row->sub, v, s);
	for (size_t i = 0; v->kind == YNODE_MAP && i < sizeof needed / sizeof *needed; i++)
		if (!tree_written(v, needed[i]))
			find_help(load_error(l, v, ERR_BAD_VALUE, "\"blue_green\" without \"%s\"",
					  needed[i]),
				"write {env_var: PORT, slots: [\"8001\", \"8002\"], "
				"switch_command: "
				"...}");
}

/* --- rules that need several of them --- */

static void check_slots(
	struct load *l, const struct ynode *map, const struct ynode *v, struct service *s)
{
	const struct ynode *check = tree_written(map, "health_check");

	if (tree_written(v, "strategy") && s->deployment.strategy == STRATEGY_IMMEDIATE)
		find_help(load_error(l, tree_key(v, "blue_green"), ERR_BAD_VALUE,
				  "\"blue_green\" goes not with \"strategy: immediate\""),
			"write strategy: rolling");
	if (s->replicas > 1)
		find_help(load_error(l, tree_key(v, "blue_green"), ERR_BAD_VALUE,
				  "\"blue_green\" goes not with \"replicas\": there are two slots"),
			"keep one of them");
	s->deployment.strategy = STRATEGY_ROLLING;
	if (!check)
		check = tree_written(v, "health_check");
	s->deployment.blue->check[0] = s->deployment.blue->check[1] = s->check;
	if (check && l->find.errors == l->errors_before)
		check_of(l, key_find(SCOPE_SERVICE, "health_check"), check, 1,
			&s->deployment.blue->check[1]);
}

/* What isn't restarted isn't replaced either; what is replaced at once has nothing to be gentle about. */
void check_deployment(struct load *l, const struct ynode *map, struct service *s)
{
	const struct ynode *v = tree_written(map, "deployment");

	if (s->deployment.blue)
		check_slots(l, map, v, s);
	bool rolling = s->deployment.strategy == STRATEGY_ROLLING;
	if (rolling && s->cron.expression)
		find_help(load_error(l, tree_key(map, "deployment"), ERR_BAD_VALUE,
				  "a cron unit can't be \"rolling\": it is not restarted"),
			"keep one of them");
	if (!rolling && tree_written(v, "grace_period"))
		find_help(load_warning(l, tree_key(v, "grace_period"), ERR_BAD_VALUE,
				  "\"grace_period\" without \"strategy: rolling\" has no effect"),
			"write strategy: rolling, or leave it out");
}
