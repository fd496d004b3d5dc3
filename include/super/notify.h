/* notify.h - services that tell that they are ready, by a socket or a descriptor. Layer: super. */
#ifndef SUPER_NOTIFY_H
#define SUPER_NOTIFY_H

#include "base/err.h"
#include "super/job.h"

/* For each start anew, before the fork: the unit's own socket, or a pipe. Does nothing for a unit
 * without such a check. 0; -1 with err. */
int notify_open(struct job *j, struct err *err);
/* "NOTIFY_SOCKET=...", or NULL. */
const char *notify_env(const struct job *j);
/* What the child gets as descriptor check.notify_fd: the end that is written to, or -1. */
int notify_child_end(const struct job *j);
/* The child has its copy, or there is none. */
void notify_forked(struct job *j);
/* It said that it is ready, in this start. */
bool notify_ready(const struct job *j);
/* Why it did not: the message of err with what it said last. */
void notify_explain(const struct job *j, struct err *err);
/* Fine where nothing is open. */
void notify_close(struct job *j);

#endif
