/* pid1.h - what a first process sees to before anything else, and at its end. Layer: os. */
#ifndef OS_PID1_H
#define OS_PID1_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct preflight {
	bool pid1;            /* we are PID 1 of our namespace */
	bool subreaper;       /* not PID 1, but orphans come to us */
	bool have_proc;       /* /proc names our own pid */
	uint64_t nofile_soft; /* our soft RLIMIT_NOFILE as it was; it has been raised to the hard
				 one */
	uint64_t nofile_hard;
	uint64_t locks_hard; /* our own hard RLIMIT_LOCKS: the mark that we wear, or UINT64_MAX */
};

/* Fills descriptors 0 to 2 where they are closed, makes every other one close-on-exec, becomes a
 * subreaper where it is not PID 1, is not dumpable from here on, raises the soft limit of
 * descriptors. Never fails; what it could not do is in *ret. */
void standard_fill(void); /* descriptors 0 to 2 that are closed */
void preflight_run(struct preflight *ret);

/* The process name, "sysg". */
void process_name(const char *name);
/* A random number, from the kernel; from clocks and pid where that has none. */
uint64_t random_u64(void);
/* Inode of our pid namespace; 0: unknown. */
uint64_t pid_namespace_inode(void);

/* --- the terminal in one-command mode --- */

enum tty_kind { TTY_NONE, TTY_LED, TTY_SHARED };
/* Is descriptor 0 a terminal, and do we lead its session (TTY_LED)? For TTY_LED the terminal has
 * been given up (TIOCNOTTY) and the HUP and CONT that come of it are to be swallowed: a child may
 * take it with CHILD_TTY_SESSION. */
enum tty_kind tty_hand_over(void);
/* The terminal's foreground back to our own group (TTY_SHARED, at the end). */
void tty_take_back(void);

#endif
