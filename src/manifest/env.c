/* The environment of a service, or of all. */
#include <string.h>

#include "base/caps.h"
#include "manifest/keys.h"

bool env_is_long(const struct ynode *v)
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
	if (env_is_long(v))
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
		l->path = true;
		const char *path = load_text(l, one, row->name);
		l->path = false;
		if (path && *path)
			env->files[k++] = load_path(l, path);
		else if (path)
			load_error(l, one, ERR_BAD_VALUE, "\"file\" is empty");
	}
}

static void one_var(struct load *l, struct var *ret, size_t place, const struct ynode *key,
	const struct ynode *v, bool path)
{
	const char *value = "";

	if (!*key->text || strchr(key->text, '=')) {
		load_error(l, key, ERR_BAD_VALUE, "\"%.60s\" is no name for a variable", key->text);
		return;
	}
	l->above = path ? SIZE_MAX : place;
	if (path || !tree_is_null(v))
		value = load_text(l, v, key->text);
	l->above = SIZE_MAX;
	if (value && path && !*value)
		load_error(l, v, ERR_BAD_VALUE, "\"%.60s\" names no file", key->text);
	else if (value)
		*ret = (struct var){ load_keep(l, key->text),
			path ? load_path(l, value) : load_keep(l, value) };
}

/* The variables of a map, or their files. Returns how many. */
static size_t vars_of(struct load *l, const struct key_row *row, const struct ynode *v,
	struct var **ret, bool path)
{
	size_t n = 0;

	if (load_kind(l, v, YNODE_MAP, row->name,
		    path ? "write a map: {NAME: path}" : "write a map: {NAME: value}") < 0)
		return 0;
	if (v->n > CAP_ENV_VARS) {
		load_error(l, v, ERR_BAD_VALUE, "%zu variables; at most %d are possible", v->n,
			CAP_ENV_VARS);
		return 0;
	}
	*ret = load_array(l, v->n, sizeof **ret);
	for (size_t i = 0; *ret && i < v->n; i++) {
		one_var(l, &(*ret)[n], i, v->item[2 * i], v->item[2 * i + 1], path);
		n += (*ret)[n].name != NULL;
	}
	return n;
}

void key_env_vars(struct load *l, const struct key_row *row, const struct ynode *v, void *base)
{
	struct env_spec *env = base;

	env->nvars = vars_of(l, row, v, &env->vars, false);
}

void key_env_secrets(struct load *l, const struct key_row *row, const struct ynode *v, void *base)
{
	struct env_spec *env = base;

	env->nsecrets = vars_of(l, row, v, &env->secrets, true);
}

void key_env_strip(struct load *l, const struct key_row *row, const struct ynode *v, void *base)
{
	struct env_spec *env = base;
	size_t n = 0;

	if (load_kind(l, v, YNODE_LIST, row->name, "write a list: [NAME, \"PREFIX*\"]") < 0)
		return;
	env->strip = load_array(l, v->n + 1, sizeof *env->strip);
	for (size_t i = 0; env->strip && i < v->n; i++) {
		const char *name = load_typed(l, v->item[i], row->name);
		size_t star = name ? strcspn(name, "=*") : 0;
		if (name && (!*name || name[star] == '=' || (name[star] && name[star + 1])))
			find_help(load_error(l, v->item[i], ERR_BAD_VALUE,
					  "\"%.60s\" is no name of variables", name),
				"write NAME, or \"PREFIX*\"");
		else if (name)
			env->strip[n++] = load_keep(l, name);
	}
}
