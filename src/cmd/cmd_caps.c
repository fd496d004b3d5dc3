#include <string.h>

#include "cmd/command.h"
#include "cmd/common.h"

static const struct option_row options[] = { OPTS_UNIT };

static int show(const struct args *args, const struct packet *reply)
{
	const char *at = NULL, *key, *value;
	struct buf out;
	struct json j = { .out = &out };
	size_t n;

	buf_init(&out, OUT_MAX);
	if (args->json) {
		json_open(&j, NULL, '{');
		json_str(&j, "path", packet_get(reply, "path"));
		json_str(&j, "id", packet_get(reply, "id"));
		json_open(&j, "rights", '[');
	}
	while (packet_next(reply, &at, &key, &n, &value)) {
		if (n != 5 || memcmp(key, "right", 5) != 0)
			continue;
		if (args->json) {
			json_str(&j, NULL, value);
			continue;
		}
		out_clean(&out, value);
		(void)buf_addc(&out, '\n');
	}
	if (args->json) {
		json_close(&j, ']');
		json_close(&j, '}');
		(void)buf_addc(&out, '\n');
	}
	return cmd_print(&out, 0);
}

static int run(const struct args *args)
{
	return cmd_show(args, "caps", show);
}

extern const struct command cmd_caps;
const struct command cmd_caps = {
	.name = "caps",
	.summary = "the rights that a unit holds besides those over itself and its own children",
	.usage = "[OPTIONS] [UNIT]",
	.options = options,
	.words = ARGS_UNIT,
	.run = run,
};
