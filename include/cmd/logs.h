/* logs.h - between the files of the command `logs`. Layer: cmd. */
#ifndef CMD_LOGS_H
#define CMD_LOGS_H

#include <stdbool.h>

#include "base/caps.h"
#include "cli/args.h"
#include "cli/client.h"
#include "cli/logtree.h"

struct logs {
	const struct args *args;
	struct logtree tree; /* the files that were asked for */
	const char **tops;   /* units whose children belong to it; "": everything */
	size_t ntops;
	bool live;           /* a supervisor may be writing */
	struct buf projects; /* that it has loaded, as it says; NUL behind each */
	size_t nprojects;
	bool whole;                /* one project, -p alone */
	char folder[CAP_NAME + 1]; /* of that one, below LOGDIR; "": LOGDIR itself */
};

/* Finds LOGDIR, and the files that args name. Always to be released. */
int logs_find(struct logs *l, struct err *err);
void logs_done(struct logs *l);
/* Adds files that are new. */
int logs_rescan(struct logs *l, struct err *err);

/* --- between logs_find.c and logs_project.c --- */

void logs_client(struct client *c, const struct args *args); /* one that does not wait for long */
/* 1: *ret is the first reply to the op, until client_done(c); -1: err. */
int logs_ask(
	struct client *c, const char *op, const char *unit, struct packet *ret, struct err *err);
int logs_add_top(struct logs *l, const char *unit, struct err *err);
/* Which projects are loaded. -1: no memory. */
int logs_projects(struct logs *l, struct err *err);
int logs_add_project(struct logs *l, struct err *err); /* that of -p. SG0201 */
/* Neither a unit nor a project is named. SG0019 where lines of several would be mixed. */
int logs_no_target(const struct logs *l, struct err *err);
/* A name alone is a loose service's, where there are several projects. SG0021 */
int logs_loose(const struct logs *l, const char *unit, struct err *err);

/* Each does its part of the command and returns the exit status. */
int logs_show(struct logs *l);
int logs_paths(struct logs *l);
int logs_purge(struct logs *l);
int logs_prune(struct logs *l);

/* LOGDIR of the supervisor that args name, or where it would be. *ret_live: one may be writing.
 * dir: 4096 bytes. */
int logs_dir(const struct args *args, char *dir, bool *ret_live, struct err *err);

#endif
