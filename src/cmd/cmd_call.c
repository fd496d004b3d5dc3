#include "cmd/command.h"
#include "cmd/notice.h"

// clang-format off
static const struct option_row options[] = {
	{ "timeout", 0, ARG_DURATION, .value = "DURATION", .help = "wait for the reply as long (5s)" },
	OPTS_UNIT,
};
// clang-format on

static int run(const struct args *args)
{
	struct client c;
	struct packet p;
	struct buf keep, out;
	struct err err;
	int status;

	cmd_client(&c, args);
	buf_init(&out, OUT_MAX);
	if (message_ask(&c, args, "call", &p, &keep, &err) < 0) {
		status = cmd_fail(args, &c, &err);
	} else if (args->json) {
		struct json j = { .out = &out };
		json_open(&j, NULL, '{');
		notice_members(&j, &p);
		status = cmd_end_json(&j, NULL, 0);
	} else {
		(void)buf_add(&out, p.body, p.body_len);
		status = cmd_print(&out, 0);
	}
	buf_done(&keep);
	client_done(&c);
	return status;
}

extern const struct command cmd_call;
const struct command cmd_call = {
	.name = "call",
	.summary = "sends a message and prints the reply",
	.usage = "[OPTIONS] UNIT [- | -- TEXT]",
	.options = options,
	.words = ARGS_UNIT_TEXT,
	.run = run,
};
