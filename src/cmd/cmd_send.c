#include "cmd/command.h"
#include "cmd/notice.h"

// clang-format off
static const struct option_row options[] = {
	{ "timeout", 0, ARG_DURATION, .value = "DURATION", .help = "wait for room as long (5s); 0: not at all" },
	OPTS_UNIT,
};
// clang-format on

/* send, reply: what they say is a number, for programs. */
static int run_with(const struct args *args, const char *op)
{
	struct client c;
	struct packet p;
	struct buf keep, out;
	struct err err;
	int64_t n = 0;
	int status = 0;

	cmd_client(&c, args);
	if (message_ask(&c, args, op, &p, &keep, &err) < 0) {
		status = cmd_fail(args, &c, &err);
	} else if (args->json) {
		struct json j = { .out = &out };
		buf_init(&out, OUT_MAX);
		json_open(&j, NULL, '{');
		if (packet_get(&p, "msgid") && packet_int(&p, "msgid", 0, INT64_MAX, &n, &err) == 0)
			json_int(&j, "msgid", n);
		status = cmd_end_json(&j, NULL, 0);
	}
	buf_done(&keep);
	client_done(&c);
	return status;
}

static int run_send(const struct args *args)
{
	return run_with(args, "send");
}

extern const struct command cmd_send;
const struct command cmd_send = {
	.name = "send",
	.summary = "puts a message into a unit's mailbox",
	.usage = "[OPTIONS] UNIT [- | -- TEXT]",
	.options = options,
	.words = ARGS_UNIT_TEXT,
	.run = run_send,
};

static const struct option_row reply_options[] = { OPTS_CLIENT };

static int run_reply(const struct args *args)
{
	return run_with(args, "reply");
}

extern const struct command cmd_reply;
const struct command cmd_reply = {
	.name = "reply",
	.summary = "answers a call that was received",
	.usage = "[OPTIONS] MSGID [- | -- TEXT]",
	.options = reply_options,
	.words = ARGS_UNIT_TEXT,
	.run = run_reply,
};
