/* logs.h - between the files of the command `logs`. Layer: cmd. */
#ifndef CMD_LOGS_H
#define CMD_LOGS_H

#include <stdbool.h>

#include "cli/args.h"
#include "cli/logtree.h"

struct logs {
	const struct args *args;
	struct logtree tree; /* the files that were asked for */
	const char **tops;   /* units whose children belong to it; "": everything */
	size_t ntops;
	bool live; /* a supervisor may be writing */
};

/* Finds LOGDIR, and the files that args name. Always to be released. */
int logs_find(struct logs *l, struct err *err);
void logs_done(struct logs *l);
/* Adds files that are new. */
int logs_rescan(struct logs *l, struct err *err);

/* Each does its part of the command and returns the exit status. */
int logs_show(struct logs *l);
int logs_paths(struct logs *l);
int logs_purge(struct logs *l);
int logs_prune(struct logs *l);

/* LOGDIR of the supervisor that args name, or where it would be. *ret_live: one may be writing.
 * dir: 4096 bytes. */
int logs_dir(const struct args *args, char *dir, bool *ret_live, struct err *err);

#endif
