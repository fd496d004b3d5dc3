#include <unistd.h>

#include "cli/report.h"
#include "cmd/command.h"
#include "cmd/common.h"

static const struct option_row options[] = { OPT_SERVICE, OPT_CLIENT, { NULL } };

static int show(const struct args *args, const struct rows *rows)
{
	struct buf out;
	int rc = 0;

	buf_init(&out, OUT_MAX);
	if (args->json)
		report_json(&out, rows);
	else if (!rows->n)
		(void)buf_adds(&out,
			args->nunits ? "No matching units found\n" : "No units being supervised\n");
	else
		rc = report_tree(&out, rows, !out_drawing(), out_colour(STDOUT_FILENO));
	return cmd_print(&out, rc < 0 ? 1 : 0);
}

static int run(const struct args *args)
{
	struct client c;
	struct rows rows;
	struct err err;

	cmd_client(&c, args);
	rows_init(&rows);
	int rc = rows_ask(&rows, &c, args->units, &err);
	int status = rc < 0 ? cmd_fail(args, &c, &err) : show(args, &rows);
	rows_done(&rows);
	client_done(&c);
	return status;
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
