/* sweep_int.h - what sweep.c and sweep_kill.c share. Layer: os. */
#ifndef OS_SWEEP_INT_H
#define OS_SWEEP_INT_H

#include <stdbool.h>
#include <stdint.h>

#include "os/proc.h"
#include "os/sweep.h"

enum { TARGET_BUCKETS = 256, WALK_MAX = 4096 };

/* A process that has had its target's signal. Open addressing by pid; pid 0: free. */
struct seen {
	pid_t pid;
	unsigned epoch; /* of the target when the signal was sent */
	unsigned pass; /* last one that saw it; older ones are dropped at the end of a whole pass */
	uint64_t start;
};

/* Over /proc or, where that isn't ours, over all numbers up to max. */
struct walk {
	struct proc_iter *it;
	pid_t at, max;
};

struct sweep {
	struct mark_range ours;
	bool pid1;
	pid_t self, spare;
	struct list targets;
	struct sweep_target *bucket[TARGET_BUCKETS];
	unsigned ntargets, nsessions;
	unsigned epoch; /* counts changes of targets: each has one of its own */

	bool running; /* a pass is under way */
	struct walk walk;
	bool incomplete; /* something could not be looked at for want of descriptors or memory */
	unsigned pass;
	int64_t work_ns; /* spent in this pass */

	bool poked;
	int64_t due_ns, not_before_ns;
	int64_t kill_delay_ns, look_delay_ns;
	int64_t next_freeze_ns;

	struct seen *seen;
	size_t seen_n, seen_cap;
};

/* sweep.c */
struct sweep_target *target_by_key(const struct sweep *s, uint64_t key);
/* The target that a process belongs to by its mark or session, NULL if none; notes in s->incomplete
 * what it could not find out. Ancestry isn't looked at. */
struct sweep_target *target_of(struct sweep *s, pid_t pid);
/* True when pid is ours by ancestry: always as PID 1, else by a walk up the parents. */
bool descends(struct sweep *s, pid_t pid);
/* Want of descriptors or memory, as against a process that isn't there or isn't ours to look at. */
bool short_of_means(int e);
/* Wears that mark or, when it is 0, is in that session; ancestry isn't looked at. */
bool wears(struct sweep *s, pid_t pid, uint64_t mark, pid_t session);
/* The same, alive and ours by ancestry. *st is zeroed where there is no /proc. */
bool is_member(struct sweep *s, pid_t pid, const struct sweep_target *t, struct proc_stat *st);
int walk_open(struct walk *w);   /* 0, or -1 with errno */
pid_t walk_next(struct walk *w); /* 0 at the end */
void walk_close(struct walk *w);
/* Dead, a zombie, or not readable: false. Without a /proc of ours what exists counts as alive. */
bool is_alive(struct sweep *s, pid_t pid, struct proc_stat *st);

/* sweep_kill.c */
/* Sends sig to a member by a way that can't hit another process; EPERM: by a helper that takes its
 * uid (for KILL one that goes on for the whole target, at most one in 50 ms). -1: worth trying
 * again. */
int member_signal(struct sweep *s, struct sweep_target *t, pid_t pid, int sig);
/* Stops everything, kills the members of all KILL targets for at most 100 ms, resumes the rest. PID
 * 1 only. */
void freeze_and_kill(struct sweep *s);

#endif
