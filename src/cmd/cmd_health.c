#include "cmd/command.h"
#include "cmd/common.h"

static const struct option_row options[] = { OPTS_UNIT };

static int run(const struct args *args)
{
	return cmd_probe(args, "health", "healthy");
}

extern const struct command cmd_health;
const struct command cmd_health = {
	.name = "health",
	.summary = "for a livenessProbe: 0 unless an essential unit failed for good",
	.usage = "[OPTIONS] [UNIT]",
	.options = options,
	.words = ARGS_UNIT,
	.run = run,
};
