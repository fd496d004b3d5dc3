/* find.h - collecting what is wrong with a manifest. Layer: manifest. */
#ifndef MANIFEST_FIND_H
#define MANIFEST_FIND_H

#include "base/err.h"
#include "manifest/manifest.h"

enum {
	FINDINGS_MAX = 100
}; /* past it findings are dropped: nobody reads more, and each is 600 bytes */

struct include;

/* Lines and columns of nodes have the number of their file in the bits above PLACE_BITS, of the
 * manifest itself it is 0. */
enum { PLACE_BITS = 24, PLACE_MASK = (1 << PLACE_BITS) - 1, PLACE_FILES = 6 };

/* The list being filled. spare takes what can't be listed, so that callers never meet NULL. */
struct finder {
	struct findings *list;
	int errors;            /* seen, listed or not; warnings don't count */
	struct include *files; /* NULL: none is included */
	unsigned nfiles;       /* beside the manifest itself */
	unsigned file;         /* which one is being parsed: of places without a number */
	struct finding spare;
};

/* Empties the list and reserves room for the first few, so that "out of memory" can be told. */
void find_init(struct finder *f, struct findings *list);
/* Control bytes in the text become '?'. The err is valid until the next call; add a remedy by
 * find_help(). */
struct err *find_error(struct finder *f, int line, int col, enum err_code code, const char *fmt,
	...) __attribute__((format(printf, 5, 6)));
struct err *find_warning(struct finder *f, int line, int col, enum err_code code, const char *fmt,
	...) __attribute__((format(printf, 5, 6)));
void find_help(struct err *e, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void find_nomem(struct finder *f);
/* A place's number of its file, which is taken out of it. */
unsigned find_file(int *line, int *col);
/* By line and column; those of one place stay in the order of their coming. */
void find_sort(struct finder *f);
/* Makes a message one printable line of whole UTF-8 characters. */
void find_clean(char *text);

#endif
