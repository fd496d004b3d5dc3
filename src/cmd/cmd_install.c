#include <string.h>
#include <sys/stat.h>

#include "cmd/command.h"
#include "cmd/common.h"
#include "os/selfcopy.h"

static const struct option_row options[] = { OPTS_OUTPUT };

/* A directory gets a file "sysg". */
static void target(struct buf *b, const char *path)
{
	struct stat st;
	bool dir = stat(path, &st) == 0 && S_ISDIR(st.st_mode);
	size_t n = strlen(path);

	(void)buf_adds(b, path);
	if (dir)
		(void)buf_adds(b, n && path[n - 1] == '/' ? "sysg" : "/sysg");
}

static int told(const struct args *args, const char *path, int64_t bytes)
{
	struct buf out;

	buf_init(&out, OUT_MAX);
	if (args->json) {
		struct json j = { .out = &out };

		json_open(&j, NULL, '{');
		json_str(&j, "installed", path);
		json_int(&j, "bytes", bytes);
		json_close(&j, '}');
	} else {
		(void)buf_adds(&out, "Installed ");
		out_clean(&out, path);
	}
	(void)buf_addc(&out, '\n');
	return cmd_print(&out, 0);
}

static int run(const struct args *args)
{
	struct err err;
	struct buf path;
	int64_t bytes;
	int status;

	if (!args->nunits) {
		(void)err_set(&err, ERR_BAD_REQUEST, 0, "sysg install needs a PATH");
		(void)err_help(&err, "a directory, or the name of the file to be");
		return cmd_fail(args, NULL, &err);
	}
	buf_init(&path, OUT_MAX);
	target(&path, args->units[0]);
	if (path.failed)
		(void)err_no_memory(&err);
	if (path.failed || selfcopy(path.p, &bytes, &err) < 0)
		status = cmd_fail(args, NULL, &err);
	else
		status = told(args, path.p, bytes);
	buf_done(&path);
	return status;
}

extern const struct command cmd_install;
const struct command cmd_install = {
	.name = "install",
	.summary = "puts a copy of this program there, whole or not at all",
	.usage = "[OPTIONS] PATH",
	.options = options,
	.words = ARGS_TOPIC,
	.run = run,
};
