/* exit.h - what the end of a unit leads to. Layer: node (pure). */
#ifndef NODE_EXIT_H
#define NODE_EXIT_H

#include "manifest/manifest.h"
#include "node/unit.h"

/* The reset of the count of restarts in a row: a run this long counts as having come up. */
#define RESTART_RESET_NS (60 * INT64_C(1000000000))

/* Did this unit's last end count as clean? For a service by its success_exit_codes; svc NULL: code
 * 0. A stop that we ordered is clean whatever the code. */
bool exit_clean(const struct unit *u, const struct service *svc);

/* Which hooks tell of the end of a start, as bits 1 << enum hook_kind. forced: KILL was needed, or did not help.
 * again: that start was a restart. */
unsigned exit_hooks(const struct unit *u, const struct service *svc, bool forced, bool again);

/* Would its rule start a spawned child again after this end, if there is anything left of the budget? */
bool exit_again(const struct unit *u);

/* Which GONE_x a unit whose tree is gone goes on with. svc NULL: a spawned child.
 * Counts nothing. */
enum node_event exit_resolve(const struct unit *u, const struct service *svc);

/* The next delay of a restart; random: any 64 bits, for the jitter. Grows u->backoff_ns. */
int64_t exit_backoff(struct unit *u, const struct backoff *b, uint64_t random);
/* The same of a spawned child: 0.1 s doubling to 60 s, from the start again after a run of five times the delay.
 * Takes one of the budget, which is of a window that begins with the first. Source: spec "On exit". */
int64_t exit_delay(struct unit *u);

#endif
