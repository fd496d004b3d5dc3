#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/caps.h"
#include "base/log.h"
#include "cli/diag.h"
#include "cmd/command.h"
#include "cmd/common.h"
#include "cmd/detach.h"
#include "cmd/live.h"
#include "cmd/locate.h"
#include "cmd/order.h"
#include "cmd/recall.h"
#include "logger/logger.h"
#include "os/slurp.h"
#include "super/super.h"

enum { READ_TIMEOUT_MS = 30000, INVALID = 2, WINNER_MS = 3000, LOOK_MS = 20 };

// clang-format off
static const struct option_row options[] = {
	OPT_CONFIG,
	{ "spawn", 0, ARG_OPTIONAL, .value = "KEY=N,...", .help = "the one command may spawn, within these limits" },
	{ "parent-pid", 0, ARG_INT, .max = 0, .value = "PID", .help = "spawn a child of that unit, as sysg spawn --parent does" },
	{ "child", 0, ARG_NONE, .help = "with --parent-pid: the same" },
	{ "name", 0, ARG_STRING, .value = "NAME", .help = "with --parent-pid: the child's name" },
	{ "ttl", 0, ARG_DURATION, .value = "DURATION", .help = "with --parent-pid: it is stopped after it" },
	{ "stderr", 0, ARG_NONE, .help = "what services write to stderr goes to stdout" },
	OPT_DAEMONIZE, OPT_TIMEOUT,
	OPTS_UNIT,
};
// clang-format on

