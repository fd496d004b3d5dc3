/* accept.h - connections: how they come, and what is read of them. Layer: super. */
#ifndef SUPER_ACCEPT_H
#define SUPER_ACCEPT_H

#include "super/conn.h"

watch_fn serve_accept;
/* Does it take a place of others? It was let in while more of its unit's waited than do now. */
bool conn_crowds(const struct conn *c);
void serve_listen(struct super *s); /* the listener into the loop, now or when that is possible */
/* One more look at the connections, for units of which nothing is left; then their end goes on. */
void serve_hear(struct super *s);

void conn_readable(struct conn *c); /* a few of its requests, as the turn has time; one at least */
watch_fn conn_ready;

#endif
