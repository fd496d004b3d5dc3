#include "cmd/command.h"
#include "cmd/notice.h"

// clang-format off
static const struct option_row options[] = {
	{ "any", 0, ARG_NONE, .help = "return at the first that ended" },
	{ "timeout", 0, ARG_DURATION, .value = "DURATION", .help = "give up after it, with status 9" },
	{ "propagate", 0, ARG_NONE, .childs_status = true,
		.help = "exit as the unit did, 128+N for a signal; own failures are 125" },
	OPTS_UNIT,
};
// clang-format on

static int show(const struct args *args, const struct packet *row)
{
	struct buf out;
	struct json j = { .out = &out };

	buf_init(&out, OUT_MAX);
	if (args->json) {
		json_open(&j, NULL, '{');
		notice_members(&j, row);
		json_close(&j, '}');
	} else {
		notice_words(&out, row);
	}
	(void)buf_addc(&out, '\n');
	return cmd_print(&out, 0);
}

/* Several units: the first, in time, that failed. */
static int rows(
	const struct args *args, struct client *c, struct packet *row, int rc, struct err *err)
{
	int status = 0, written = 0;

	for (; rc > 0 && !packet_get(row, "end"); rc = client_next(c, row, err)) {
		int child = cmd_child_status(row);

		written |= show(args, row);
		if (!status && args_has(args, "propagate"))
			status = child;
	}
	if (rc < 0)
		return cmd_fail(args, c, err);
	return written ? args_status(args, 1) : status;
}

static int run(const struct args *args)
{
	struct client c;
	struct packet row;
	struct err err;
	struct buf request;

	if (!args->nunits) {
		(void)err_set(&err, ERR_BAD_REQUEST, 0, "sysg wait needs a unit");
		return cmd_fail(args, NULL, &err);
	}
	cmd_client(&c, args);
	c.slow = true;
	client_begin(&request, "wait", args->units);
	if (args_has(args, "any"))
		packet_put(&request, "any", "1");
	cmd_put_timeout(&request, args);
	int rc = client_finish(&c, &request, &row, &err);
	int status = rows(args, &c, &row, rc, &err);
	client_done(&c);
	return status;
}

extern const struct command cmd_wait;
const struct command cmd_wait = {
	.name = "wait",
	.summary = "waits until units have ended, and says how",
	.usage = "[OPTIONS] UNIT...",
	.options = options,
	.words = ARGS_UNITS,
	.run = run,
};
