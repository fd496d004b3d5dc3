#include "cmd/command.h"
#include "cmd/common.h"
#include "cmd/dispatch.h"

static const struct option_row options[] = { { NULL } };

static int run(const struct args *args)
{
	struct buf out;
	struct err err;

	buf_init(&out, OUT_MAX);
	if (!args->nunits) {
		help_overview(&out);
		return cmd_print(&out, 0);
	}
	const struct command *command = command_find(args->units[0]);
	if (!command)
		return cmd_fail(args, NULL, command_unknown(args->units[0], &err));
	help_command(&out, command);
	return cmd_print(&out, 0);
}

extern const struct command cmd_help;
const struct command cmd_help = {
	.name = "help",
	.summary = "all commands, or the options of one",
	.usage = "[COMMAND]",
	.options = options,
	.words = ARGS_TOPIC,
	.run = run,
};
