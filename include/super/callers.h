/* callers.h - who calls, and the units of other containers. Layer: super. */
#ifndef SUPER_CALLERS_H
#define SUPER_CALLERS_H

#include "super/conn.h"

/* cls and unit, for one request: by the token where there is one, else by what the kernel says of the peer. A token that
 * isn't right makes it nobody, whoever it is. */
void caller_classify(struct conn *c, const char *token);

/* The remote unit of this uid with that token (NULL: whatever it is), or NULL. */
struct unit *remote_unit(const struct super *s, uid_t uid, const char *shown);
/* A bound connection closed before it was answered: a remote unit's last one takes its children along. */
void remote_lost(const struct conn *c);
/* The supervisor ends: no file is left. */
void remote_end(const struct job *j);

#endif
