#include <errno.h>
#include <unistd.h>

#include "cli/diag.h"
#include "cli/report.h"
#include "cmd/command.h"
#include "cmd/common.h"

// clang-format off
static const struct option_row options[] = {
	OPT_SERVICE, OPT_CLIENT,
	{ "all", 0, ARG_REFUSED },
	{ "stream", 0, ARG_REFUSED },
	{ "live", 0, ARG_REFUSED },
	{ NULL },
};
// clang-format on

/* A reader of status finds its list even where nobody answers. */
static int fail(const struct args *args, const struct client *c, const struct err *err)
{
	struct buf out;
	int status = client_status(c, err);

	(void)diag_fail(err, false);
	if (!args->json)
		return status;
	buf_init(&out, OUT_MAX);
	report_json_error(&out, err);
	return cmd_print(&out, status);
}

static int draw(struct buf *out, const struct rows *rows)
{
	return report_table(out, rows, out_colour(STDOUT_FILENO));
}

static int run(const struct args *args)
{
	return cmd_listing(args, draw, fail);
}

extern const struct command cmd_status;
const struct command cmd_status = {
	.name = "status",
	.summary = "the state of all units, or of some and what they spawned",
	.usage = "[OPTIONS] [UNIT...]",
	.options = options,
	.words = ARGS_UNITS,
	.run = run,
};
