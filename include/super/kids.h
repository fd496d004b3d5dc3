/* kids.h - what a unit's stop or end means for its children. Layer: super. */
#ifndef SUPER_KIDS_H
#define SUPER_KIDS_H

#include "super/parts.h"

void kids_stop(
	struct super *s, struct unit *u); /* they are told to; KIDS_GONE comes after the last */
void kids_ended(struct super *s, struct unit *u); /* its main process ended by itself */
/* Nothing of its own is left, and children live: may it go on? Then they stay, or are handed over once it is told. */
bool kids_settled(struct super *s, struct unit *u);
void kids_hand_over(
	struct super *s, struct unit *u); /* it ended for good: to its parent, or to nobody */
int64_t kids_deadline(
	struct job *j); /* of its tree's stop: set where that begins, handed down from there */
/* The orphans of a service's tree, or its own children, are told to stop. */
void kids_order(struct super *s, struct unit *root, bool orphans, enum stop_cause cause);

#endif
