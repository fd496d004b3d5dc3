/* Rights: by one's place in the tree, never stored. */
#include "node/rights.h"

const char *right_word(enum right_verb verb)
{
	static const char *const words[VERB_COUNT] = {
#define X(name, word) (word),
		RIGHT_VERBS(X)
#undef X
	};

	return (unsigned)verb < VERB_COUNT ? words[verb] : "";
}

static bool by_structure(const struct unit *holder, enum right_verb verb, const struct unit *target)
{
	return unit_descends(target, holder) ||
	       (verb == VERB_MESSAGE && (target->public || target == unit_owner(holder)));
}

bool rights_may(const struct unit *holder, enum right_verb verb, const struct unit *target)
{
	return holder && by_structure(holder, verb, target);
}
