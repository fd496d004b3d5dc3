/* roll.h - one deployment under way, for the files of the deployments. Layer: super. */
#ifndef SUPER_ROLL_H
#define SUPER_ROLL_H

#include "node/deploy.h"
#include "super/deploy.h"

struct roll {
	struct list link; /* super.rolls, in order */
	struct super *s;
	struct definition *def; /* of the candidate, until that is made; owned */
	size_t index;           /* of the service */
	struct unit *old,
		*next; /* next NULL: not made yet. STUCK and OVER: which of both is gone can't be told */
	struct unit *goes; /* which of them has to; NULL: not known yet */
	uint64_t was;      /* the old one's id */
	enum roll_step step;
	int64_t until_ns; /* of the step; 0: not begun */
	struct timer timer;
	struct err why; /* of a failure */
	bool off;       /* that is one: the service went down */
	bool told;
	/* Of blue_green; deploy_slots.c. */
	enum roll_news asked;  /* how the switch went, or its verification */
	struct hook_run *hook; /* a switch that runs */
	bool switched, back;   /* one was begun; it is to be switched back */
	struct watch keep;     /* the fork that writes the slot; fd -1: none */
};

/* --- deploy.c --- */

enum roll_news roll_until(struct roll *r, int64_t deadline_ns); /* good once it has come */

/* --- deploy_steps.c: what a step begins with --- */

/* By step; NULL: nothing. r is gone after OVER. */
extern void (*const roll_begin[ROLL_STEP_COUNT])(struct roll *r);
void roll_free(struct roll *r);

/* --- deploy_slots.c --- */

void roll_switch(struct roll *r);
void roll_switch_back(struct roll *r);
enum roll_news roll_look_back(struct roll *r);
void roll_verify(struct roll *r);
void roll_keep(struct roll *r);  /* the slot of the new one */
bool roll_keeps(struct roll *r); /* it is being written, and may yet come to its end */
void roll_keep_end(struct roll *r);

#endif
