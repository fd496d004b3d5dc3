/* define.h - how a service is to run, made from a manifest. Layer: super. */
#ifndef SUPER_DEFINE_H
#define SUPER_DEFINE_H

#include "super/bundle.h"

/* Everything that a start of the service needs. Owned by whoever made it, until a job takes it. */
struct definition {
	struct manifest *m; /* a reference; svc is in it */
	const struct service *svc;
	struct envblock *env;
	struct launch *launch; /* NULL: as the init */
	char *cwd;
	struct will *wills;
	struct schedule *schedule; /* of a cron unit; NULL: it is none */
	int slot;                  /* of deployment.blue_green; it is in env */
};

/* Puts the place of that service before what is wrong with its definition. */
void define_place(const struct manifest *m, size_t index, struct err *err);
/* before: what has been made of that service; NULL: nothing yet. NULL: err, with the service's name before it. */
struct definition *define(struct super *s, struct manifest *m, size_t index,
	const struct job *before, const struct bundle *files, struct err *err);
/* It is for that slot. -1: err, and it is as it was. */
int define_slot(struct super *s, struct definition *d, int slot, struct err *err);
/* The same as j is to be started by next. NULL: no memory. */
struct definition *define_again(struct super *s, const struct job *j, struct err *err);
struct definition *define_free(struct super *s, struct definition *d); /* returns NULL */
/* Would a start by d be the same as one by what the unit is to be started with next? */
bool define_same(const struct job *j, const struct definition *d);
/* The job runs by d from its next start on; at once where nothing of it runs. Takes d over. */
void define_give(struct super *s, struct job *j, struct definition *d);
/* Nothing of it runs, or it is the same: a definition that waits for that is taken. */
void define_take(struct super *s, struct job *j);

/* What the services' definitions say of rights is in force: asked before anything starts. */
void define_rights(struct super *s);

/* A unit for a service, in NODE_IDLE, with its definition taken over (also on failure). NULL: no
 * memory. */
struct unit *define_unit(struct super *s, size_t index, struct definition *d, struct err *err);

#endif