static int run_logger(const struct super_logger *l)
{
	struct logger_config cfg = {
		.ctl_fd = l->ctl_fd,
		.own_fd = l->own_fd,
		.journal_fd = l->journal_fd,
		.log_dir = l->log_dir,
		.keep = { .max_bytes = l->max_bytes, .max_files = l->max_files },
		.max_total = l->max_total,
		.picture_fd = l->picture_fd,
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
	if (f->n)
		diag_flush(&out, &f->v[0].err);
}

/* NULL: *ret_status is the exit status, and what is wrong has been said. */
static struct manifest *load_at(const struct args *args, const struct located *at, int *ret_status)
{
	struct err err;
	struct buf text;
	struct findings findings;
	struct manifest *m = NULL;

	*ret_status = INVALID;
	buf_init(&text, CAP_MANIFEST);
	if (slurp(at->path, true, READ_TIMEOUT_MS, &text, &err) < 0) {
		*ret_status = cmd_fail(args, NULL, &err);
	} else {
		struct manifest_source src = { .path = at->path,
			.text = text.p ? text.p : "",
			.len = text.len,
			.environ = environ,
			.cwd_default = at->cwd_default,
			.may_switch_user = geteuid() == 0,
			.read = manifest_include };
		struct diag_place place = { .path = at->path, .text = src.text, .len = src.len };
		m = manifest_load(&src, &findings);
		show_findings(&findings, &place);
		findings_done(&findings);
	}
	buf_done(&text);
	return m;
}

/* All that are remembered, of which asked is there already; NULL: none of them has to be right. */
static struct manifest *load_all(
	const struct args *args, const struct recalled *r, struct manifest *asked, int *ret_status)
{
	struct manifest *v[CAP_MANIFESTS], *m = NULL;
	struct err err;
	size_t n = 0;

	for (size_t i = 0; i < r->n; i++) {
		bool same = asked && strcmp(asked->path, r->files[i].path) == 0;
		v[n] = same ? manifest_ref(asked) : load_at(args, &r->files[i], ret_status);
		if (!v[n])
			log_line(LOG_WARN, "%s was registered, and is left out", r->files[i].path);
		n += v[n] != NULL;
	}
	if (n && !(m = manifest_join(v, n, &err)))
		*ret_status = cmd_fail(args, NULL, &err);
	while (n)
		(void)manifest_free(v[--n]);
	return m;
}

/* Of a detached start: with what one that was killed had, where that is one of its files, or none is here. */
static struct manifest *with_recalled(const struct args *args, struct super_opts *opts,
	struct recalled *r, struct manifest *asked, int *ret_status)
{
	recall(r, opts->socket ? opts->socket : asked ? asked->control_socket : NULL);
	if (!r->n)
		return asked;
	if (asked && !recalls(r, asked->path)) {
		log_line(LOG_WARN, "what was registered before is forgotten: %s%s",
			r->files[0].path, r->n > 1 ? " and more" : "");
		return asked;
	}
	opts->unloaded = r->unloaded;
	struct manifest *m = load_all(args, r, asked, ret_status);
	(void)manifest_free(asked);
	return m;
}

static struct manifest *load(
	const struct args *args, struct super_opts *opts, struct recalled *r, int *ret_status)
{
	const char *config = args_str(args, "config"), *set = getenv("SYSG_CONFIG");
	bool detached = args_has(args, "daemonize") && getpid() != 1;
	struct located at;
	struct err err;
	struct manifest *m = NULL;
	int rc = manifest_locate(config, &at, &err);

	if (rc == 0)
		m = load_at(args, &at, ret_status);
	if (detached && (m || (rc < 0 && !config && !(set && *set))))
		m = with_recalled(args, opts, r, m, ret_status);
	if (rc < 0 && !r->n)
		*ret_status = cmd_fail(args, NULL, &err);
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

	if (args_has(args, "config") || args_has(args, "service") || args_has(args, "project"))
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
	if (args_has(args, "daemonize") && args->argv)
		return err_set(err, ERR_EXCLUSIVE, 0,
			"a command runs in the foreground: --daemonize goes with a manifest");
	return 0;
}

static const char **names_of(const struct args *args)
{
	const char **v = calloc(args->nvalues + args->nunits + 1, sizeof *v), *name;
	size_t n = 0;

	for (size_t i = 0; v && i < args->nunits; i++)
		v[n++] = args->units[i];
	for (size_t i = 0; v && !args->nunits && (name = args_list(args, "service", i)); i++)
		v[n++] = name;
	return v;
}

/* --- one that runs already --- */

/* A unit that brings a manifest, or wants all of one, has a supervisor of its own. */
static bool asks(const struct args *args, int who)
{
	return who == ORDER_OPERATOR || (who == ORDER_UNIT && !args_has(args, "config") &&
						(args->nunits || args_has(args, "service")));
}

/* Another was quicker: the lock is taken before the socket is there. */
static int ask_the_winner(const struct args *args, const struct err *lost)
{
	struct err err;

	for (int ms = 0; ms < WINNER_MS; ms += LOOK_MS) {
		int who = order_who(args, &err);
		if (who < 0 || who == ORDER_STRANGER || (who == ORDER_UNIT && !asks(args, who)))
			break;
		if (asks(args, who))
			return order_run(args, "start");
		(void)poll(NULL, 0, LOOK_MS);
	}
	return cmd_fail(args, NULL, lost);
}

/* --- a new one --- */

static int begin(const struct args *args, struct super_opts *opts, struct err *err)
{
	const char **only = names_of(args);

	if (!only)
		return err_no_memory(err);
	opts->only = only;
	super_preflight();
	int status = super_run(opts, err);
	free(only);
	return status;
}

/* In the other process: there is nobody to tell but who waits on the connection. */
static int run_detached(const struct args *args, struct super_opts *opts, int fd)
{
	struct err err;
	struct buf b;

	opts->detached = true;
	opts->drawer_main = NULL;
	opts->report_fd = fd;
	opts->report_timeout_ns = args_number(args, "timeout", ORDER_TIMEOUT);
	int status = begin(args, opts, &err);
	if (status >= 0)
		return status;
	buf_init(&b, CAP_PACKET);
	packet_error(&b, &err);
	if (opts->report_fd >= 0 && !b.failed)
		(void)!write(opts->report_fd, b.p, b.len);
	buf_done(&b);
	return 1;
}

static int detached(const struct args *args, struct super_opts *opts)
{
	struct err err;
	int fd, rc = detach(&fd, &err);

	if (rc == 0)
		return run_detached(args, opts, fd);
	if (rc < 0)
		return cmd_fail(args, NULL, &err);
	int status = order_follow(args, fd, &err);
	return status < 0 ? ask_the_winner(args, &err) : status;
}

/* Both descriptors have to be the one terminal: what goes to another can't be told where the picture is. */
static bool draws(const struct args *args)
{
	struct stat out, err;

	return !args->argv && !args->json && out_live(STDOUT_FILENO) && out_live(STDERR_FILENO) &&
	       fstat(STDOUT_FILENO, &out) == 0 && fstat(STDERR_FILENO, &err) == 0 &&
	       out.st_rdev == err.st_rdev;
}

static int supervise_with(const struct args *args, struct recalled *r)
{
	struct super_opts opts = { .one_command = args->argv != NULL,
		.socket = args_str(args, "socket"),
		.report_fd = -1,
		.merge_stderr = args_has(args, "stderr"),
		.logger_main = args->argv ? NULL : run_logger,
		.drawer_main = draws(args) ? live_boot : NULL };
	struct err err = { 0 };
	int status = INVALID;

	opts.manifest = args->argv ? of_command(args, &status) : load(args, &opts, r, &status);
	if (!opts.manifest) {
		if (getpid() == 1)
			super_termlog(
				args->argv ? "sysg: the command line is wrong; nothing was started"
					   : "sysg: no valid manifest; nothing was started");
		return status;
	}
	if (args_has(args, "daemonize") && getpid() != 1)
		return detached(args, &opts);
	if (args_has(args, "daemonize"))
		log_line(LOG_WARN, "--daemonize: as PID 1 it stays in the foreground");
	status = begin(args, &opts, &err);
	if (status >= 0)
		return status;
	if (getpid() == 1)
		super_termlog(err.msg);
	return err.sys == EADDRINUSE && getpid() != 1 && !args->argv ? ask_the_winner(args, &err)
								     : cmd_fail(args, NULL, &err);
}

static int supervise(const struct args *args)
{
	struct recalled r = { .n = 0 };
	int status = supervise_with(args, &r);

	recalled_done(&r);
	return status;
}

int start_run(const struct args *args)
{
	struct err err;
	int who;

	if (getpid() == 1 || args->argv)
		return supervise(args);
	who = order_who(args, &err);
	if (who < 0)
		return cmd_fail(args, NULL, &err);
	return asks(args, who) ? order_run(args, "start") : supervise(args);
}

static int run(const struct args *args)
{
	struct err err;

	if (misplaced(args, &err) < 0)
		return cmd_fail(args, NULL, &err);
	if (args_has(args, "parent-pid"))
		return spawn_run(args);
	return start_run(args);
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
