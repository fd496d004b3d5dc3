#include "base/caps.h"
#include "cmd/command.h"
#include "cmd/notice.h"

// clang-format off
static const struct option_row options[] = {
	{ "from", 0, ARG_STRING, .value = "UNIT", .help = "only what comes from it" },
	{ "type", 0, ARG_STRING, .value = "msg,call,exit", .help = "only of these kinds" },
	{ "timeout", 0, ARG_DURATION, .value = "DURATION", .help = "give up after it, with status 9; 0: at once" },
	{ "body", 0, ARG_NONE, .group = 1, .help = "the body alone, without the header line" },
	OPT_SOCKET,
	{ "format", 0, ARG_CHOICE, .group = 1, .value = "json", .help = "machine-readable on stdout" },
	{ "json", 0, ARG_NONE, .group = 1, .help = "the same as --format json" },
	OPTS_VERBOSE,
};
// clang-format on

static int show(const struct args *args, const struct packet *row)
{
	struct json j = { 0 };
	struct buf out;

	buf_init(&out, OUT_MAX);
	j.out = &out;
	if (args->json) {
		json_open(&j, NULL, '{');
		notice_members(&j, row);
		return cmd_end_json(&j, NULL, 0);
	}
	if (!args_has(args, "body")) {
		notice_words(&out, row);
		(void)buf_addc(&out, '\n');
	}
	(void)buf_add(&out, row->body, row->body_len);
	return cmd_print(&out, 0);
}

static int ask(struct client *c, const struct args *args, struct packet *row, struct buf *keep,
	struct err *err)
{
	struct buf request;

	buf_init(keep, CAP_REQUEST);
	client_begin(&request, "recv", NULL);
	if (args_has(args, "from"))
		packet_put(&request, "from", args_str(args, "from"));
	if (args_has(args, "type"))
		packet_put(&request, "type", args_str(args, "type"));
	cmd_put_timeout(&request, args);
	return client_finish(c, &request, row, err) < 0 || client_whole(c, row, keep, err) < 0 ? -1
											       : 0;
}

/* Only what was written is acknowledged: else it is the first again. */
static int acknowledge(struct client *c, struct err *err)
{
	struct packet reply;
	struct buf request;

	buf_init(&request, 64);
	packet_put(&request, "op", "ack");
	packet_end(&request, NULL, 0);
	int rc = client_again(c, &request, &reply, err);
	buf_done(&request);
	return rc < 0 ? -1 : 0;
}

static int run(const struct args *args)
{
	struct client c;
	struct packet row;
	struct buf keep;
	struct err err;
	int status = 0;

	cmd_client(&c, args);
	c.slow = true;
	bool failed = ask(&c, args, &row, &keep, &err) < 0;
	if (!failed) {
		status = show(args, &row);
		failed = status == 0 && acknowledge(&c, &err) < 0;
	}
	if (failed)
		status = cmd_fail(args, &c, &err);
	buf_done(&keep);
	client_done(&c);
	return status;
}

extern const struct command cmd_recv;
const struct command cmd_recv = {
	.name = "recv",
	.summary = "prints the next message or exit notice of the calling unit",
	.usage = "[OPTIONS]",
	.options = options,
	.words = ARGS_NONE,
	.run = run,
};
