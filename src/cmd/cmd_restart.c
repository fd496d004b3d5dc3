#include <unistd.h>

#include "cmd/command.h"
#include "cmd/order.h"

// clang-format off
static const struct option_row options[] = {
	OPT_CONFIG, OPT_DAEMONIZE, OPT_TIMEOUT,
	OPTS_UNIT,
};
// clang-format on

/* With nobody there `restart --daemonize` is a start. */
static int run(const struct args *args)
{
	struct err err;

	if (args_has(args, "daemonize") && order_who(args, &err) == ORDER_NOBODY_THERE)
		return start_run(args);
	return order_run(args, "restart");
}

extern const struct command cmd_restart;
const struct command cmd_restart = {
	.name = "restart",
	.summary = "reads the manifest again and restarts what changed, or everything, or the "
		   "units named",
	.usage = "[OPTIONS] [UNIT...]",
	.options = options,
	.words = ARGS_UNITS,
	.run = run,
};
