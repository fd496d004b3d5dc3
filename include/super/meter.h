/* meter.h - limits on memory in force: looked at by a fork, in the end of the largest. Layer: super. */
#ifndef SUPER_METER_H
#define SUPER_METER_H

#include "super/parts.h"

/* A look under way, and the next one. */
struct meter {
	struct super *s;
	struct timer timer;
	struct watch w; /* the answer of the fork; fd -1: none is under way */
	uint64_t *ids;  /* of the units that it was asked about */
	size_t n, got;
	char *answer; /* got bytes of it */
	int64_t asked_ns;
	unsigned plain; /* looks to come without PSS: one was held up by it */
};

/* A unit was started; it may be of a tree with limits. */
void meter_started(struct super *s, struct unit *u);
/* The use of its tree as it is now, where a group of its own tells. */
void meter_read(struct super *s, struct unit *root);
/* -1: the unit has a limit on memory, and it can be held neither by a group nor by looking. */
int meter_can(const struct super *s, const struct unit *u, struct err *err);
int meter_new(struct super *s); /* -1: no memory */
void meter_free(struct super *s);

#endif
