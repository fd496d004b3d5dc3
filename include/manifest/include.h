/* include.h - the files that a manifest takes in by !include. Layer: manifest. */
#ifndef MANIFEST_INCLUDE_H
#define MANIFEST_INCLUDE_H

#include "base/buf.h"
#include "manifest/tree.h"

enum { INCLUDE_DEEP = 10, CAP_INCLUDES = 1024 };

/* One of them; the first is the manifest itself. */
struct include {
	const char *path; /* absolute, without . and .. */
	unsigned by;      /* which one names it */
	int line, col;    /* where the manifest itself has the !include that led here */
};

/* The text of the file that is named at line and col of the file f->file, into text (initialised here,
 * the caller ends it). Returns its number, by which f->file tells its places; -1: found. */
int include_read(
	struct tree *t, struct finder *f, const char *path, int line, int col, struct buf *text);

#endif
