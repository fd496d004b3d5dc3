#include "manifest/expand.h"

#include <ctype.h>
#include <errno.h>
#include <string.h>

enum { NESTING = 8 };

struct expansion {
	const struct expand_from *from;
	struct buf *out;
	bool *open;
	struct err *err;
};

static int run(struct expansion *x, const char *p, const char *end, int level);

bool expand_needed(const char *text)
{
	return strstr(text, "${") != NULL;
}

const char *environ_find(char *const *environ, const char *name, size_t len)
{
	for (; *environ; environ++)
		if (strncmp(*environ, name, len) == 0 && (*environ)[len] == '=')
			return *environ + len + 1;
	return NULL;
}

/* The '}' that belongs to the "${" whose inside begins at p; NULL. */
static const char *closing(const char *p, const char *end)
{
	int open = 1;

	for (; p < end; p++) {
		if (*p == '}' && --open == 0)
			return p;
		if (*p == '$' && p + 1 < end && p[1] == '{') {
			open++;
			p++;
		}
	}
	return NULL;
}

static int full(struct expansion *x)
{
	if (errno == ENOMEM)
		return err_no_memory(x->err);
	return err_set(x->err, ERR_BAD_VALUE, 0, "the expanded values come to more than 8 MiB");
}

static int add(struct expansion *x, const char *p, size_t n)
{
	return buf_add(x->out, p, n) == 0 ? 0 : full(x);
}

static int unset(struct expansion *x, const char *name, const char *rest, const char *close)
{
	int n = (int)(rest - name);

	if (!x->from->value) {
		*x->open = true;
		return add(x, name - 2, (size_t)(close + 1 - (name - 2)));
	}
	if (rest[0] == ':' && close - rest > 2)
		err_set(x->err, ERR_BAD_VALUE, 0, "${%.*s}: %.*s", n > 60 ? 60 : n, name,
			(int)(close - rest - 2 > 200 ? 200 : close - rest - 2), rest + 2);
	else
		err_set(x->err, ERR_BAD_VALUE, 0, "the variable %.*s is not set", n > 60 ? 60 : n,
			name);
	return err_help(
		x->err, "set it, or write a default: ${%.*s:-value}", n > 60 ? 60 : n, name);
}

/* One ${...}: name points behind "${", close at its '}'. */
static int variable(struct expansion *x, const char *name, const char *close, int level)
{
	const char *rest = name;

	while (rest < close && (isalnum((unsigned char)*rest) || *rest == '_'))
		rest++;
	bool has_op = close - rest >= 2 && rest[0] == ':' && (rest[1] == '-' || rest[1] == '?');
	if (rest == name || isdigit((unsigned char)*name) || (rest != close && !has_op)) {
		err_set(x->err, ERR_BAD_VALUE, 0, "\"${%.*s}\" is no variable",
			(int)(close - name > 60 ? 60 : close - name), name);
		return err_help(x->err, "write ${VAR}, ${VAR:-default} or ${VAR:?message}; $${ for "
					"a literal ${");
	}
	size_t before = x->out->len;
	x->err->code = ERR_OK;
	int set = x->from->value ? x->from->value(x->from->arg, name, (size_t)(rest - name), x->out,
					   x->err)
				 : 0;
	if (set < 0)
		return x->err->code == ERR_OK ? full(x) : -1;
	if (set && (x->out->len > before || !has_op))
		return 0;
	if (has_op && rest[1] == '-')
		return run(x, rest + 2, close, level + 1);
	return unset(x, name, rest, close);
}

static int run(struct expansion *x, const char *p, const char *end, int level)
{
	if (level > NESTING)
		return err_set(x->err, ERR_BAD_VALUE, 0, "more than %d defaults inside each other",
			NESTING);
	while (p < end) {
		const char *d = memchr(p, '$', (size_t)(end - p));
		if (!d)
			d = end;
		if (add(x, p, (size_t)(d - p)) < 0)
			return -1;
		p = d;
		if (end - p >= 3 && p[1] == '$' && p[2] == '{') {
			if (add(x, "${", 2) < 0)
				return -1;
			p += 3;
		} else if (end - p >= 2 && p[1] == '{') {
			const char *close = closing(p + 2, end);
			if (!close) {
				err_set(x->err, ERR_BAD_VALUE, 0, "a \"${\" is not closed");
				return err_help(x->err, "add the \"}\", or write $${ for a "
							"literal ${");
			}
			if (variable(x, p + 2, close, level) < 0)
				return -1;
			p = close + 1;
		} else if (p < end) {
			if (add(x, p++, 1) < 0)
				return -1;
		}
	}
	return 0;
}

int expand(const char *text, const struct expand_from *from, struct buf *out, bool *ret_open,
	struct err *err)
{
	struct expansion x = { from, out, ret_open, err };

	return run(&x, text, text + strlen(text), 0);
}
