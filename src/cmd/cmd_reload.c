#include "cmd/command.h"
#include "cmd/order.h"

// clang-format off
static const struct option_row options[] = {
	OPT_CONFIG, OPT_PROJECT, OPT_TIMEOUT,
	{ "dry-run", 0, ARG_NONE, .help = "only say what it would do" },
	OPTS_CLIENT,
};
// clang-format on

static int run(const struct args *args)
{
	return order_run(args, "reload");
}

extern const struct command cmd_reload;
const struct command cmd_reload = {
	.name = "reload",
	.summary = "reads the manifest again and applies the difference; HUP does the same",
	.usage = "[OPTIONS]",
	.options = options,
	.words = ARGS_NONE,
	.run = run,
};
