/* The environment of a service, or of all. */
#include <string.h>

#include "base/caps.h"
#include "manifest/keys.h"

static bool is_long(const struct ynode *v)
{
	for (size_t i = 0; i < v->n; i++)
		if (key_find(SCOPE_ENV, v->item[2 * i]->text))
			return true;
	return false;
}

void key_env(struct load *l, const struct key_row *row, const struct ynode *v, void *base)
{
	struct env_spec *env = (struct env_spec *)(void *)((char *)base + row->offset);

	if (load_kind(l, v, YNODE_MAP, row->name, "write a map: {NAME: value}") < 0)
		return;
	if (is_long(v))
		key_map(l, row->sub, v, env);
	else
		key_env_vars(l, row, v, env);
}

void key_env_file(struct load *l, const struct key_row *row, const struct ynode *v, void *base)
{
	struct env_spec *env = base;
	size_t n = v->kind == YNODE_LIST ? v->n : 1;

	env->files = load_array(l, n + 1, sizeof *env->files);
	for (size_t i = 0, k = 0; env->files && i < n; i++) {
		const struct ynode *one = v->kind == YNODE_LIST ? v->item[i] : v;
		const char *path = load_text(l, one, row->name);
		if (path && *path)
			env->files[k++] = load_path(l, path);
		else if (path)
			load_error(l, one, ERR_BAD_VALUE, "\"file\" is empty");
	}
}

static void one_var(
	struct load *l, struct env_spec *env, const struct ynode *key, const struct ynode *v)
{
	const char *value = "";

	if (!*key->text || strchr(key->text, '=')) {
		load_error(l, key, ERR_BAD_VALUE, "\"%.60s\" is no name for a variable", key->text);
		return;
	}
	if (!tree_is_null(v))
		value = load_text(l, v, key->text);
	if (!value)
		return;
	env->vars[env->nvars++] = (struct var){ load_keep(l, key->text), load_keep(l, value) };
}

void key_env_vars(struct load *l, const struct key_row *row, const struct ynode *v, void *base)
{
	struct env_spec *env = base;

	if (load_kind(l, v, YNODE_MAP, row->name, "write a map: {NAME: value}") < 0)
		return;
	if (v->n > CAP_ENV_VARS) {
		load_error(l, v, ERR_BAD_VALUE, "%zu variables; at most %d are possible", v->n,
			CAP_ENV_VARS);
		return;
	}
	env->vars = load_array(l, v->n, sizeof *env->vars);
	for (size_t i = 0; env->vars && i < v->n; i++)
		one_var(l, env, v->item[2 * i], v->item[2 * i + 1]);
}
