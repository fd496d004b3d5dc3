/* drawer.h - the process that draws the boot on a terminal. Layer: super. */
#ifndef SUPER_DRAWER_H
#define SUPER_DRAWER_H

#include "super/state.h"

/* Before the logger is started, which gets s->pictures[0]. Nothing where the boot isn't to be drawn, or can't be: a
 * service that has our own descriptors writes into the midst of any picture. */
void drawer_open(struct super *s);
/* Once the units are on their way: forks it, and it is told of each of them. Whatever fails here costs the picture. */
void drawer_begin(struct super *s);
/* True: that was it. */
bool drawer_ended(struct super *s, pid_t pid);

#endif
