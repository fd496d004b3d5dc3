/* accept.h - what accept.c and serve.c do for one another. Layer: super. */
#ifndef SUPER_ACCEPT_H
#define SUPER_ACCEPT_H

#include "super/conn.h"

void conn_readable(struct conn *c); /* a few of its requests, as the turn has time; one at least */
watch_fn conn_ready;

#endif
