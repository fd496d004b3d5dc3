/* rights.h - what a unit may do to which other one. Layer: node (pure). */
#ifndef NODE_RIGHTS_H
#define NODE_RIGHTS_H

#include "node/tree.h"

/* By structure: oneself and what is below it, all verbs; one's parent, and any public unit,
 * VERB_MESSAGE. Else by a right that is stored. A holder of NULL (nobody) may nothing. */
bool rights_may(const struct unit *holder, enum right_verb verb, const struct unit *target);
/* By a stored right over that id, also where nothing of that unit is left but its records. */
bool rights_stored(const struct unit *holder, enum right_verb verb, uint64_t id);
/* Has it the right `spawn`, and a level left to use it on? */
bool rights_spawn(const struct unit *u);

/* Forgets what is over units that ended. */
void rights_prune(struct tree *t, struct unit *u);
/* Stores it, once. One of the manifest takes the place of another where there is none. -1: SG0831
 * it holds CAP_RIGHTS already, or no memory. */
int rights_add(struct tree *t, struct unit *to, const struct right *r, struct err *err);

/* The rules of spec "Rights". target NULL: of VERB_SPAWN. by NULL: the operator. -1: SG0811, SG0823
 * one of them ended, SG0801, or as rights_add(); nothing was changed. */
int rights_grant(struct tree *t, const struct unit *by, struct unit *to, enum right_verb verb,
	struct unit *target, struct err *err);
/* May a new child of parent be given it? */
int rights_request(const struct unit *parent, enum right_verb verb, const struct unit *target,
	struct err *err);
/* target NULL: RIGHT_ALL is meant. What is below it loses it, too. -1: SG0811; SG0210: what was stored is
 * gone, but it keeps it by its place in the tree or by `**`. */
int rights_revoke(struct tree *t, const struct unit *by, struct unit *of, enum right_verb verb,
	const struct unit *target, struct err *err);
/* Takes it from a unit and from all below it; of a service from the orphans of its tree, too. */
void rights_lose(struct tree *t, struct unit *of, enum right_verb verb, uint64_t target);
/* u isn't public any more, or (kids) its children are about to be orphans: a right to message it that was given to a
 * spawned unit goes where none is stored with the parent of that; with kids, rights over what is below u go, but
 * those within the tree of one child. */
void rights_part(struct tree *t, const struct unit *u, bool kids);

#endif
