/* expand.h - ${VAR} in a value. Layer: manifest. */
#ifndef MANIFEST_EXPAND_H
#define MANIFEST_EXPAND_H

#include <stdbool.h>

#include "base/buf.h"
#include "base/err.h"

/* Appends text with its ${VAR}, ${VAR:-default} and ${VAR:?message} filled in to out; "$${" becomes
 * "${", any other '$' stays. An empty variable counts as unset for ":-" and ":?". A default may
 * hold further ${}; a value is taken as it is. environ NULL: what has no default stands for itself
 * and *ret_open is set. Errors: ERR_BAD_VALUE (no such variable, not closed, not a name; out full).
 */
int expand(
	const char *text, char *const *environ, struct buf *out, bool *ret_open, struct err *err);
/* Does the text hold anything to expand? */
bool expand_needed(const char *text);

#endif
