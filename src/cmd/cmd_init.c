#include <unistd.h>

#include "cmd/command.h"
#include "cmd/order.h"

// clang-format off
static const struct option_row options[] = {
	OPT_CONFIG,
	OPTS_UNIT,
};
// clang-format on

static int run(const struct args *args)
{
	struct err err;

	if (getpid() == 1)
		return start_run(args);
	(void)err_set(&err, ERR_NOT_PID1, 0, "this is process %d of its container, not PID 1",
		(int)getpid());
	(void)err_help(&err, "make it the image's ENTRYPOINT, or run sysg start");
	return cmd_fail(args, NULL, &err);
}

extern const struct command cmd_init;
const struct command cmd_init = {
	.name = "init",
	.summary = "start, and nothing unless it is PID 1",
	.usage = "[OPTIONS]",
	.options = options,
	.words = ARGS_UNITS,
	.run = run,
};
