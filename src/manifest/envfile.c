/* Environment files. What a shell would make of a line that it can source, without the shell. */
#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/caps.h"
#include "base/cleanup.h"
#include "base/index.h"
#include "manifest/manifest.h"

static int bad(struct err *err, const char *why, const char *help)
{
	err_set(err, ERR_BAD_VALUE, 0, "environment file: %s", why);
	return err_help(err, "%s", help);
}

static bool blank(char c)
{
	return c == ' ' || c == '\t' || c == '\r';
}

static const char *skip_blanks(const char *p, const char *end)
{
	while (p < end && blank(*p))
		p++;
	return p;
}

/* The name at *p, which is left behind its '='. */
static int read_name(const char **p, const char *end, struct buf *name, struct err *err)
{
	const char *s = *p;

	if (end - s > 7 && memcmp(s, "export", 6) == 0 && blank(s[6]))
		s = skip_blanks(s + 6, end);
	const char *eq = memchr(s, '=', (size_t)(end - s));
	if (!eq)
		return bad(err, "a line without \"=\"", "write NAME=VALUE, or # before a comment");
	const char *stop = eq;
	while (stop > s && blank(stop[-1]))
		stop--;
	if (stop == s)
		return bad(err, "no name before \"=\"", "write NAME=VALUE");
	for (const char *c = s; c < stop; c++)
		if (!isalnum((unsigned char)*c) && !strchr("_.-", *c))
			return bad(err, "a name with other characters than letters, digits, _ . -",
				"write NAME=VALUE");
	if (isdigit((unsigned char)*s))
		return bad(err, "a name that begins with a digit", "write NAME=VALUE");
	*p = eq + 1;
	return buf_add(name, s, (size_t)(stop - s));
}

static char unescaped(char c)
{
	switch (c) {
	case 'n':
		return '\n';
	case 't':
		return '\t';
	case 'r':
		return '\r';
	default:
		return c;
	}
}

/* A quoted value; *p is left behind the closing quote. */
static int read_quoted(const char **p, const char *end, struct buf *value, struct err *err)
{
	char quote = *(*p)++;

	for (; *p < end && **p != quote; (*p)++) {
		char c = **p;
		if (quote == '"' && c == '\\' && *p + 1 < end && strchr("\"\\$`ntr", (*p)[1])) {
			c = unescaped((*p)[1]);
			(*p)++;
		}
		if (buf_addc(value, c) < 0)
			return -1;
	}
	if (*p == end)
		return bad(err, "a quote that its line does not close",
			"close the quote; write \\n inside of \"\" for a new line");
	(*p)++;
	return 0;
}

/* Up to the end of the line or " #", blanks at the end dropped. */
static int read_bare(const char **p, const char *end, struct buf *value)
{
	const char *s = *p, *stop = s;

	while (stop < end && !(*stop == '#' && (stop == s || blank(stop[-1]))))
		stop++;
	*p = end;
	while (stop > s && blank(stop[-1]))
		stop--;
	return buf_add(value, s, (size_t)(stop - s));
}

static int read_value(const char *p, const char *end, struct buf *value, struct err *err)
{
	p = skip_blanks(p, end);
	if (p == end)
		return 0;
	if (*p != '"' && *p != '\'')
		return read_bare(&p, end, value);
	if (read_quoted(&p, end, value, err) < 0)
		return -1;
	p = skip_blanks(p, end);
	if (p < end && *p != '#')
		return bad(err, "text after a closing quote", "quote the whole value");
	return 0;
}

struct env_reader {
	struct var **vars;
	size_t *nvars;
	struct index places; /* of the names in *vars */
	struct buf name, value;
};

/* Its place is behind the last: doubled where that is a power of two. */
static int make_room(struct env_reader *r)
{
	size_t n = *r->nvars;

	if (n & (n - 1))
		return 0;
	struct var *v = realloc(*r->vars, (n ? 2 * n : 1) * sizeof *v);
	if (!v)
		return -1;
	*r->vars = v;
	return 0;
}

/* The same name again replaces: one name, one value. */
static int put(struct env_reader *r)
{
	autofree char *k = strdup(r->name.p), *v = strdup(r->value.p ? r->value.p : "");

	if (!k || !v || make_room(r) < 0)
		return -1;
	ssize_t at = index_put(&r->places, k, r->name.len, *r->nvars);
	if (at < 0)
		return -1;
	struct var *var = &(*r->vars)[at];
	if ((size_t)at < *r->nvars) {
		free(var->name);
		free(var->value);
	} else {
		++*r->nvars;
	}
	*var = (struct var){ steal_ptr(k), steal_ptr(v) };
	return 0;
}

static int read_line(struct env_reader *r, const char *p, const char *end, struct err *err)
{
	p = skip_blanks(p, end);
	if (p == end || *p == '#')
		return 0;
	if (memchr(p, '\0', (size_t)(end - p)))
		return bad(err, "a NUL byte", "is it a text file?");
	buf_reset(&r->name);
	buf_reset(&r->value);
	if (read_name(&p, end, &r->name, err) < 0 || read_value(p, end, &r->value, err) < 0)
		return -1;
	if (*r->nvars >= CAP_ENV_VARS)
		return bad(err, "more than 8192 variables", "split the service");
	return put(r);
}

int env_file_parse(const char *text, size_t len, struct var **vars, size_t *nvars, struct err *err)
{
	const char *p = text, *end = text + len;
	struct env_reader r = { .vars = vars, .nvars = nvars };
	int line = 1, result = 0;

	if (len > CAP_ENV_FILE)
		return bad(err, "larger than 1 MiB", "split it");
	if (len >= 3 && memcmp(p, "\xef\xbb\xbf", 3) == 0)
		p += 3;
	buf_init(&r.name, CAP_ENV_FILE);
	buf_init(&r.value, CAP_ENV_FILE);
	for (; p < end && result == 0; line++) {
		const char *nl = memchr(p, '\n', (size_t)(end - p));
		err->code = ERR_OK;
		result = read_line(&r, p, nl ? nl : end, err);
		if (result < 0 && err->code == ERR_OK)
			err_set(err, ERR_UNKNOWN, ENOMEM, "environment file: out of memory");
		if (result < 0)
			err->line = line;
		p = nl ? nl + 1 : end;
	}
	buf_done(&r.name);
	buf_done(&r.value);
	index_done(&r.places);
	return result;
}
