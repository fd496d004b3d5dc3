/* logtree_int.h - between the files of logtree. Layer: cli. */
#ifndef CLI_LOGTREE_INT_H
#define CLI_LOGTREE_INT_H

#include "cli/logtree.h"

enum { LOGTREE_PATH = 4096 };

/* What a walk does with each unit that has a file (each of its numbers) and each directory; -1 ends
 * it. */
struct logwalk {
	struct logtree *t;
	int (*file)(struct logwalk *w, const char *unit, struct err *err);
	int (*dir)(struct logwalk *w, const char *path, struct err *err);
};

/* Below the directory of this unit, "": LOGDIR. Symbolic links are not followed. */
int logtree_walk(struct logwalk *w, const char *unit, struct err *err);

#endif
