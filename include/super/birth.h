/* birth.h - a spawn that was asked for: made ready, then admitted, at once or when there is room. Layer: super. */
#ifndef SUPER_BIRTH_H
#define SUPER_BIRTH_H

#include "node/queue.h"
#include "super/conn.h"

/* All that could fail was made before; every pointer is its own. */
struct birth {
	struct queued q; /* its place while it waits; q.parent: whose child it is to be */
	struct conn *asker;
	struct spawn_want want;
	struct launch *launch;
	struct envblock *env;
	char *name, *cwd, *command;
	char **requests, **grants; /* rights, looked up at the admission; NULL behind the last */
	struct will *wills;
	size_t size; /* bytes of it, without its environment and wills */
	size_t will_bytes;
};

void birth_free(struct super *s, struct birth *b);
/* The child, if the tree has room for it now; what it needs has gone over to its job. NULL: b is as it was. */
struct unit *birth_admit(struct super *s, struct birth *b, struct err *err);
/* Starts the child that was admitted; c is answered once it was executed. */
void birth_begin(struct conn *c, struct unit *u);

/* --- queue.c --- */
/* b waits for room, for timeout_ns at most (negative: for ever). -1: it may not: SG0809, SG0826. */
int queue_birth(struct super *s, struct birth *b, int64_t timeout_ns, struct err *err);
/* Those who waited before go first. */
void queue_before(struct super *s, const struct unit *root);

#endif
