#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <unistd.h>

#include "base/clock.h"
#include "cli/diag.h"
#include "cli/report.h"
#include "cmd/command.h"
#include "cmd/common.h"

// clang-format off
static const struct option_row options[] = {
	{ "all", 0, ARG_NONE, .help = "also the spawned units that ended, whose results are kept" },
	{ "stream", 0, ARG_DURATION, .group = 1, .value = "DURATION", .help = "again and again, that often: the screen is painted anew" },
	{ "live", 0, ARG_NONE, .group = 1, .help = "the same as --stream 1s" },
	OPTS_UNIT,
};
// clang-format on

/* Erases the screen, the cursor goes to its upper left corner. */
#define REPAINT "\033[2J\033[H"

enum { FASTEST_MS = 100 };

/* A reader of status finds its list even where nobody answers. */
static int fail(const struct args *args, const struct client *c, const struct err *err)
{
	struct buf out;
	int status = client_status(c, err);

	(void)diag_fail(err, false);
	if (!args->json)
		return status;
	buf_init(&out, OUT_MAX);
	report_json_error(&out, err);
	return cmd_print(&out, status);
}

/* Who names a unit wants to see what it was. */
static int draw(struct buf *out, const struct args *args, const struct rows *rows)
{
	return report_table(
		out, rows, args_has(args, "all") || args->nunits, out_colour(STDOUT_FILENO));
}

/* False: nobody reads what we write any more. */
static bool pause_for(int64_t ns)
{
	int64_t until = clock_mono_ns() + ns, left;
	struct pollfd p = { .fd = STDOUT_FILENO };

	while ((left = until - clock_mono_ns()) > 0) {
		int64_t ms = (left + NS_PER_MS - 1) / NS_PER_MS;
		int rc = poll(&p, 1, ms > INT_MAX ? INT_MAX : (int)ms);

		if (rc > 0 && (p.revents & (POLLERR | POLLHUP)))
			return false;
		if (rc < 0 && errno != EINTR)
			return false;
	}
	return true;
}

/* Each time on a connection of its own, so that it goes on over a supervisor that restarts. Ends by
 * a signal, or when nobody reads it any more. */
static int stream(const struct args *args, int64_t every_ns)
{
	struct cmd_listing l = {
		.before = args_has(args, "plain") ? NULL : REPAINT, .draw = draw, .failed = fail
	};
	struct err err;

	if (every_ns < FASTEST_MS * NS_PER_MS) {
		(void)err_set(&err, ERR_BAD_VALUE, 0, "--stream: at least %d ms", FASTEST_MS);
		return cmd_fail(args, NULL, &err);
	}
	do {
		if (cmd_list(args, &l) == 1)
			return 1;
	} while (pause_for(every_ns));
	return 0;
}

static int run(const struct args *args)
{
	bool live = args_has(args, "live");

	if (live || args_has(args, "stream"))
		return stream(args, live ? NS_PER_SEC : args_number(args, "stream", 0));
	return cmd_list(args, &(struct cmd_listing){ .draw = draw, .failed = fail });
}

extern const struct command cmd_status;
const struct command cmd_status = {
	.name = "status",
	.summary = "the state of all units, or of some and what they spawned",
	.usage = "[OPTIONS] [UNIT...]",
	.options = options,
	.words = ARGS_UNITS,
	.run = run,
};
