#include <unistd.h>

#include "cli/report.h"
#include "cmd/command.h"
#include "cmd/common.h"

static const struct option_row options[] = { OPTS_UNIT };

static int draw(struct buf *out, const struct args *args, const struct rows *rows)
{
	(void)args;
	return report_tree(out, rows, !out_drawing(), out_colour(STDOUT_FILENO));
}

static int run(const struct args *args)
{
	return cmd_list(args, &(struct cmd_listing){ .draw = draw, .failed = cmd_fail });
}

extern const struct command cmd_tree;
const struct command cmd_tree = {
	.name = "tree",
	.summary = "the spawn tree, with ages, memory, TTLs and counts against each limit",
	.usage = "[OPTIONS] [UNIT]",
	.options = options,
	.words = ARGS_UNIT,
	.run = run,
};
