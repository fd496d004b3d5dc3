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
/* Its file goes, in a process that nobody waits for; nothing where it is no remote unit. */
void remote_forget(const struct job *j);
void remotes_end(
	const struct super *s); /* those of all, in a fork, as their file systems may hang */

#endif
