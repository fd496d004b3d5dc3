/* birth.h - a spawn that was asked for: made ready, then admitted, at once or when there is room. Layer: super. */
#ifndef SUPER_BIRTH_H
#define SUPER_BIRTH_H

#include "node/queue.h"
#include "super/conn.h"

/* All that could fail was made before; every pointer is its own. */
struct birth {
	struct queued q; /* its place while it waits; q.parent: whose child it is to be */
	struct conn *asker;
	struct launch *launch;
	struct envblock *env;
	char *name, *cwd, *command;
	char **requests, **grants; /* rights, looked up at the admission; NULL behind the last */
	struct will *wills;
	size_t size; /* bytes of it, without its environment and wills */
	size_t will_bytes;
	int64_t queue_ns; /* how long it waits for room; 0: not, negative: for ever */
	int64_t tag;      /* as its connection's */
	bool late;        /* in the queue for its turn only, whether or not it waits for room */
	struct spawn_want want;
};

void birth_free(struct super *s, struct birth *b);
/* Admitted, in the queue, or refused; all of it is told. Takes b over. */
void birth_now(struct super *s, struct birth *b);
/* c's spawn below parent (NULL: unknown) is refused: that is told, and c waits for nothing. */
void birth_refused(struct conn *c, struct unit *parent, const struct err *err);

/* --- queue.c --- */
/* Is c's request in the queue for its turn only? That ends soon; until then nothing more of it is read. */
static inline bool conn_late(const struct conn *c)
{
	return c->birth && c->birth->late;
}
/* b waits for room, for as long as its queue_ns. -1: it may not: SG0809, SG0826. */
int queue_birth(struct super *s, struct birth *b, struct err *err);
/* Those who waited before go first, as many as fit into this turn. 1: there are more, b is behind them; its answer is
 * birth_now's, later. -1: that can't be, as b can't be kept: SG0809. */
int queue_before(struct super *s, struct birth *b, struct err *err);

#endif
