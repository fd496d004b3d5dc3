/* spawn.h - starts one process as a child_spec says, without ever waiting for it. Layer: os. */
#ifndef OS_SPAWN_H
#define OS_SPAWN_H

#include <sys/types.h>

#include "base/err.h"
#include "manifest/child.h"

struct spawned {
	pid_t pid;
	int status_fd; /* non-blocking; readable once execve succeeded or a stage failed; the caller
			  closes it */
};

/* fork(2), not vfork: a chdir or exec on a dead mount must not stop the caller. 0; -1 with
 * ERR_EXEC_FAILED and errno (EAGAIN, ENOMEM, EMFILE) when no child was made. */
int spawn_start(const struct child_spec *spec, struct spawned *ret, struct err *err);

/* Once status_fd is readable, and before the child is reaped: 1 execve succeeded (where /proc doesn't say, and with a pid of 0,
 * the child may have been killed before); -1 a stage failed, err has its code, errno and words, or it was killed in the midst
 * of them; 0 nothing there yet. */
int spawn_result(pid_t pid, int status_fd, const char *program, struct err *err);

/* Looks at our own namespaces and root once, so that no child has to: before the first fork with a confinement.
 * They must not change after it. -1: each child looks itself. */
int stages_prepare(void);

/* Returns where that failed, with errno; of the places in PATH that one's which says most. */
void exec_program(const struct child_spec *spec);
/* The child's side: every stage in order, then execve. Never returns. */
_Noreturn void stages_run(const struct child_spec *spec, int status_fd, pid_t parent);

/* One stage of the set-up; what it is called and the code of its failure. */
struct stage_report {
	int stage, sys;
	int place; /* of the caller's, that is another or can't be read (then sys is set); 0: none */
};
const char *stage_name(int stage); /* "switch the user" */
enum err_code stage_code(int stage);
int stage_is_exec(int stage);
const char *stage_place(int place); /* "network namespace" */

#endif
