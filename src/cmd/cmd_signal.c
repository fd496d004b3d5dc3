#include <string.h>

#include "base/units.h"
#include "cli/nearest.h"
#include "cmd/command.h"
#include "cmd/common.h"

// clang-format off
static const struct option_row options[] = {
	{ "tree", 0, ARG_NONE, .help = "to every process of its tree, once each" },
	OPTS_UNIT,
};
// clang-format on

static int read_signal(const char *word, int *ret, struct err *err)
{
	const char *why, *bare = strncasecmp(word, "SIG", 3) == 0 ? word + 3 : word;
	struct nearest near = { .word = bare };

	if (signal_parse(word, ret, &why) == 0)
		return 0;
	nearest_offer(
		&near, "TERM"); /* of two that are as near, the one that is meant more often */
	for (int i = 1; i < SIGNAL_RTMIN - 2; i++) /* above it they are numbered */
		nearest_offer(&near, signal_name(i));
	(void)err_set(err, ERR_BAD_VALUE, 0, "%.100s: %s", word, why);
	return near.best ? err_help(err, "did you mean %s?", near.best)
			 : err_help(err, "sysg signal UNIT HUP");
}

static void show(struct buf *out, const struct args *args, const struct packet *row, int sig)
{
	const char *path = packet_get(row, "path"), *kind = packet_get(row, "kind");
	bool spawned = kind && strcmp(kind, "spawned") == 0;
	int64_t n = 1;
	struct err err;

	(void)packet_int(row, "processes", 0, INT64_MAX, &n, &err);
	if (args->json) {
		struct json j = { .out = out };

		json_open(&j, NULL, '{');
		json_str(&j, "path", path);
		json_str(&j, "kind", kind);
		json_str(&j, "signal", signal_name(sig));
		json_int(&j, "processes", n);
		json_close(&j, '}');
		(void)buf_addc(out, '\n');
		return;
	}
	(void)buf_adds(out, spawned ? "Unit '" : "Service '");
	out_clean(out, path ? path : "?");
	(void)buf_printf(out, "' signalled: %s", signal_name(sig));
	if (args_has(args, "tree"))
		(void)buf_printf(out, ", %lld process%s", (long long)n, n == 1 ? "" : "es");
	(void)buf_addc(out, '\n');
}

static int ask(struct client *c, const struct args *args, int sig, struct buf *out, struct err *err)
{
	struct buf request;
	struct packet row;

	client_begin(&request, "signal", args->units);
	packet_put_int(&request, "signal", sig);
	if (args_has(args, "tree"))
		packet_put(&request, "tree", "1");
	int rc = client_finish(c, &request, &row, err);
	for (; rc > 0 && !packet_get(&row, "end"); rc = client_next(c, &row, err))
		show(out, args, &row, sig);
	return rc < 0 ? -1 : 0;
}

static int run(const struct args *args)
{
	struct client c;
	struct err err;
	struct buf out;
	int sig;

	if (!args->nunits || !args->word) {
		(void)err_set(&err, ERR_BAD_REQUEST, 0, "sysg signal needs a unit and a signal");
		(void)err_help(&err, "sysg signal UNIT HUP");
		return cmd_fail(args, NULL, &err);
	}
	if (read_signal(args->word, &sig, &err) < 0)
		return cmd_fail(args, NULL, &err);
	cmd_client(&c, args);
	c.slow = true;
	buf_init(&out, OUT_MAX);
	int rc = ask(&c, args, sig, &out, &err);
	int status = rc < 0 ? cmd_fail(args, &c, &err) : 0;
	client_done(&c);
	if (!status)
		return cmd_print(&out, 0);
	buf_done(&out);
	return status;
}

extern const struct command cmd_signal;
const struct command cmd_signal = {
	.name = "signal",
	.summary = "sends a signal to a unit's main process, or to its whole tree",
	.usage = "[OPTIONS] UNIT SIGNAL",
	.options = options,
	.words = ARGS_UNIT_WORD,
	.run = run,
};
