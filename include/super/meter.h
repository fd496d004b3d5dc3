/* meter.h - limits on memory in force: looked at by a fork, in the end of the largest. Layer: super. */
#ifndef SUPER_METER_H
#define SUPER_METER_H

#include "node/samples.h"
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
	unsigned plain;       /* looks to come without PSS: one was held up by it */
	bool limited;         /* a tree with a limit is in the look under way */
	bool full, want_full; /* it, or the next one, is of the memory of all units */
	int64_t cost_ns;      /* what the last one took of a processor */

	/* sampling.c */
	struct pace pace; /* interval 0: none are taken */
	struct timer sample, patience;
	bool sample_due;
	int64_t sample_ns,
		looked_ns; /* when one is due; when the last full look was begun that succeeded; 0: none did */
	unsigned room, nsamples; /* of each unit's samples; units that have any */
};

/* A look at all units, as soon as the one under way is over; sampling_looked() tells how it went. */
void meter_look(struct super *s);

/* Samples are taken as the manifest says from here on; called after a change of it, too. */
void sampling_set(struct super *s);
void sampling_looked(struct super *s, bool known);
void sampling_forget(struct super *s, struct job *j);
/* True: a look is under way that this listing waits for; sampling_looked() has it go on. */
bool sampling_wait(struct conn *c);
/* What a unit used, as fields of its row. */
void sampling_put(struct super *s, struct buf *b, const struct unit *u);

/* A unit was started; it may be of a tree with limits. */
void meter_started(struct super *s, struct unit *u);
/* The use of its tree as it is now, where a group of its own tells. */
void meter_read(struct super *s, struct unit *root);
/* -1: the unit has a limit on memory, and it can be held neither by a group nor by looking. */
int meter_can(const struct super *s, const struct unit *u, struct err *err);
int meter_new(struct super *s); /* -1: no memory */
void meter_free(struct super *s);

#endif
