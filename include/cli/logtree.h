/* logtree.h - the log files of LOGDIR and how they grow. Layer: cli. */
#ifndef CLI_LOGTREE_H
#define CLI_LOGTREE_H

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"
#include "base/index.h"
#include "cli/logfile.h"

struct logtree {
	char *dir;              /* LOGDIR */
	struct logfile **files; /* in the order of their being added */
	size_t n, room;
	int inotify; /* -1: not followed, or the kernel has none left: looked at every half second
		      */
	/* Private. */
	struct index by_path; /* places in files */
	struct heap heap;
	struct logfile *last; /* the line of which was given last */
	size_t begun, ended;  /* files of this round */
	bool whole;
};

int logtree_init(struct logtree *t, const char *dir, struct err *err);
void logtree_done(struct logtree *t);

/* LOGDIR when no supervisor says it: the first of /var/log/sysg, `logs` beside the socket (NULL:
 * none was named), `logs` in a runtime directory, that is there and may be written, else that is
 * there. -1: SG0001. dir holds at least 4096 bytes. */
int logtree_find_dir(char *dir, size_t size, const char *socket, struct err *err);

/* Adds every unit with files below the directory of this unit ("": LOGDIR) that is not there yet.
 * -1: LOGDIR can't be read. */
int logtree_scan(struct logtree *t, const char *unit, struct err *err);
/* Adds one unit: LOGDIR/UNIT.log, or the one file whose path ends so. *ret: its file. SG0202,
 * SG0006. */
int logtree_add_unit(struct logtree *t, const char *unit, struct logfile **ret, struct err *err);
/* Adds a unit whose file is known, by LOGDIR/UNIT.log or another name; *ret may be NULL. */
int logtree_add(struct logtree *t, const char *unit, const char *path, struct logfile **ret,
	struct err *err);

/* --- lines --- */

/* logfile_begin() of all files; those that can't be read have their `error` set, and no line. */
void logtree_begin(struct logtree *t, size_t n);
/* The same lines once more. */
void logtree_again(struct logtree *t);
/* From here on lines have an end, and are given as they are written. */
void logtree_follow(struct logtree *t);
/* The file whose line is next by its time. 1; 0: none now, and the next call begins anew; -1:
 * errno, *ret can't be read, and the others go on. */
int logtree_next(struct logtree *t, struct logfile **ret);

/* --- waiting --- */

/* Begins to watch; failing to is no error. */
void logtree_watch(struct logtree *t);
/* Returns when something below the directory changed, or half a second later where it can't be
 * watched. *ret_new: files were made or moved. -1: who reads out is gone. */
int logtree_await(struct logtree *t, int out, bool *ret_new);

#endif
