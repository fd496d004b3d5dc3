#include <stdio.h>
#include <unistd.h>

#include "cli/inspect.h"
#include "cli/screen.h"
#include "cmd/command.h"
#include "cmd/common.h"

static const struct option_row options[] = { OPTS_UNIT };

static int show(const struct args *args, struct inspection *in)
{
	struct progress_screen screen = screen_now();
	struct buf out;

	buf_init(&out, OUT_MAX);
	in->ascii = screen.ascii;
	in->colour = screen.colour;
	in->columns = screen.columns;
	if (args->json)
		inspect_json(&out, in);
	else
		inspect_text(&out, in);
	return cmd_print(&out, 0);
}

static int inspect(const struct args *args, struct client *c, struct rows *rows, struct err *err)
{
	struct inspection in = { .rows = rows };
	char id[24], *unit[] = { id, NULL };
	struct buf keep;
	int status = -1;

	buf_init(&keep, OUT_MAX);
	if (cmd_ask(c, args, "inspect", &in.detail, err) > 0 &&
		client_whole(c, &in.detail, &keep, err) == 0) {
		const char *text = packet_get(&in.detail, "id");
		(void)snprintf(id, sizeof id, "%s", text ? text : "");
		if (rows_measured(rows, c, unit, err) == 0)
			status = rows->n ? show(args, &in)
					 : err_set(err, ERR_NO_UNIT, 0, "%s has gone",
						   args->units[0]);
	}
	buf_done(&keep);
	return status;
}

static int run(const struct args *args)
{
	struct client c;
	struct rows rows;
	struct err err;

	if (!args->nunits) {
		(void)err_set(&err, ERR_BAD_REQUEST, 0, "inspect needs a unit");
		return cmd_fail(args, NULL, &err);
	}
	cmd_client(&c, args);
	rows_init(&rows);
	int status = inspect(args, &c, &rows, &err);
	if (status < 0)
		status = cmd_fail(args, &c, &err);
	rows_done(&rows);
	client_done(&c);
	return status;
}

extern const struct command cmd_inspect;
const struct command cmd_inspect = {
	.name = "inspect",
	.summary = "everything about one unit, and what it used of late",
	.usage = "[OPTIONS] UNIT",
	.options = options,
	.words = ARGS_UNIT,
	.run = run,
};
