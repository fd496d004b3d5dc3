#include "manifest/hooks.h"

#include "base/clock.h"
#include "manifest/keys.h"
#include "manifest/types.h"

static const struct {
	const char *name;
	int timeout_s;
} kinds[HOOK_COUNT] = {
#define X(name, key, timeout_s) [HOOK_##name] = { key, timeout_s },
	HOOKS(X)
#undef X
};

const char *hook_name(enum hook_kind kind)
{
	return (unsigned)kind < HOOK_COUNT ? kinds[kind].name : "?";
}

/* A service without any hook has no room for them. NULL: out of memory. */
static struct hook *hooks_of(struct load *l, struct service *s)
{
	if (!s->hooks && (s->hooks = load_array(l, HOOK_COUNT, sizeof *s->hooks)))
		for (int i = 0; i < HOOK_COUNT; i++)
			s->hooks[i].timeout_ns = kinds[i].timeout_s * NS_PER_SEC;
	return s->hooks;
}

void key_hooks(struct load *l, const struct key_row *row, const struct ynode *v, void *base)
{
	struct hook *hooks = hooks_of(l, base);

	if (hooks)
		key_map(l, row->sub, v, hooks);
}

void key_outcomes(struct load *l, const struct key_row *row, const struct ynode *v, void *base)
{
	key_map(l, row->sub, v, (struct hook *)base + row->offset);
}

void key_hook_command(struct load *l, const struct key_row *row, const struct ynode *v, void *base)
{
	struct hook *h = base;

	h->argv = load_argv(l, row, v);
}

void key_hook(struct load *l, const struct key_row *row, const struct ynode *v, void *base)
{
	struct hook *h = (struct hook *)base + row->offset;
	int before = l->find.errors;

	if (h->argv) {
		find_help(load_error(l, v, ERR_BAD_VALUE,
				  "\"%s\" is both in \"hooks\" and in \"deployment\"", row->name),
			"keep the one in \"hooks\"");
		return;
	}
	if (v->kind != YNODE_MAP) {
		key_hook_command(l, row, v, h);
		return;
	}
	key_map(l, SCOPE_HOOK, v, h);
	if (!h->argv && l->find.errors == before && !v->bad)
		find_help(load_error(l, v, ERR_BAD_VALUE, "\"%s\" has no \"command\"", row->name),
			"write {command: ..., timeout: ...}");
}

/* deployment.pre_start is the same as hooks.pre_start. */
void key_deploy_hook(struct load *l, const struct key_row *row, const struct ynode *v, void *base)
{
	struct hook *hooks = hooks_of(l, base);

	if (hooks)
		key_hook(l, row, v, hooks);
}

void key_skip(struct load *l, const struct key_row *row, const struct ynode *v, void *base)
{
	struct service *s = base;
	const char *why;

	if (v->kind != YNODE_SCALAR || type_bool(v->text, &s->skip, &why) < 0)
		key_deploy_hook(l, row, v, base);
}
