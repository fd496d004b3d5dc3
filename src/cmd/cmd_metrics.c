#include "cli/prom.h"
#include "cmd/command.h"
#include "cmd/common.h"

static const struct option_row options[] = { OPT_PROJECT, OPT_SERVICE, OPT_SOCKET, OPTS_VERBOSE };

static int draw(struct buf *out, const struct args *args, const struct rows *rows)
{
	(void)args;
	prom_put(out, rows);
	return 0;
}

static int run(const struct args *args)
{
	return cmd_list(
		args, &(struct cmd_listing){
			      .measured = true, .empty = true, .draw = draw, .failed = cmd_fail });
}

extern const struct command cmd_metrics;
const struct command cmd_metrics = {
	.name = "metrics",
	.summary = "what supervisor and units use and count, in the text format of Prometheus",
	.usage = "[OPTIONS] [UNIT...]",
	.options = options,
	.words = ARGS_UNITS,
	.run = run,
};
