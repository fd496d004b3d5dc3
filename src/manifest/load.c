#include "manifest/load.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/caps.h"
#include "manifest/scope.h"

void load_report(struct load *l, const struct ynode *n, const struct err *err)
{
	struct err *e = load_error(l, n, err->code, "%s", err->msg);

	e->sys = err->sys;
	find_help(e, "%s", err->help);
}

const char *load_text(struct load *l, const struct ynode *n, const char *what)
{
	struct err err;

	l->open = false;
	if (n->bad)
		return NULL;
	if (n->kind != YNODE_SCALAR || tree_is_null(n)) {
		struct err *e =
			load_error(l, n, ERR_BAD_VALUE, "\"%.60s\" is %s; one value is expected",
				what, n->kind == YNODE_SCALAR ? "empty" : tree_kind(n));
		find_help(e, "write one word or a quoted string");
		return NULL;
	}
	if (!expand_needed(n->text))
		return load_fill(l, n, n->text);
	buf_done(&l->text);
	buf_init(&l->text, CAP_MANIFEST - l->expanded);
	/* So that even an empty result is a string. */
	if (buf_add(&l->text, "", 0) < 0 || scope_fill(l, n->text, &l->text, &err) < 0) {
		err_wrap(&err, "\"%.60s\"", what);
		load_report(l, n, &err);
		return NULL;
	}
	l->expanded += l->text.len;
	return load_fill(l, n, l->text.p ? l->text.p : "");
}

const char *load_typed(struct load *l, const struct ynode *n, const char *what)
{
	const char *s = load_text(l, n, what);

	return l->open ? NULL : s;
}

char *load_keep(struct load *l, const char *s)
{
	return arena_strn(&l->kept->mem, s, strlen(s));
}

void *load_array(struct load *l, size_t n, size_t size)
{
	return arena_array(&l->kept->mem, n, size);
}

char *load_path(struct load *l, const char *path)
{
	char *dir = l->kept->m.dir;

	if (*path == '/' || !dir || (l->open && strncmp(path, "${", 2) == 0))
		return load_keep(l, path);
	while (path[0] == '.' && path[1] == '/') {
		path += 2;
		while (*path == '/')
			path++;
	}
	if (!*path || strcmp(path, ".") == 0)
		return dir;
	size_t size = strlen(dir) + strlen(path) + 2;
	char *p = load_array(l, size, 1);
	if (p)
		snprintf(p, size, "%s%s%s", dir, strcmp(dir, "/") == 0 ? "" : "/", path);
	return p;
}

int load_kind(struct load *l, const struct ynode *n, enum ynode_kind kind, const char *what,
	const char *help)
{
	static const struct ynode shown[] = { { .kind = YNODE_SCALAR }, { .kind = YNODE_LIST },
		{ .kind = YNODE_MAP } };

	if (n->bad)
		return -1;
	if (n->kind == kind)
		return 0;
	struct err *e = load_error(l, n, ERR_BAD_VALUE, "\"%.60s\" is %s; %s is expected", what,
		tree_kind(n), tree_kind(&shown[kind]));
	find_help(e, "%s", help);
	return -1;
}
