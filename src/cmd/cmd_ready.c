#include "cmd/command.h"
#include "cmd/common.h"

static const struct option_row options[] = { OPTS_UNIT };

static int run(const struct args *args)
{
	return cmd_probe(args, "ready", "ready");
}

extern const struct command cmd_ready;
const struct command cmd_ready = {
	.name = "ready",
	.summary = "for a readinessProbe: 0 when every service that is to serve is up and healthy",
	.usage = "[OPTIONS] [UNIT]",
	.options = options,
	.words = ARGS_UNIT,
	.run = run,
};
