/* hooks.h - what a service has run around its life: each run a process tree of its own. Layer: super. */
#ifndef SUPER_HOOKS_H
#define SUPER_HOOKS_H

#include "super/parts.h"

struct hook_run; /* one run, from its fork to when nothing of it is left */

/* --- for the effects of the table --- */
void hooks_prepare(
	struct super *s, struct unit *u); /* posts HOOK_OK or HOOK_FAIL when it is through */
void hooks_leave(
	struct super *s, struct unit *u); /* posts HOOK_OK: pre_stop is through, or not to run */
void hooks_step(struct super *s); /* those pre_stop hooks that were too many for the turn before */
void hooks_close(struct super *s, struct unit *u); /* posts GONE_x: post_stop is through */
void hooks_drop(
	struct super *s, struct unit *u); /* what the state waits for is killed, if it still runs */

/* --- for what tells of a unit --- */
bool hooks_wants(const struct super *s, const struct job *j, enum hook_kind kind);
/* What has to run before its main process: SKIP, then PRE_START; COUNT: nothing (more). */
enum hook_kind hooks_first(const struct super *s, const struct job *j);
void hooks_up(struct super *s, struct job *j);    /* it is ready */
void hooks_ended(struct super *s, struct job *j); /* it is at rest: if that ended a start, how */
bool hooks_tell_end(
	const struct super *s, const struct job *j); /* one that tells of its end runs */
void hooks_kill(struct super *s, struct job *j);     /* every run of this unit, at once */
void hooks_leave_job(
	struct super *s, struct job *j); /* the same; the job is freed, they go on to their end */
void hooks_end(struct super *s);         /* frees them all */

/* --- for reaping --- */
void hook_ending(struct hook_run *h); /* its process ended and is unreaped */
void hook_exited(
	struct hook_run *h, int code, int sig); /* it was reaped; frees h when all is gone */

bool hooks_use_mark(const struct super *s, uint64_t mark);

#endif
