/* right.h - rights as a manifest and a request write them. Layer: manifest. */
#ifndef MANIFEST_RIGHT_H
#define MANIFEST_RIGHT_H

#include <stddef.h>

#include "base/err.h"

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

/* "stop:web" -> the verb, and where in text its target begins; "spawn" alone has "". -1: SG0210. */
int right_parse(
	const char *text, enum right_verb *ret_verb, const char **ret_target, struct err *err);
/* "web=stop,logs", "web" -> how many bytes name the unit, and bits 1 << verb; without = `message`.
 * -1: SG0210. */
int grant_parse(const char *text, size_t *ret_n, unsigned *ret_verbs, struct err *err);

/* One of request_capabilities or grant_capabilities of a service. */
struct right_spec {
	enum right_verb verb;
	char *name;   /* request: of the target, or "**"; grant: of who gets it */
	size_t index; /* of that service in manifest.services; SIZE_MAX: "**" */
	int line, col;
};
struct right_specs {
	struct right_spec *v;
	size_t n;
};

#endif
