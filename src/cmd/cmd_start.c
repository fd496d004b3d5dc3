#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/caps.h"
#include "cli/diag.h"
#include "cmd/command.h"
#include "cmd/common.h"
#include "cmd/locate.h"
#include "logger/logger.h"
#include "os/slurp.h"
#include "super/super.h"

enum { READ_TIMEOUT_MS = 30000, INVALID = 2 };

// clang-format off
static const struct option_row options[] = {
	OPT_CONFIG, OPT_SERVICE,
	{ "spawn", 0, ARG_OPTIONAL, .value = "KEY=N,...", .help = "the one command may spawn, within these limits" },
	{ "parent-pid", 0, ARG_INT, .max = 0, .value = "PID", .help = "spawn a child of that unit, as sysg spawn --parent does" },
	{ "child", 0, ARG_NONE, .help = "with --parent-pid: the same" },
	{ "name", 0, ARG_STRING, .value = "NAME", .help = "with --parent-pid: the child's name" },
	{ "ttl", 0, ARG_DURATION, .value = "DURATION", .help = "with --parent-pid: it is stopped after it" },
	OPT_SOCKET, OPT_JSON, OPT_VERBOSE,
	{ "daemonize", 0, ARG_REFUSED }, { "timeout", 0, ARG_REFUSED }, { "stderr", 0, ARG_REFUSED },
	{ NULL },
};
// clang-format on

static int run_logger(const struct super_logger *l)
{
	struct logger_config cfg = {
		.ctl_fd = l->ctl_fd, .own_fd = l->own_fd, .log_dir = l->log_dir
	};

	return logger_main(&cfg);
}

static void show_findings(const struct findings *f, const struct diag_place *place)
{
	struct buf out;

	buf_init(&out, OUT_MAX);
	for (size_t i = 0; i < f->n; i++)
		diag_print(&out, &f->v[i].err, f->v[i].warning ? "warning" : "error", place,
			out_colour(STDERR_FILENO));
	if (out.p)
		(void)!write(STDERR_FILENO, out.p, out.len);
	buf_done(&out);
}

/* NULL: *ret_status is the exit status, and what is wrong has been said. */
static struct manifest *load(const struct args *args, int *ret_status)
{
	struct located at;
	struct err err;
	struct buf text;
	struct findings findings;
	struct manifest *m = NULL;

	*ret_status = INVALID;
	if (manifest_locate(args_str(args, "config"), &at, &err) < 0) {
		*ret_status = cmd_fail(args, NULL, &err);
		return NULL;
	}
	buf_init(&text, CAP_MANIFEST);
	if (slurp(at.path, true, READ_TIMEOUT_MS, &text, &err) < 0) {
		*ret_status = cmd_fail(args, NULL, &err);
	} else {
		struct manifest_source src = { .path = at.path,
			.text = text.p ? text.p : "",
			.len = text.len,
			.environ = environ,
			.cwd_default = at.cwd_default,
			.may_switch_user = geteuid() == 0 };
		struct diag_place place = { .path = at.path, .text = src.text, .len = src.len };
		m = manifest_load(&src, &findings);
		show_findings(&findings, &place);
		findings_done(&findings);
	}
	buf_done(&text);
	located_done(&at);
	return m;
}

/* "children=5,depth=2", or nothing: the defaults. */
static int spawn_limits(const struct args *args, struct spawn_limits *ret, struct err *err)
{
	const char *text = args_str(args, "spawn");
	char one[64];

	for (int i = 0; i < LIMIT_COUNT; i++)
		ret->v[i] = limit_rows[i].kind == LIMIT_KIND_COUNT ? limit_rows[i].def : LIMIT_NONE;
	while (text && *text) {
		size_t n = strcspn(text, ",");
		if (n >= sizeof one)
			return err_set(err, ERR_BAD_VALUE, 0, "--spawn: %.60s: too long", text);
		memcpy(one, text, n);
		one[n] = '\0';
		if (limit_assign(ret, one, err) < 0)
			return err_wrap(err, "--spawn");
		text += n + (text[n] == ',');
	}
	return 0;
}

static struct manifest *of_command(const struct args *args, int *ret_status)
{
	struct spawn_limits limits;
	struct err err;
	struct manifest *m = NULL;
	bool dynamic = args_has(args, "spawn");

	if (args_has(args, "config") || args_has(args, "service"))
		err_set(&err, ERR_EXCLUSIVE, 0, "a command and a manifest exclude each other");
	else if (!dynamic || spawn_limits(args, &limits, &err) == 0)
		m = manifest_of_command(args->argv, dynamic ? &limits : NULL, &err);
	if (!m)
		*ret_status = cmd_fail(args, NULL, &err);
	return m;
}

static int misplaced(const struct args *args, struct err *err)
{
	static const char *const with_pid[] = { "child", "name", "ttl" };

	for (size_t i = 0; i < sizeof with_pid / sizeof *with_pid; i++)
		if (args_has(args, with_pid[i]) && !args_has(args, "parent-pid")) {
			err_set(err, ERR_BAD_REQUEST, 0, "--%s goes with --parent-pid",
				with_pid[i]);
			return err_help(err,
				"sysg spawn --%s ... -- COMMAND spawns a child of the caller",
				with_pid[i]);
		}
	if (args_has(args, "spawn") && !args->argv)
		return err_set(err, ERR_BAD_REQUEST, 0,
			"--spawn goes with a command; a manifest says spawn: {mode: dynamic}");
	return 0;
}

static const char **names_of(const struct args *args)
{
	const char **v = calloc(args->nvalues + 1, sizeof *v);
	const char *name;

	for (size_t i = 0; v && (name = args_list(args, "service", i)); i++)
		v[i] = name;
	return v;
}

static int supervise(const struct args *args)
{
	struct super_opts opts = { .one_command = args->argv != NULL,
		.socket = args_str(args, "socket"),
		.logger_main = args->argv ? NULL : run_logger };
	struct err err;
	int status;

	opts.manifest = args->argv ? of_command(args, &status) : load(args, &status);
	if (!opts.manifest)
		return status;
	const char **only = names_of(args);
	opts.only = only;
	status = super_run(&opts, &err);
	free(only);
	return status < 0 ? cmd_fail(args, NULL, &err) : status;
}

static int run(const struct args *args)
{
	struct err err;

	if (misplaced(args, &err) < 0)
		return cmd_fail(args, NULL, &err);
	if (args_has(args, "parent-pid"))
		return spawn_run(args);
	super_preflight();
	return supervise(args);
}

extern const struct command cmd_start;
const struct command cmd_start = {
	.name = "start",
	.summary = "run the services of a manifest, or one command, as the first process",
	.usage = "[OPTIONS] [[--] COMMAND [ARG...]]",
	.options = options,
	.words = ARGS_COMMAND,
	.run = run,
};
