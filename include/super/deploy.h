/* deploy.h - rolling deployments: a candidate beside what runs, then in its place. Layer: super. */
#ifndef SUPER_DEPLOY_H
#define SUPER_DEPLOY_H

#include "super/define.h"

struct roll; /* of one service, from the order until one of both is gone */

/* A new instance by d (taken over, also on failure) is to take the place of the one that the service
 * has; it is its turn behind those ordered before. NULL d: one defined as that is. -1: err. */
int roll_add(struct super *s, size_t index, struct definition *d, struct err *err);
/* After each settle: what can go on does. */
void rolls_step(struct super *s);
bool rolls_busy(const struct super *s);
struct change;
/* No other change begins meanwhile, but the stop of a project that has none of them: no index changes by that. */
bool rolls_hold(const struct super *s, const struct change *ch);
/* u is what its service has: the other instance of it, which comes or goes; NULL: there is none. */
struct unit *roll_twin(const struct super *s, const struct unit *u);
/* Who gets what was sent to u, which was replaced; NULL: nobody. */
struct unit *roll_heir(const struct super *s, const struct unit *u);
/* Services get new indices: to[old], -1 where one goes. The first asks: -1 where something of one that
 * goes can't be killed. */
int rolls_may_move(const struct super *s, const ssize_t *to, struct err *err);
void rolls_move(struct super *s, const ssize_t *to);
struct hook_run;
/* A switch_command is through. */
void roll_hook_over(struct hook_run *h, bool good, const struct err *why);
void rolls_end(struct super *s); /* frees them all */

#endif
