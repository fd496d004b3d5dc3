/* checked.h - a manifest that a client read by itself, and what is to be said about it. Layer: cmd. */
#ifndef CMD_CHECKED_H
#define CMD_CHECKED_H

#include "cli/args.h"
#include "cli/diag.h"
#include "cli/out.h"
#include "cmd/locate.h"
#include "manifest/manifest.h"
#include "plan/plan.h"

struct checked {
	struct manifest *m; /* NULL: not valid */
	struct plan *plan;  /* NULL: not valid */
	struct located at;
	char *text;
	struct diag_place place;
	struct findings findings;
	struct err graph; /* the dependency graph's one error; ERR_OK: none */
			  /* Private. */
};

/* -c when given; else the manifest that the supervisor has registered, when one answers within a second and has one;
 * else what manifest_locate() finds. -1: SG0203. */
int checked_locate(const struct args *args, struct located *ret, struct err *err);

/* Reads, checks, orders. 0 also for a manifest with errors; -1: there is none, or it can't be read. checked_done() in
 * both cases. Without environ each ${NAME} stands for itself. */
int checked_open(struct checked *c, const struct args *args, char *const *environ, struct err *err);
void checked_done(struct checked *c);

/* Every finding as a person reads it. */
void checked_print(struct buf *out, const struct checked *c, bool colour);
/* The first error among the findings; NULL: none. */
const struct err *checked_error(const struct checked *c);

#endif
