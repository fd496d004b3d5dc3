#include "cmd/dispatch.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/diag.h"
#include "cmd/common.h"

enum { USAGE = 2 };

static struct args_spec spec_of(const struct command *command)
{
	return (struct args_spec){ .name = command->name,
		.usage = command->usage,
		.summary = command->summary,
		.notes = command->notes,
		.options = command->options,
		.words = command->words };
}

void help_command(struct buf *out, const struct command *command)
{
	struct args_spec spec = spec_of(command);

	args_help(out, &spec);
}

void help_overview(struct buf *out)
{
	const struct command *command;

	(void)buf_adds(out,
		"sysg " SYSG_VERSION " - a container's first process and process supervisor\n\n"
		"usage: sysg COMMAND [OPTIONS] [UNIT...] [-- PROGRAM ARGS]\n"
		"       sysg -- PROGRAM ARGS\n\ncommands:\n");
	for (size_t i = 0; (command = command_at(i)); i++)
		(void)buf_printf(out, "  %-12s%s\n", command->name, command->summary);
	(void)buf_adds(out, "\nsysg COMMAND --help lists a command's options\n");
}

const struct err *command_unknown(const char *name, struct err *err)
{
	const char *near = command_nearest(name);

	(void)err_set(err, ERR_BAD_REQUEST, 0, "unknown command %.100s", name);
	(void)(near ? err_help(err, "did you mean sysg %s?", near)
		    : err_help(err, "sysg help lists the commands"));
	return err;
}

static int is_flag(char *const *words, const char *flag)
{
	for (; *words && strcmp(*words, "--") != 0; words++)
		if (strcmp(*words, flag) == 0)
			return 1;
	return 0;
}

static int usage_failure(struct args *args, const struct err *err, char *const *words)
{
	int status = args_status(args, diag_fail(err, args_want_json(words)));

	args_done(args);
	return status;
}

static int run(const struct command *command, char **words)
{
	struct args_spec spec = spec_of(command);
	struct args args;
	struct err err = { 0 };
	struct buf out;
	int status;

	if (args_parse(&args, &spec, words, &err) < 0)
		return usage_failure(&args, &err, words);
	out_plain(args_has(&args, "no-color"), args_has(&args, "plain"));
	if (args.help) {
		buf_init(&out, OUT_MAX);
		args_help(&out, &spec);
		status = cmd_print(&out, 0);
	} else {
		status = command->run(&args);
	}
	args_done(&args);
	return status;
}

static int overview(int status)
{
	struct buf out;

	buf_init(&out, OUT_MAX);
	help_overview(&out);
	if (!status)
		return cmd_print(&out, 0);
	if (out.p)
		(void)!write(STDERR_FILENO, out.p, out.len);
	buf_done(&out);
	return status;
}

/* No command word: --version, -h, `-- CMD`, or nothing. */
static int without_command(char **words, int leading)
{
	if (words[leading]) /* "--" */
		return run(command_find("start"), words);
	if (leading && is_flag(words, "--version"))
		return run(command_find("version"), (char *[]){ NULL });
	if (leading && (is_flag(words, "--help") || is_flag(words, "-h")))
		return overview(0);
	return overview(USAGE);
}

/* Options that stand before the command go behind it. */
static int moved(const struct command *command, char **words, int leading, int argc)
{
	char **list = calloc((size_t)argc + 1, sizeof *list);
	struct err err;

	if (!list) {
		(void)err_no_memory(&err);
		return diag_fail(&err, 0);
	}
	memcpy(list, words, (size_t)leading * sizeof *list);
	memcpy(list + leading, words + leading + 1, (size_t)(argc - leading - 1) * sizeof *list);
	int status = run(command, list);
	free(list);
	return status;
}

int dispatch(int argc, char **argv)
{
	char **words = argv + (argc > 0);
	struct err err = { 0 };

	out_plain(is_flag(words, "--no-color"), is_flag(words, "--plain"));
	int leading = args_leading(words, &err);
	if (leading < 0)
		return diag_fail(&err, args_want_json(words));
	if (!words[leading] || strcmp(words[leading], "--") == 0)
		return without_command(words, leading);
	const struct command *command = command_find(words[leading]);
	if (!command)
		return diag_fail(command_unknown(words[leading], &err), args_want_json(words));
	return moved(command, words, leading, argc - 1);
}
