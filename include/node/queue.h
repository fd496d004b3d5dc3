/* queue.h - spawns that wait for room in one tree: who is next, who would wait for ever. Layer: node (pure). */
#ifndef NODE_QUEUE_H
#define NODE_QUEUE_H

#include "node/tree.h"

/* Embedded in the request. */
struct queued {
	struct list link;
	struct unit *parent; /* whose child it is to be */
};

/* Of one tree. */
struct queue {
	struct list waiting; /* the oldest first */
	unsigned n;
	unsigned round; /* of the look for a deadlock */
};

void queue_init(struct queue *q);
/* -1: CAP_QUEUED wait already, SG0809. */
int queue_add(struct queue *q, struct queued *r, struct err *err);
void queue_del(struct queue *q, struct queued *r);
/* The oldest that can be admitted now, or that never will be as its parent is ending. NULL: none; *ret_at_ns:
 * when a rate has room for one of them, INT64_MAX: only what happens to units changes anything. */
struct queued *queue_next(const struct queue *q, int64_t now_ns, int64_t *ret_at_ns);

/* A look for a deadlock is these four, in this order. A unit is stuck if one of its requests is in the queue, the
 * asker's too, or if it waits for the end of one that is stuck. */
void queue_look(struct queue *q);
void queue_stuck(const struct queue *q, struct unit *u);
bool queue_is_stuck(const struct queue *q, const struct unit *u);
/* who waits for the end of whom. true: that made who stuck; then the others are to be told again. */
bool queue_waits_for(const struct queue *q, struct unit *who, const struct unit *whom);
/* Is each place of a limit that keeps parent from one more child held by a unit that is stuck? Then SG0826. */
int queue_deadlock(const struct queue *q, struct unit *parent, struct err *err);

#endif
