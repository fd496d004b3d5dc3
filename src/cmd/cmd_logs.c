#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "cli/logtree.h"
#include "cmd/command.h"
#include "cmd/common.h"

enum { LINES = 100, LINES_MOST = 10 * 1000 * 1000, PATH_BYTES = 4096, FLUSH_AT = 64 * 1024 };

// clang-format off
static const struct option_row options[] = {
	OPT_SERVICE,
	{ "lines", 'l', ARG_INT, .max = LINES_MOST, .value = "N", .help = "the last N lines (100)" },
	{ "follow", 'f', ARG_NONE, .group = 1, .help = "go on with what is written (the default on a terminal)" },
	{ "no-follow", 0, ARG_NONE, .group = 1, .help = "end after the last line" },
	{ "path", 0, ARG_NONE, .group = 1, .help = "print the directory of the files, or the unit's file" },
	OPT_CLIENT,
	{ "supervisor", 0, ARG_REFUSED }, { "kind", 'k', ARG_REFUSED }, { "since", 0, ARG_REFUSED },
	{ "until", 0, ARG_REFUSED }, { "grep", 'g', ARG_REFUSED }, { "all", 'a', ARG_REFUSED }, { "raw", 0, ARG_REFUSED },
	{ "strip-ansi", 0, ARG_REFUSED }, { "no-strip-ansi", 0, ARG_REFUSED }, { "purge", 0, ARG_REFUSED },
	{ "prune", 0, ARG_REFUSED }, { "max-size", 0, ARG_REFUSED }, { "max-age", 0, ARG_REFUSED },
	{ "tree", 0, ARG_REFUSED }, { "stream", 0, ARG_REFUSED },
	{ NULL },
};
// clang-format on

/* --- where --- */

/* What a running supervisor says: dir and, for a unit, file; "" where it doesn't. 0 when one
 * answered. */
static int ask_path(
	const struct args *args, const char *unit, char *dir, char *file, struct err *err)
{
	struct client c;
	struct packet reply;
	struct buf request;

	cmd_client(&c, args);
	c.patience_ns = NS_PER_SEC;
	c.total = true;
	buf_init(&request, (size_t)64 * 1024);
	packet_put(&request, "op", "logs-path");
	if (unit)
		packet_put(&request, "unit", unit);
	packet_end(&request, NULL, 0);
	dir[0] = file[0] = '\0';
	int rc = client_ask(&c, &request, &reply, err);
	if (rc > 0) {
		const char *d = packet_get(&reply, "dir"), *f = packet_get(&reply, "file");

		(void)snprintf(dir, PATH_BYTES, "%s", d ? d : "");
		(void)snprintf(file, PATH_BYTES, "%s", f ? f : "");
	} else {
		log_line(LOG_DBG, "%s; looking for the files", err->msg);
	}
	buf_done(&request);
	client_done(&c);
	return rc > 0 ? 0 : -1;
}

static int find_dir(const struct args *args, char *dir, struct err *err)
{
	char file[PATH_BYTES];

	if (ask_path(args, NULL, dir, file, err) == 0 && !dir[0])
		return err_set(err, ERR_UNKNOWN, 0, "the supervisor writes no log files");
	return dir[0] ? 0 : logtree_find_dir(dir, PATH_BYTES, err);
}

/* The unit's path in the tree is its file's below LOGDIR. */
static int add_file(struct logtree *t, const char *file, struct err *err)
{
	size_t skip = strlen(t->dir), n = strlen(file);
	char unit[PATH_BYTES];

	if (n < skip + 6 || strncmp(file, t->dir, skip) != 0 || file[skip] != '/' ||
		strcmp(file + n - 4, ".log") != 0)
		return logtree_add(t, file, file, err);
	(void)snprintf(unit, sizeof unit, "%.*s", (int)(n - skip - 5), file + skip + 1);
	return logtree_add(t, unit, file, err);
}

/* A selector is the supervisor's matter; a path is found without one too. */
static int add_unit(const struct args *args, struct logtree *t, const char *unit, struct err *err)
{
	char dir[PATH_BYTES], file[PATH_BYTES];
	struct err asked;

	if (ask_path(args, unit, dir, file, &asked) == 0 && file[0])
		return add_file(t, file, err);
	return logtree_add_unit(t, unit, err);
}

static int add_files(const struct args *args, struct logtree *t, struct err *err)
{
	for (size_t i = 0; i < args->nunits; i++)
		if (add_unit(args, t, args->units[i], err) < 0)
			return -1;
	return args->nunits ? 0 : logtree_scan(t, err);
}

