/* expand.h - ${VAR} in a value. Layer: manifest. */
#ifndef MANIFEST_EXPAND_H
#define MANIFEST_EXPAND_H

#include <stdbool.h>
#include <stddef.h>

#include "base/buf.h"
#include "base/err.h"

struct expand_from {
	/* Appends what the name stands for. 1: it is set, maybe to nothing; 0: it is not; -1: err, or out is full (ERR_OK).
	 * NULL: nothing is known (--no-env). */
	int (*value)(void *arg, const char *name, size_t len, struct buf *out, struct err *err);
	void *arg;
};
#include "base/err.h"

/* Appends text with its ${VAR}, ${VAR:-default} and ${VAR:?message} filled in to out; "$${" becomes
 * "${", any other '$' stays. An empty variable counts as unset for ":-" and ":?". A default may
 * hold further ${}; a value is taken as it is. from->value NULL: what has no default stands for itself
 * and *ret_open is set. Errors: ERR_BAD_VALUE (no such variable, not closed, not a name; out full).
 */
int expand(const char *text, const struct expand_from *from, struct buf *out, bool *ret_open,
	struct err *err);
/* The value of a variable of len bytes in "NAME=value" strings, a NULL behind them; NULL. */
const char *environ_find(char *const *environ, const char *name, size_t len);
/* Does the text hold anything to expand? */
bool expand_needed(const char *text);

#endif
