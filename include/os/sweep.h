/* sweep.h - finds and ends every process that wears a mark, however it forked. Layer: os.
 *
 * One pass reads the whole of /proc once for all targets, at most a budget of time at each step. A
 * process is a member of a target when it wears its mark (or, where marks are unusable, is in its
 * session) and descends from this init. A target is gone when a whole pass, begun after it was
 * added or last changed, found no living member and no orphan that wore its mark was reaped
 * meanwhile (a member that forked and ended behind the pass's back). */
#ifndef OS_SWEEP_H
#define OS_SWEEP_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/list.h"
#include "os/mark.h"

struct sweep;
struct sweep_target;

/* After each whole pass. members: living ones seen; it may delete or change this target, not
 * others. */
typedef void sweep_fn(struct sweep_target *t, unsigned members, bool gone);

/* Embedded in its owner, zeroed before the first sweep_add(). One target a mark (or, without marks,
 * a session). */
struct sweep_target {
	uint64_t mark; /* 0: by session alone */
	pid_t session; /* the main process's pid, or 0 once another session may have that number */
	int cgroup_kill_fd; /* open cgroup.kill of its own group, or -1 (0 to 2 are taken for -1) */
	pid_t told_group;   /* its processes that were there at told_ticks have had the signal by
			       kill(2); 0: none */
	uint64_t told_ticks; /* as struct proc_stat's start; sweep_ticks() tells the time */
	sweep_fn *fn;
	/* private to sweep.c */
	struct list link;
	struct sweep_target *hash_next;
	int sig;
	bool main_dead;
	uint64_t key;
	unsigned epoch, pass_from, members, fresh, orphans;
	unsigned hot_passes, stop_passes, moving, passes, ghost_passes;
	uint64_t ghosts, ghosts_before;
	int64_t kill_since_ns, helper_ns;
};

/* ours: the range of marks; pid1: whether kill(-1) is ours to use; spare: a pid never signalled or
 * stopped (the logger), may be 0 and is set later by sweep_spare(). NULL when memory is out. */
struct sweep *sweep_new(const struct mark_range *ours, bool pid1);
struct sweep *sweep_free(struct sweep *s);
void sweep_spare(struct sweep *s, pid_t logger);

/* sig 0: only looks. Any other but KILL: each member gets it once, except those with a pid in
 * except[] (the main process that got it already). KILL: every member seen in every pass gets it,
 * by pidfd (looked at again after the pidfd was opened, so that a pid used again is never hit), and
 * by cgroup.kill where there is one. Members that fork faster than they are killed are all stopped
 * first, since a stopped process doesn't fork, and then killed. EPERM: a throwaway fork that takes
 * the member's uid sends it. Calling it again for the same target changes the signal. */
void sweep_add(struct sweep *s, struct sweep_target *t, int sig);
void sweep_mark_sent(struct sweep *s, struct sweep_target *t,
	pid_t pid); /* pid has had the current signal already */
void sweep_del(struct sweep *s, struct sweep_target *t);

/* One process that wears the target's mark (which needn't be added), by pidfd; where the kernel does not let us, a throwaway
 * fork that takes its uid does it, without waiting for the outcome. 0; -1 with errno: EPERM where that can't be either. */
int sweep_signal(struct sweep *s, struct sweep_target *t, pid_t pid, int sig);

/* A child of ours that is no unit's main process is about to be reaped (waitid WNOWAIT said so):
 * its mark is looked at, and the passes that are waiting for a death go on. */
void sweep_orphan(struct sweep *s, pid_t pid);
/* What was sent KILL is not the same that is there: new ones are forked faster than we get to look,
 * or the passes have hardly begun. Then what is left is no survivor yet. */
bool sweep_outrun(const struct sweep_target *t);
/* Now, in clock ticks since boot. */
uint64_t sweep_ticks(void);
/* Something ended; waiting targets are looked at again. */
void sweep_poke(struct sweep *s);

/* Does at most budget_ns of work (2 ms). Returns when it wants to be called again: 0 at once (call
 * it in the next turn), > 0 after so many ns even if nothing happens, -1 only after sweep_poke() or
 * sweep_add(). */
int64_t sweep_step(struct sweep *s, int64_t now_ns, int64_t budget_ns);

/* One synchronous look for people and for tests: up to max living members into pids; returns how
 * many there are. */
unsigned sweep_members(struct sweep *s, uint64_t mark, pid_t session, pid_t *pids, unsigned max);

/* The end of a PID 1: every process of the namespace but ourselves and the spare one gets sig.
 * Returns how many were still alive. */
unsigned sweep_everyone(struct sweep *s, int sig);

/* What wears marks of a run that was killed (its range's upper bits): KILL, until gone or 1 s
 * passed; not PID 1. Returns how many are left. */
unsigned sweep_leftovers(const struct mark_range *before);

#endif