static int show_paths(const struct args *args, const struct logtree *t)
{
	struct buf out;
	struct json j = { .out = &out };

	buf_init(&out, OUT_MAX);
	if (args->json) {
		json_open(&j, NULL, '{');
		json_str(&j, "dir", t->dir);
		for (size_t i = 0; i < t->n && args->nunits == 1; i++)
			json_str(&j, "file", t->files[i]->path);
		json_close(&j, '}');
		(void)buf_addc(&out, '\n');
		return cmd_print(&out, 0);
	}
	if (!args->nunits)
		(void)buf_printf(&out, "%s\n", t->dir);
	for (size_t i = 0; i < t->n && args->nunits; i++)
		(void)buf_printf(&out, "%s\n", t->files[i]->path);
	return cmd_print(&out, 0);
}

/* --- lines --- */

static void put_line(struct buf *out, const struct args *args, const struct logline *line)
{
	struct logrecord r;
	struct json j = { .out = out };

	logline_parse(line, &r);
	if (args->json) {
		json_open(&j, NULL, '{');
		if (r.ts_len)
			json_strn(&j, "ts", r.ts, r.ts_len);
		json_strn(&j, "stream", r.stream, r.stream_len);
		json_str(&j, "service", line->from->unit);
		json_strn(&j, "line", r.text, r.text_len);
		json_close(&j, '}');
	} else {
		if (args->nunits != 1)
			(void)buf_printf(out, "%s | ", line->from->unit);
		(void)buf_add(out, r.text, r.text_len);
	}
	(void)buf_addc(out, '\n');
}

/* Written in pieces, so that millions of lines need no second copy in memory. */
static int put_lines(const struct args *args, struct loglines *lines)
{
	struct buf out;
	int rc = 0;

	buf_init(&out, OUT_MAX);
	for (size_t i = 0; rc == 0 && i < lines->n; i++) {
		put_line(&out, args, &lines->v[i]);
		if (out.len > FLUSH_AT || i + 1 == lines->n)
			rc = out_flush(&out);
	}
	buf_done(&out);
	loglines_done(lines);
	return rc;
}

static int unreadable(const struct logfile *f, int sys, struct err *err)
{
	return err_set(err, ERR_UNKNOWN, sys, "%.250s: %s", f->path, strerror(sys));
}

/* One file that can't be read is told and passed over, unless it was asked for. */
static int history(
	const struct args *args, struct logtree *t, struct loglines *lines, struct err *err)
{
	size_t most = (size_t)args_number(args, "lines", LINES), failed = 0;

	for (size_t i = 0; i < t->n; i++) {
		if (logfile_last(t->files[i], most, lines) == 0)
			continue;
		(void)unreadable(t->files[i], errno, err);
		if (args->nunits || ++failed == t->n)
			return -1;
		log_line(LOG_WARN, "%s", err->msg);
	}
	loglines_sort(lines);
	loglines_keep(lines, most);
	return 0;
}

static int follow(const struct args *args, struct logtree *t)
{
	struct loglines lines = { 0 };
	struct err err;

	for (bool fresh = true;;) {
		if (!args->nunits && fresh && logtree_scan(t, &err) < 0)
			log_line(LOG_DBG, "%s", err.msg);
		for (size_t i = 0; i < t->n; i++)
			if (logfile_more(t->files[i], &lines) < 0)
				log_line(LOG_DBG, "%s: %s", t->files[i]->path, strerror(errno));
		loglines_sort(&lines);
		if (put_lines(args, &lines) < 0)
			return 1;
		logtree_await(t, &fresh);
	}
}

static bool wants_follow(const struct args *args)
{
	if (args_has(args, "follow") || args_has(args, "no-follow"))
		return args_has(args, "follow");
	return isatty(STDOUT_FILENO);
}

static int show(const struct args *args, struct logtree *t)
{
	struct loglines lines = { 0 };
	struct err err;
	bool on = wants_follow(args);

	if (on)
		logtree_watch(t); /* before the first look: nothing falls between the two */
	if (history(args, t, &lines, &err) < 0) {
		loglines_done(&lines);
		return cmd_fail(args, NULL, &err);
	}
	if (put_lines(args, &lines) < 0)
		return 1;
	return on ? follow(args, t) : 0;
}

static int run(const struct args *args)
{
	char dir[PATH_BYTES];
	struct logtree t = { .inotify = -1 };
	struct err err;
	int status;

	if (find_dir(args, dir, &err) < 0 || logtree_init(&t, dir, &err) < 0)
		return cmd_fail(args, NULL, &err);
	if ((args->nunits || !args_has(args, "path")) && add_files(args, &t, &err) < 0)
		status = cmd_fail(args, NULL, &err);
	else
		status = args_has(args, "path") ? show_paths(args, &t) : show(args, &t);
	logtree_done(&t);
	return status;
}

extern const struct command cmd_logs;
const struct command cmd_logs = {
	.name = "logs",
	.summary = "what units printed, from the log files",
	.usage = "[OPTIONS] [UNIT...]",
	.options = options,
	.words = ARGS_UNITS,
	.run = run,
};
