/* logtree.h - the log files of LOGDIR and how they grow. Layer: cli. */
#ifndef CLI_LOGTREE_H
#define CLI_LOGTREE_H

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"
#include "cli/logfile.h"

struct logtree {
	char *dir; /* LOGDIR */
	struct logfile **files;
	size_t n, room;
	int inotify; /* -1: not followed, or the kernel has none left: looked at every half second
		      */
};

int logtree_init(struct logtree *t, const char *dir, struct err *err);
void logtree_done(struct logtree *t);

/* LOGDIR when no supervisor says it: /var/log/sysg, else `logs` in a runtime directory. -1: SG0001.
 * dir holds at least 4096 bytes. */
int logtree_find_dir(char *dir, size_t size, struct err *err);

/* Adds every X.log below the directory that is not there yet. -1: the directory can't be read. */
int logtree_scan(struct logtree *t, struct err *err);
/* Adds one unit: LOGDIR/UNIT.log, or the one file whose path ends so. SG0202, SG0006. */
int logtree_add_unit(struct logtree *t, const char *unit, struct err *err);
/* Adds a unit whose file is known. */
int logtree_add(struct logtree *t, const char *unit, const char *path, struct err *err);

/* Begins to watch; failing to is no error. */
void logtree_watch(struct logtree *t);
/* Returns when something below the directory changed, or half a second later where it can't be
 * watched. *ret_new: files were made or moved. */
void logtree_await(struct logtree *t, bool *ret_new);

#endif
