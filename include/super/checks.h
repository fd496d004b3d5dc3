/* checks.h - the commands of health checks: each a process tree that is killed whole. Layer: super. */
#ifndef SUPER_CHECKS_H
#define SUPER_CHECKS_H

#include "super/parts.h"

/* One command, from its fork to when nothing that wears its mark is left. A unit has no other meanwhile: where things hang
 * each of them would. */
struct check_run {
	struct job *j;
	pid_t pid;     /* 0: reaped */
	bool survived; /* it can't be killed: nothing waits for it but the next command */
	struct sweep_target sweep;
	struct timer timer; /* from KILL to being called a survivor */
};

#define CHECK_OF "health check" /* for survivor_said() */

/* As probe_host.run, of a struct job. */
int check_start(void *job, char *const *argv, pid_t *ret_pid, struct err *err);
/* As probe_host.cut: kills all of it, which is given up, or has ended and is unreaped. Another pid is ignored. */
void check_cut(void *job, pid_t pid);
/* Its process was reaped. Another pid is ignored. */
void check_ended(struct job *j, pid_t pid);
/* In launch.c: forks. mark 0: the unit's own. */
int launch_probe(struct super *s, struct job *j, char *const *argv, uint64_t mark, pid_t *ret_pid,
	struct err *err);
void check_free(struct job *j); /* forgets it; what is left of it is not looked for */

#endif
