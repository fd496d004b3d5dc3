/* What ${NAME} stands for in a manifest: what the service itself would see under that name, its own `env` over its project's,
 * that over the top level's, and last the supervisor's environment. In `vars` those above are known, so that
 * PATH: "/app/bin:${PATH}" adds to what was there. */
#include "manifest/scope.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/caps.h"
#include "manifest/keys.h"

/* How much is looked up for one manifest: what stands for one name may have others in it, each of those on our stack. Names
 * that are passed on the way count too, so many of them as one look. */
enum { LOOKS_MAX = 100 * 1000, INSIDE_MAX = 500, NAMES_A_LOOK = 1024 };

/* Where a value is that is filled in: variables of this scope above that place, and its files, are known to it. */
struct place {
	struct load *l;
	int scope;
	size_t above;
	bool files;
};

static void forget_files(struct scope *s)
{
	for (size_t i = 0; i < s->nread; i++) {
		free(s->read[i].name);
		free(s->read[i].value);
	}
	free(s->read);
	*s = (struct scope){ NULL };
}

void scope_enter(struct load *l, enum scope_level level, const struct ynode *owner)
{
	for (int i = SCOPES; i-- > (int)level;)
		forget_files(&l->scopes[i]);
	struct scope *s = &l->scopes[level];
	const struct ynode *env = tree_written(owner, "env");

	if (!env || env->kind != YNODE_MAP)
		env = NULL;
	s->is_long = env && env_is_long(env);
	s->env = env;
	l->level = (int)level;
	l->above = SIZE_MAX;
}

void scope_leave(struct load *l, int outer)
{
	for (; l->level > outer; l->level--)
		forget_files(&l->scopes[l->level]);
}

void scopes_done(struct load *l)
{
	for (int i = 0; i < SCOPES; i++)
		forget_files(&l->scopes[i]);
}

/* --- environment files --- */

static int fill(
	struct load *l, struct place at, const char *text, struct buf *out, struct err *err);

/* Which can't be read is told when the service is made; here it has no variables. */
static void read_file(struct load *l, int scope, const struct ynode *n)
{
	struct scope *s = &l->scopes[scope];
	struct buf path, text;
	struct err err = { .code = ERR_OK };

	if (n->kind != YNODE_SCALAR || n->bad || tree_is_null(n))
		return;
	buf_init(&path, CAP_MANIFEST);
	buf_init(&text, CAP_ENV_FILE);
	int rc = fill(l, (struct place){ l, scope, 0, false }, n->text, &path, &err);
	const char *whole = rc == 0 && path.p ? load_path(l, path.p) : NULL;
	if (whole && (l->src->read(l->src->arg, whole, false, &text, &err) < 0 ||
			     env_file_parse(text.p ? text.p : "", text.len, &s->read, &s->nread,
				     &err) < 0))
		s->unread = whole;
	buf_done(&path);
	buf_done(&text);
}

static void read_files(struct load *l, int scope)
{
	struct scope *s = &l->scopes[scope];
	const struct ynode *file = s->is_long ? tree_written(s->env, "file") : NULL;

	if (s->looked || !file || !l->src->read)
		return;
	s->looked = true;
	if (file->kind != YNODE_LIST)
		read_file(l, scope, file);
	for (size_t i = 0; file->kind == YNODE_LIST && i < file->n; i++)
		read_file(l, scope, file->item[i]);
}

static const struct var *in_files(const struct scope *s, const char *name, size_t len)
{
	for (size_t i = s->nread; i-- > 0;)
		if (strncmp(s->read[i].name, name, len) == 0 && !s->read[i].name[len])
			return &s->read[i];
	return NULL;
}

/* --- a name --- */

static bool is_named(const struct ynode *key, const char *name, size_t len)
{
	return key->kind == YNODE_SCALAR && strncmp(key->text, name, len) == 0 && !key->text[len];
}

/* A value, of a place of its own. */
static int fill_inner(struct place at, const char *text, struct buf *out, struct err *err)
{
	if (at.l->inside == INSIDE_MAX)
		return err_set(err, ERR_BAD_VALUE, 0, "more than %d variables inside each other",
			INSIDE_MAX);
	at.l->inside++;
	int rc = fill(at.l, at, text, out, err);
	at.l->inside--;
	return rc;
}

/* 1: appended; 0: this scope has it not; -1: err. */
static int in_scope(
	const struct place *at, const char *name, size_t len, struct buf *out, struct err *err)
{
	struct scope *s = &at->l->scopes[at->scope];
	const struct ynode *vars = s->is_long ? tree_written(s->env, "vars") : s->env;
	size_t n = vars && vars->kind == YNODE_MAP ? vars->n : 0;

	size_t passed = n + s->nread + (s->env ? s->env->n : 0);

	at->l->looks += (unsigned)(passed / NAMES_A_LOOK);
	for (size_t i = n < at->above ? n : at->above; i-- > 0;) {
		const struct ynode *v = vars->item[2 * i + 1];
		if (!is_named(vars->item[2 * i], name, len) || v->bad || v->kind != YNODE_SCALAR)
			continue;
		if (tree_is_null(v))
			return 1;
		struct place inner = { at->l, at->scope, i, true };
		return fill_inner(inner, v->text, out, err) < 0 ? -1 : 1;
	}
	if (!at->files)
		return 0;
	read_files(at->l, at->scope);
	const struct var *v = in_files(s, name, len);
	if (!v)
		return 0;
	return buf_add(out, v->value, strlen(v->value)) < 0 ? -1 : 1;
}

static int look_up(void *arg, const char *name, size_t len, struct buf *out, struct err *err)
{
	struct place at = *(struct place *)arg;
	int rc = 0;

	err->code = ERR_OK;
	if (at.l->looks++ > LOOKS_MAX)
		return err_set(err, ERR_BAD_VALUE, 0,
			"more than %d variables are filled in, each of those in others among them",
			LOOKS_MAX);
	for (; rc == 0 && at.scope >= 0; at.scope--, at.above = SIZE_MAX, at.files = true)
		rc = in_scope(&at, name, len, out, err);
	if (rc == 0 && (name = environ_find(at.l->src->environ, name, len)))
		rc = buf_add(out, name, strlen(name)) < 0 ? -1 : 1;
	return rc;
}

static int fill(struct load *l, struct place at, const char *text, struct buf *out, struct err *err)
{
	struct expand_from from = { l->src->environ ? look_up : NULL, &at };

	return expand(text, &from, out, &l->open, err);
}

int scope_fill(struct load *l, const char *text, struct buf *out, struct err *err)
{
	struct place at = { l, l->level, l->path ? 0 : l->above, !l->path };
	int rc = fill(l, at, text, out, err);

	for (int i = l->level; rc < 0 && i >= 0; i--)
		if (l->scopes[i].unread && err->code == ERR_BAD_VALUE)
			return err_wrap(
				err, "without %s, which can't be read", l->scopes[i].unread);
	return rc;
}
