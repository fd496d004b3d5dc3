/* keep.h - what one tree makes the init keep, and its bound. Layer: node (pure). */
#ifndef NODE_KEEP_H
#define NODE_KEEP_H

#include <stddef.h>

#include "node/unit.h"

/* Messages, queued requests, environments, texts of send rules: bytes that u's tree (u may be any unit of it) makes
 * the init keep, CAP_KEPT at most. 0, or -1 with an error of this code: ERR_MAILBOX for a message, ERR_QUEUE for a
 * request that waits, ERR_TOO_LARGE for a spawn. Source: spec "Messages". */
int keep_add(struct unit *u, size_t bytes, enum err_code code, struct err *err);
/* The same bytes again; u's root has to be the one of then. */
void keep_sub(struct unit *u, size_t bytes);

#endif
