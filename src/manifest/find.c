#include "manifest/find.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "manifest/include.h"
#include "manifest/text.h"

enum { RESERVE = 4, PATH_SHOWN = 160 };

void find_init(struct finder *f, struct findings *list)
{
	f->list = list;
	f->errors = 0;
	f->files = NULL;
	f->nfiles = f->file = 0;
	list->n = 0;
	list->v = malloc(RESERVE * sizeof *list->v);
}

void find_clean(char *text)
{
	size_t len = strlen(text);

	for (size_t at = 0; (at += text_check(text + at, len - at)) < len; at++)
		text[at] = '?';
	for (unsigned char *p = (unsigned char *)text; *p; p++)
		if (*p < 0x20 || *p == 0x7f)
			*p = '?';
}

static struct finding *slot(struct finder *f)
{
	struct findings *l = f->list;

	if (!l->v || l->n >= FINDINGS_MAX)
		return &f->spare;
	if (l->n >= RESERVE && (l->n & (l->n - 1)) == 0) {
		struct finding *v = realloc(l->v, 2 * l->n * sizeof *v);
		if (!v)
			return &f->spare;
		l->v = v;
	}
	return &l->v[l->n++];
}

unsigned find_file(int *line, int *col)
{
	unsigned file = (unsigned)*line >> PLACE_BITS << PLACE_FILES | (unsigned)*col >> PLACE_BITS;

	*line &= PLACE_MASK;
	*col &= PLACE_MASK;
	return file;
}

/* What is in an included file is said with its place there; the finding's own is that of the
 * !include. */
static struct err *add(struct finder *f, int line, int col, enum err_code code, const char *msg)
{
	unsigned file = find_file(&line, &col);
	struct finding *x = slot(f);
	char there[sizeof x->err.msg];

	file = file ? file : f->file;
	if (file) {
		const struct include *in = &f->files[file];
		size_t n = strlen(in->path);
		(void)snprintf(there, sizeof there, "%s:%d:%d: %s",
			in->path + (n > PATH_SHOWN ? n - PATH_SHOWN : 0), line, col, msg);
		msg = there;
		line = in->line;
		col = in->col;
		if (code == ERR_BAD_YAML)
			code = ERR_INCLUDE;
	}

	err_set(&x->err, code, 0, "%s", msg);
	find_clean(x->err.msg);
	x->err.line = line;
	x->err.col = col;
	x->warning = false;
	if (line) /* until there is a better one */
		(void)err_help(&x->err, "sysg.yaml(5) says what may stand here");
	return &x->err;
}

struct err *find_error(
	struct finder *f, int line, int col, enum err_code code, const char *fmt, ...)
{
	char msg[sizeof f->spare.err.msg];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(msg, sizeof msg, fmt, ap);
	va_end(ap);
	f->errors++;
	return add(f, line, col, code, msg);
}

struct err *find_warning(
	struct finder *f, int line, int col, enum err_code code, const char *fmt, ...)
{
	char msg[sizeof f->spare.err.msg];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(msg, sizeof msg, fmt, ap);
	va_end(ap);
	struct err *e = add(f, line, col, code, msg);
	((struct finding *)(void *)e)->warning = true;
	return e;
}

void find_help(struct err *e, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(e->help, sizeof e->help, fmt, ap);
	va_end(ap);
	find_clean(e->help);
}

void find_nomem(struct finder *f)
{
	find_error(f, 0, 0, ERR_UNKNOWN, "out of memory while the manifest was read")->sys = ENOMEM;
}

/* Insertion: at most FINDINGS_MAX, nearly in order, and it has to be stable. */
void find_sort(struct finder *f)
{
	struct finding *v = f->list->v;

	for (size_t i = 1; i < f->list->n; i++) {
		struct finding x = v[i];
		size_t j = i;
		for (; j > 0; j--) {
			const struct err *e = &v[j - 1].err;
			if (e->line < x.err.line || (e->line == x.err.line && e->col <= x.err.col))
				break;
			v[j] = v[j - 1];
		}
		v[j] = x;
	}
}

void findings_done(struct findings *f)
{
	free(f->v);
	*f = (struct findings){ 0 };
}
