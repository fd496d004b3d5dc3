/* launch.h - from a unit to its process. Layer: super. */
#ifndef SUPER_LAUNCH_H
#define SUPER_LAUNCH_H

#include "super/state.h"

struct spawned;

/* How a unit is to be started: copies, owned by the job; a spawned child's is released once execve
 * is decided. */
struct launch {
	char **argv;   /* one allocation with its strings; NULL: the service's */
	gid_t *groups; /* cred points to it */
	bool has_cred, has_confine;
	bool attach; /* its 0, 1, 2 are the asker's, which sends them to the child itself */
	struct child_cred cred;
	struct child_confine confine;
	int oom_score_adj;
};

int launch_start(
	struct super *s, struct unit *u, struct err *err); /* forks; the outcome comes by events */
void launch_look(struct super *s);  /* how far those are that nothing wakes us for */
void launch_afresh(struct unit *u); /* what the start before left in the unit is forgotten */
uint64_t launch_mark(struct super *s);
/* Forks a hook's command; its end comes by reaping. groups: what it belongs to, else as the service. */
struct hook_groups {
	uint64_t mark;
	int cgroup_procs; /* or -1 */
};
int launch_hook(struct super *s, struct job *j, enum hook_kind kind,
	const struct hook_groups *groups, struct spawned *ret, struct err *err);
void launch_free(struct launch *l);
/* What the service of its tree is confined to; NULL: nothing is known of it. */
const struct child_fence *fence_of(const struct job *j);
/* With a copy of these credentials. -1: out of memory. */
int launch_as(struct launch *l, const struct child_cred *cred, struct err *err);

#endif
