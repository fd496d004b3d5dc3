#include "cmd/command.h"
#include "cmd/common.h"

static const struct option_row options[] = { OPT_JSON, { NULL } };

static int run(const struct args *args)
{
	struct buf out;
	struct json j = { .out = &out };

	buf_init(&out, 256);
	if (args->json) {
		json_open(&j, NULL, '{');
		json_str(&j, "version", SYSG_VERSION);
		json_close(&j, '}');
	} else {
		(void)buf_adds(&out, "sysg " SYSG_VERSION);
	}
	(void)buf_addc(&out, '\n');
	return cmd_print(&out, 0);
}

extern const struct command cmd_version;
const struct command cmd_version = {
	.name = "version",
	.summary = "the version of this program",
	.usage = "[OPTIONS]",
	.options = options,
	.words = ARGS_NONE,
	.run = run,
};
