/* memory.h - limits on memory: whose use is what, who has to go, when to look again. Layer: node (pure). */
#ifndef NODE_MEMORY_H
#define NODE_MEMORY_H

#include "node/unit.h"

/* The fastest growth that is reckoned with before a faster one was seen, bytes a second. */
#define MEMORY_GROWTH INT64_C(200000000)

/* The next of a tree, orphans too, at first its root. NULL: the end. */
struct unit *memory_walk(struct unit *root, struct unit *at);
/* From u->memory of each unit of the tree: memory_tree (with all below), memory_stays (without those that are being
 * stopped). */
void memory_sum(struct unit *root);
/* No process of the unit is left: what it held isn't held by those above it either. */
void memory_gone(struct unit *u);
/* The least limit that holds for the unit with all below it: its total_memory, child_memory of those above, of a service
 * its limits.memory. LIMIT_NONE: none. */
int64_t memory_limit(const struct unit *u);
/* The least of those in the tree; INT64_MAX: there is none. */
int64_t memory_least(const struct unit *root);
/* The unit to be stopped next, once what is being stopped doesn't count: of all below one that is past its limit, and
 * itself if spawned, the one that holds most, the younger of equals; a service for its limits.memory alone. *ret_holder: whose limit it is, which is
 * told where nobody can go, too. NULL: none. */
struct unit *memory_victim(struct unit *root, const struct unit **ret_holder);
/* Past a limit by more than a tenth though something is being stopped: no more grace for that. */
bool memory_urgent(const struct unit *root);
/* What is left until a limit of the tree is reached; 0: reached. INT64_MAX: no limit. */
int64_t memory_slack(const struct unit *root);
/* When to look again, ns from now: where at that growth the slack is used up, from 50 ms to 2 s; not before four times
 * what the last look took of a processor. */
int64_t memory_next(int64_t slack, int64_t growth, int64_t took_ns);
/* From nine tenths of a limit on nothing is spawned. */
bool memory_near(int64_t use, int64_t limit);

#endif
