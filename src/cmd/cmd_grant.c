/* grant and revoke. */
#include "cmd/command.h"
#include "cmd/common.h"

static const struct option_row options[] = { OPTS_UNIT };

static int show(const struct args *args, const struct packet *reply, const char *what)
{
	const char *path = packet_get(reply, "path"), *right = packet_get(reply, "right");
	struct buf out;
	struct json j = { .out = &out };

	buf_init(&out, OUT_MAX);
	if (args->json) {
		json_open(&j, NULL, '{');
		json_str(&j, "path", path);
		json_str(&j, "right", right);
		json_close(&j, '}');
	} else {
		(void)buf_adds(&out, "Unit '");
		out_clean(&out, path ? path : "?");
		(void)buf_adds(&out, what);
		out_clean(&out, right ? right : "?");
	}
	(void)buf_addc(&out, '\n');
	return cmd_print(&out, 0);
}

static int run(const struct args *args, const char *op, const char *what)
{
	struct client c;
	struct packet reply;
	struct err err;
	struct buf request;

	cmd_client(&c, args);
	client_begin(&request, op, args->units);
	if (args->word)
		packet_put(&request, "right", args->word);
	int rc = client_finish(&c, &request, &reply, &err);
	int status = rc < 0 ? cmd_fail(args, &c, &err) : show(args, &reply, what);
	client_done(&c);
	return status;
}

static int run_grant(const struct args *args)
{
	return run(args, "grant", "' may ");
}

static int run_revoke(const struct args *args)
{
	return run(args, "revoke", "' lost ");
}

extern const struct command cmd_grant, cmd_revoke;
const struct command cmd_grant = {
	.name = "grant",
	.summary = "gives a unit a right, as stop:UNIT",
	.usage = "[OPTIONS] UNIT VERB:TARGET",
	.options = options,
	.words = ARGS_UNIT_WORD,
	.run = run_grant,
};
const struct command cmd_revoke = {
	.name = "revoke",
	.summary = "takes a right from a unit, and from all below it",
	.usage = "[OPTIONS] UNIT VERB:TARGET",
	.options = options,
	.words = ARGS_UNIT_WORD,
	.run = run_revoke,
};
