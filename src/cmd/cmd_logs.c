#include <string.h>

#include "cmd/command.h"
#include "cmd/common.h"
#include "cmd/logs.h"

enum { LINES_MOST = 10 * 1000 * 1000 };

// clang-format off
static const struct option_row options[] = {
	{ "tree", 0, ARG_NONE, .help = "with -s: and all that it spawned" },
	{ "supervisor", 0, ARG_NONE, .help = "the supervisor's own lines" },
	{ "lines", 'l', ARG_INT, .max = LINES_MOST, .value = "N", .help = "the last N lines (100)" },
	{ "all", 'a', ARG_NONE, .help = "all lines" },
	{ "follow", 'f', ARG_NONE, .help = "go on with what is written (the default on a terminal)" },
	{ "no-follow", 0, ARG_NONE, .help = "end after the last line" },
	{ "stream", 0, ARG_DURATION, .value = "D", .help = "the last lines, on a screen painted anew every D" },
	{ "kind", 'k', ARG_CHOICE, .value = "stdout|stderr", .help = "lines of one stream" },
	{ "since", 0, ARG_STRING, .value = "TIME", .help = "lines from then on: 10m (ago), 2026-05-14, 2026-05-14T02:05:13Z" },
	{ "until", 0, ARG_STRING, .value = "TIME", .help = "lines up to then" },
	{ "grep", 'g', ARG_STRING, .value = "REGEX", .help = "lines that match (POSIX extended)" },
	{ "raw", 0, ARG_NONE, .help = "each line as its file has it: time, stream, every byte" },
	{ "strip-ansi", 0, ARG_NONE, .help = "without escape sequences (the default, but for colours on a terminal)" },
	{ "no-strip-ansi", 0, ARG_NONE, .help = "what a service printed may do anything to the terminal" },
	{ "path", 0, ARG_NONE, .help = "print the directory of the files, or the unit's file" },
	{ "purge", 0, ARG_NONE, .help = "empty the logs; what runs goes on writing them" },
	{ "prune", 0, ARG_NONE, .help = "remove old files, rotated ones first, down to the bounds:" },
	{ "max-size", 0, ARG_STRING, .value = "SIZE", .help = "with --prune: 64M together" },
	{ "max-age", 0, ARG_STRING, .value = "AGE", .help = "with --prune: nothing last written 7d ago" },
	OPTS_UNIT,
};

#define SELECTION " lines all kind since until grep raw strip-ansi no-strip-ansi "

/* Nothing is accepted that would do nothing. */
static const struct { const char *name, *excludes; } exclusive[] = {
	{ "path",       " purge prune follow stream" SELECTION },
	{ "purge",      " prune follow stream" SELECTION },
	{ "prune",      " follow stream" SELECTION },
	{ "stream",     " follow no-follow format json " },
	{ "follow",     " no-follow until " },
	{ "lines",      " all " },
	{ "raw",        " strip-ansi format json " },
	{ "strip-ansi", " no-strip-ansi " },
	{ "supervisor", " kind tree " },
};

static const struct { const char *name, *needs; } needy[] = {
	{ "max-size", "prune" }, { "max-age", "prune" }, { "tree", "service" },
};
// clang-format on

static const char *given_of(const struct args *args, const char *words)
{
	for (size_t i = 0; i < args->nvalues; i++) {
		const char *name = args->values[i].row->name;
		const char *at = words - 1;

		while ((at = strstr(at + 1, name)))
			if (at[-1] == ' ' && at[strlen(name)] == ' ')
				return name;
	}
	return NULL;
}

static int check(const struct args *args, struct err *err)
{
	for (size_t i = 0; i < sizeof exclusive / sizeof *exclusive; i++) {
		const char *other = args_has(args, exclusive[i].name)
					    ? given_of(args, exclusive[i].excludes)
					    : NULL;
		if (other)
			return err_set(err, ERR_EXCLUSIVE, 0, "--%s and --%s exclude each other",
				exclusive[i].name, other);
	}
	if (args_has(args, "supervisor") && args->nunits)
		return err_set(err, ERR_LOGS_SUPERVISOR, 0,
			"--supervisor shows the supervisor's own lines; it goes with no unit and "
			"no project");
	for (size_t i = 0; i < sizeof needy / sizeof *needy; i++) {
		bool there = strcmp(needy[i].needs, "service") == 0
				     ? args->nunits > 0
				     : args_has(args, needy[i].needs);
		if (args_has(args, needy[i].name) && !there)
			return err_set(err, ERR_BAD_REQUEST, 0, "--%s goes with --%s",
				needy[i].name, needy[i].needs);
	}
	if (args_has(args, "prune") && !args_has(args, "max-size") && !args_has(args, "max-age")) {
		(void)err_set(err, ERR_PRUNE_UNBOUND, 0, "--prune needs a bound");
		return err_help(err, "sysg logs --prune --max-age 7d --max-size 64M");
	}
	if (args_has(args, "stream") && args_number(args, "stream", 0) == 0)
		return err_set(err, ERR_BAD_VALUE, 0, "--stream 0: needs a time between two looks");
	return 0;
}

static int run(const struct args *args)
{
	struct logs l = { .args = args, .tree = { .inotify = -1 } };
	struct err err;
	int status;

	if (check(args, &err) < 0 || logs_find(&l, &err) < 0)
		status = cmd_fail(args, NULL, &err);
	else if (args_has(args, "path"))
		status = logs_paths(&l);
	else if (args_has(args, "purge"))
		status = logs_purge(&l);
	else
		status = args_has(args, "prune") ? logs_prune(&l) : logs_show(&l);
	logs_done(&l);
	return status;
}

extern const struct command cmd_logs;
const struct command cmd_logs = {
	.name = "logs",
	.summary = "what units printed, from the log files",
	.usage = "[OPTIONS] [UNIT...]",
	.options = options,
	.words = ARGS_UNITS,
	.run = run,
};
