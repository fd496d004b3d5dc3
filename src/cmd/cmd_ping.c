#include "cmd/command.h"
#include "cmd/common.h"

static const struct option_row options[] = { OPTS_CLIENT };

static int show(const struct args *args, const char *where, int64_t ns)
{
	struct buf out;

	buf_init(&out, OUT_MAX);
	if (args->json) {
		struct json j = { .out = &out };

		json_open(&j, NULL, '{');
		json_bool(&j, "ok", true);
		json_str(&j, "socket", where);
		json_int(&j, "round_trip_us", ns / NS_PER_US);
		json_close(&j, '}');
	} else {
		out_clean(&out, where);
		(void)buf_printf(&out, ": %lld.%03lld ms", (long long)(ns / NS_PER_MS),
			(long long)(ns % NS_PER_MS / NS_PER_US));
	}
	(void)buf_addc(&out, '\n');
	return cmd_print(&out, 0);
}

static int run(const struct args *args)
{
	int64_t before = clock_mono_ns();
	struct client c;
	struct packet reply;
	struct err err;
	int status;

	cmd_client(&c, args);
	c.patience_ns = NS_PER_SEC;
	c.total = true;
	if (cmd_ask(&c, args, "ping", &reply, &err) < 0)
		status = cmd_fail(args, &c, &err);
	else
		status = show(args, c.where, clock_mono_ns() - before);
	client_done(&c);
	return status;
}

extern const struct command cmd_ping;
const struct command cmd_ping = {
	.name = "ping",
	.summary = "is a supervisor there? prints the round trip",
	.usage = "[OPTIONS]",
	.options = options,
	.words = ARGS_NONE,
	.run = run,
};
