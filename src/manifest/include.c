/* !include: which file is meant, and whether it may be. */
#include "manifest/include.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/caps.h"

/* Takes . and .. out of an absolute path. */
static void shorten(char *path)
{
	char *to = path;

	for (char *at = path; *(at += strspn(at, "/"));) {
		size_t n = strcspn(at, "/");
		if (n == 2 && memcmp(at, "..", 2) == 0) {
			while (to > path && *--to != '/')
				;
		} else if (n != 1 || *at != '.') {
			*to++ = '/';
			memmove(to, at, n);
			to += n;
		}
		at += n;
	}
	to[to == path] = '\0'; /* nothing is left of it: the first / */
}

/* Relative to the file that names it. NULL: memory is out. */
static char *whole_path(struct arena *mem, const char *by, const char *path)
{
	const char *slash = strrchr(by, '/');
	size_t dir = *path != '/' && slash ? (size_t)(slash - by) + 1 : 0, n = strlen(path);
	char *p = arena_get(mem, dir + n + 1);

	if (!p)
		return NULL;
	memcpy(p, by, dir);
	memcpy(p + dir, path, n + 1);
	if (*p == '/')
		shorten(p);
	return p;
}

/* The files from the one at the top of the cycle down to where it closes. */
static void tell_cycle(struct finder *f, unsigned top, const char *again, int line, int col)
{
	unsigned chain[INCLUDE_DEEP + 1], n = 0;
	char text[320] = "";
	size_t at = 0;

	for (unsigned i = f->file; n <= INCLUDE_DEEP; i = f->files[i].by) {
		chain[n++] = i;
		if (i == top)
			break;
	}
	while (n-- && at < sizeof text)
		at += (size_t)snprintf(
			text + at, sizeof text - at, "%s -> ", f->files[chain[n]].path);
	find_help(find_error(f, line, col, ERR_INCLUDE_CYCLE, "files include one another: %s%s",
			  text, again),
		"take one of the !include out");
}

/* Is there a place for it, below f->file? */
static int may_include(struct finder *f, const char *path, int line, int col)
{
	unsigned deep = 0, i = f->file;

	for (;; i = f->files[i].by, deep++) {
		if (strcmp(f->files[i].path, path) == 0) {
			tell_cycle(f, i, path, line, col);
			return -1;
		}
		if (!i)
			break;
	}
	if (deep < INCLUDE_DEEP && f->nfiles + 1 < CAP_INCLUDES)
		return 0;
	find_error(f, line, col, ERR_INCLUDE_SIZE,
		deep < INCLUDE_DEEP ? "more than %d files are included"
				    : "files include files more than %d deep",
		deep < INCLUDE_DEEP ? CAP_INCLUDES - 1 : INCLUDE_DEEP);
	return -1;
}

int include_read(
	struct tree *t, struct finder *f, const char *path, int line, int col, struct buf *text)
{
	const struct manifest_source *src = t->src;
	struct include *files = f->files;
	struct err err;

	buf_init(text, CAP_MANIFEST - t->bytes);
	if (!files && (files = arena_array(&t->mem, CAP_INCLUDES, sizeof *files)))
		files[0].path = src->path;
	f->files = files;
	char *whole = files ? whole_path(&t->mem, files[f->file].path, path) : NULL;
	if (!whole) {
		find_nomem(f);
		return -1;
	}
	if (may_include(f, whole, line, col) < 0)
		return -1;
	(void)err_set(&err, ERR_BAD_VALUE, 0, "no file can be included here");
	if (!src->read || src->read(src->arg, whole, true, text, &err) < 0) {
		if (err.sys == EFBIG)
			find_error(f, line, col, ERR_INCLUDE_SIZE, "with %s it is more than 8 MiB",
				whole);
		else
			find_error(f, line, col, ERR_INCLUDE, "!include: %s", err.msg);
		return -1;
	}
	t->bytes += text->len;
	f->nfiles++;
	files[f->nfiles] = (struct include){ whole, f->file, line, col };
	if (f->file) {
		files[f->nfiles].line = files[f->file].line;
		files[f->nfiles].col = files[f->file].col;
	}
	return (int)f->nfiles;
}
