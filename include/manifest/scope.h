/* scope.h - where a ${NAME} of a manifest is looked up. Layer: manifest. */
#ifndef MANIFEST_SCOPE_H
#define MANIFEST_SCOPE_H

#include "manifest/expand.h"
#include "manifest/load.h"

/* From here on values are those of owner, a map that may have `env`; what is inside of it before is left. */
void scope_enter(struct load *l, enum scope_level level, const struct ynode *owner);
void scope_leave(struct load *l, int outer); /* for a level further out */
void scopes_done(struct load *l);
/* Appends text with its ${} filled in, as the value that is read. Sets l->open. */
int scope_fill(struct load *l, const char *text, struct buf *out, struct err *err);

#endif
