/* super.h - the supervisor: what `sysg start` runs. Layer: super. */
#ifndef SUPER_SUPER_H
#define SUPER_SUPER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "manifest/manifest.h"

/* The id of the project that services without one belong to. */
#define SUPER_PROJECT PROJECT_LOOSE
/* What a detached one remembers, in its runtime directory: a line "manifest PATH" for each file ("default PATH": found
 * below /etc, so that the working directory is the default one), "unloaded ID", and at the end "end". */
#define SUPER_STATE      "sysg.state"
#define SUPER_STATE_HEAD "sysg-state 1"

/* What the logger is told at its start; main.c hands over the function, as super/ doesn't include
 * logger/. */
struct super_logger {
	int ctl_fd, own_fd, journal_fd; /* journal_fd -1: none */
	const char *log_dir;            /* NULL: no files */
	int64_t max_bytes, max_total;   /* of one file of our own lines, of all; 0: the default */
	int max_files;
	int picture_fd; /* pictures of the boot come from it; -1: none */
};

struct super_opts {
	struct manifest *manifest;   /* taken over */
	const char *const *only;     /* start -s: names, NULL-terminated; NULL: all */
	const char *const *unloaded; /* projects that aren't started, NULL-terminated; NULL: none */
	bool one_command;            /* no logger, signals forwarded, the command's exit code */
	bool merge_stderr;           /* what would go to descriptor 2 goes to 1 */
	const char *socket;          /* --socket: overrides the manifest's; NULL */
	bool detached;               /* no terminal, logs to files; stays when every unit is done */
	int report_fd; /* -1, or a connection on which the outcome of the boot is awaited; taken over */
	int64_t report_timeout_ns;                          /* 0: none */
	int (*logger_main)(const struct super_logger *cfg); /* NULL in one-command mode */
	/* Runs in a process of its own: rows of the boot come from rows_fd, pictures go to picture_fd (logger/picture.h); the
	 * exit status. NULL: the boot isn't drawn. */
	int (*drawer_main)(int rows_fd, int picture_fd);
};

/* Runs until the container ends. Returns its exit code (spec "When the container ends"). -1 with
 * err: could not begin (the socket is another supervisor's, the graph is bad); nothing was started.
 */
int super_run(struct super_opts *opts, struct err *err);

/* Stops what a supervisor that was killed left behind, as its runtime directory tells. Returns how
 * many processes are left. */
unsigned super_leftovers(const char *run_dir);

/* A start that failed before anything ran: what goes into /dev/termination-log. Waits 300 ms at most. */
void super_termlog(const char *what);

/* What a start would find wrong with the files and accounts that its services name, as findings at their places. 0: nothing. */
int super_check(struct manifest *m, struct findings *findings);

/* Call first, before anything is opened: descriptors 0 to 2, subreaper, limits. */
void super_preflight(void);

#endif
