#include "cmd/command.h"
#include "cmd/common.h"

static const struct option_row options[] = { OPTS_CLIENT };

static int show(const struct args *args, const struct packet *reply)
{
	static const char *const keys[] = { "class", "path", "id" };
	struct buf out;
	struct json j = { .out = &out };

	buf_init(&out, OUT_MAX);
	if (args->json)
		json_open(&j, NULL, '{');
	for (size_t i = 0; i < 3; i++) {
		const char *value = packet_get(reply, keys[i]);

		if (args->json)
			json_str(&j, keys[i], value);
		else if (value)
			(void)buf_printf(&out, "%s%s", i ? " " : "", value);
	}
	if (args->json)
		json_close(&j, '}');
	(void)buf_addc(&out, '\n');
	return cmd_print(&out, 0);
}

static int run(const struct args *args)
{
	return cmd_show(args, "whoami", show);
}

extern const struct command cmd_whoami;
const struct command cmd_whoami = {
	.name = "whoami",
	.summary = "what the supervisor takes the caller for: CLASS PATH ID",
	.usage = "[OPTIONS]",
	.options = options,
	.words = ARGS_NONE,
	.run = run,
};
