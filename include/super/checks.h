/* checks.h - the commands of health checks: each a process tree that is killed whole. Layer: super. */
#ifndef SUPER_CHECKS_H
#define SUPER_CHECKS_H

#include "super/parts.h"

struct check_run; /* one command, from its fork to when nothing that wears its mark is left */

/* As probe_host.run. */
int check_start(struct job *j, char *const *argv, pid_t *ret_pid, struct err *err);
/* Its process ended and is unreaped; or it was reaped. Another pid is ignored. */
void check_ending(struct job *j, pid_t pid);
void check_ended(struct job *j, pid_t pid);
/* In launch.c: forks. mark 0: the unit's own. */
int launch_probe(struct super *s, struct job *j, char *const *argv, uint64_t mark, pid_t *ret_pid,
	struct err *err);
bool checks_use_mark(const struct job *j, uint64_t mark);
void checks_free(struct job *j); /* forgets them; what is left of them is not looked for */

#endif
