/* rights.h - what a unit may do to which other one. Layer: node (pure). */
#ifndef NODE_RIGHTS_H
#define NODE_RIGHTS_H

#include "node/tree.h"

/* X(NAME, "word"). The text form of a right is word:target; of `spawn`, which has no target, the word. */
// clang-format off
#define RIGHT_VERBS(X)                                                                   \
	X(MESSAGE, "message") X(STOP, "stop") X(SIGNAL, "signal") X(RESTART, "restart")  \
	X(LOGS, "logs") X(STATUS, "status") X(SPAWN, "spawn")
// clang-format on

enum right_verb {
#define X(name, word) VERB_##name,
	RIGHT_VERBS(X)
#undef X
		VERB_COUNT,
};
const char *right_word(enum right_verb verb); /* never NULL */

/* By structure: oneself and what is below it, all verbs; one's parent, and any public unit,
 * VERB_MESSAGE. A holder of NULL (nobody) may nothing. */
bool rights_may(const struct unit *holder, enum right_verb verb, const struct unit *target);

#endif
