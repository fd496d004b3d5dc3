/* command.h - one command: its options, and what it does. Layer: cmd. */
#ifndef CMD_COMMAND_H
#define CMD_COMMAND_H

#include <stddef.h>

#include "cli/args.h"

struct command {
	const char *name;
	const char *summary; /* one line for `sysg help` */
	const char *usage;   /* what follows "sysg NAME ": "[OPTIONS] -- COMMAND [ARG...]" */
	const struct option_row
		*options;      /* its own, ended by an empty row; the common ones are added */
	enum args_words words; /* what plain words mean */
	const char *notes;     /* lines at the end of --help, or NULL */
	/* Runs it; returns the exit status of the process. */
	int (*run)(const struct args *args);
};

const struct command *command_find(const char *name); /* NULL: no such command */
const struct command *command_at(size_t i);           /* NULL: past the end; sorted by name */
/* The nearest command to a mistyped word, or NULL. */
const char *command_nearest(const char *name);

#endif
