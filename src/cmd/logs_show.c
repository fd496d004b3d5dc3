/* Lines of log files as they are asked for. */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "cli/ansi.h"
#include "cli/logline.h"
#include "cmd/common.h"
#include "cmd/logs.h"

#define CLEAR_SCREEN "\033[2J\033[H"

enum { LINES = 100, FLUSH_AT = 64 * 1024, POLL_MOST_MS = 24 * 3600 * 1000 };

struct view {
	struct logs *l;
	const struct args *args;
	struct logfilter filter;
	enum ansi_mode ansi;
	bool names, raw;
	size_t most; /* LOGFILE_ALL */
	struct buf out;
	bool gone; /* whoever read it */
};

/* --- options --- */

static enum ansi_mode ansi_mode(const struct args *args)
{
	bool terminal = isatty(STDOUT_FILENO);

	if (args_has(args, "raw") || args_has(args, "no-strip-ansi"))
		return ANSI_KEEP;
	if (args->json) /* there every control byte is escaped */
		return args_has(args, "strip-ansi") ? ANSI_STRIP : ANSI_KEEP;
	if (!terminal)
		return ANSI_STRIP;
	return args_has(args, "strip-ansi") || !out_colour(STDOUT_FILENO) ? ANSI_PLAIN
									  : ANSI_COLOUR;
}

static int read_time(const struct args *args, const char *name, int64_t now, bool *ret_set,
	int64_t *ret, struct err *err)
{
	const char *text = args_str(args, name), *why;

	*ret_set = text != NULL;
	if (text && logtime_parse(text, now, ret, &why) < 0)
		return err_set(err, ERR_BAD_VALUE, 0, "--%s %.100s: %s", name, text, why);
	return 0;
}

static int read_filter(struct view *v, struct err *err)
{
	struct logfilter *f = &v->filter;
	const char *expression = args_str(v->args, "grep");
	int64_t now = clock_wall_ns();

	f->stream = args_str(v->args, "kind");
	if (read_time(v->args, "since", now, &f->since_set, &f->since, err) < 0 ||
		read_time(v->args, "until", now, &f->until_set, &f->until, err) < 0)
		return -1;
	if (f->since_set && f->until_set && f->since > f->until)
		return err_set(err, ERR_BAD_VALUE, 0, "--since is later than --until");
	return expression ? logfilter_grep(f, expression, err) : 0;
}

static bool wants_follow(const struct args *args)
{
	if (args_has(args, "follow") || args_has(args, "no-follow"))
		return args_has(args, "follow");
	return isatty(STDOUT_FILENO) && !args_has(args, "until") && !args_has(args, "stream");
}

/* --- one line --- */

static void put_json(struct view *v, const struct logfile *f, const struct logrecord *r)
{
	struct json j = { .out = &v->out };
	struct buf text;

	buf_init(&text, LOGLINE_ROOM);
	ansi_put(&text, r->text, r->text_len, v->ansi);
	json_open(&j, NULL, '{');
	if (r->ts_len)
		json_strn(&j, "ts", r->ts, r->ts_len);
	json_strn(&j, "stream", r->stream, r->stream_len);
	json_str(&j, "service", f->unit);
	json_strn(&j, "line", text.p ? text.p : "", text.len);
	json_close(&j, '}');
	buf_done(&text);
}

static void put_line(struct view *v, const struct logfile *f, const struct logrecord *r)
{
	if (v->args->json) {
		put_json(v, f, r);
	} else if (v->raw) {
		(void)buf_add(&v->out, f->line, f->line_len);
	} else {
		if (v->names) {
			out_clean(&v->out, f->unit);
			(void)buf_adds(&v->out, " | ");
		}
		ansi_put(&v->out, r->text, r->text_len, v->ansi);
	}
	(void)buf_addc(&v->out, '\n');
}

static int flush(struct view *v)
{
	int rc = out_flush(&v->out);

	v->gone |= rc < 0 && errno == EPIPE;
	return rc;
}

/* --- all that are there --- */

/* The next line that is wanted. One that can't be read is not told again. */
static struct logfile *next(struct view *v, struct logrecord *r)
{
	struct logfile *f;
	int rc;

	while ((rc = logtree_next(&v->l->tree, &f)) != 0) {
		if (rc < 0 && f->error != errno) {
			f->error = errno;
			log_line(LOG_WARN, "%s: %s", f->path, strerror(errno));
		}
		if (rc < 0)
			continue;
		logline_parse(f->line, f->line_len, r);
		if (logfilter_takes(&v->filter, r, f->time_ns))
			return f;
	}
	return NULL;
}

static int put_lines(struct view *v, size_t skip)
{
	struct logrecord r;

	for (struct logfile *f; (f = next(v, &r));) {
		if (skip) {
			skip--;
			continue;
		}
		put_line(v, f, &r);
		if (v->out.len > FLUSH_AT && flush(v) < 0)
			return -1;
	}
	return flush(v);
}

/* How many lines of those at hand are too many. They are read twice, so that none is kept. */
static size_t surplus(struct view *v)
{
	struct logrecord r;
	size_t n = 0;

	if (v->most == LOGFILE_ALL || (!logfilter_is_set(&v->filter) && v->l->tree.n == 1))
		return 0;
	while (next(v, &r))
		n++;
	logtree_again(&v->l->tree);
	return n > v->most ? n - v->most : 0;
}

/* One file that can't be read is told and passed over, unless it was asked for. */
static int begin(struct view *v, struct err *err)
{
	struct logtree *t = &v->l->tree;
	size_t failed = 0;

	logtree_begin(t, logfilter_is_set(&v->filter) ? LOGFILE_ALL : v->most);
	for (size_t i = 0; i < t->n; i++) {
		const struct logfile *f = t->files[i];

		if (!f->error)
			continue;
		(void)err_sys(err, ERR_UNKNOWN, f->error, "%.250s", f->path);
		if (v->args->nunits || ++failed == t->n)
			return -1;
		log_line(LOG_WARN, "%s", err->msg);
	}
	return 0;
}

/* --- and those that come --- */

static int follow(struct view *v)
{
	struct logtree *t = &v->l->tree;
	struct err err;
	bool fresh = true;

	logtree_follow(t);
	do {
		if (fresh && logs_rescan(v->l, &err) < 0)
			log_line(LOG_DBG, "%s", err.msg);
		if (put_lines(v, 0) < 0)
			return -1;
	} while (logtree_await(t, STDOUT_FILENO, &fresh) == 0);
	v->gone = true;
	return -1;
}

/* True: the time is over, and somebody still reads. */
static bool pause_for(int64_t ns)
{
	struct pollfd p = { .fd = STDOUT_FILENO };
	int64_t until = clock_mono_ns() + ns, left;

	while ((left = until - clock_mono_ns()) > 0) {
		int64_t ms = (left + NS_PER_MS - 1) / NS_PER_MS;

		if (ms > POLL_MOST_MS)
			ms = POLL_MOST_MS;
		if (poll(&p, 1, (int)ms) > 0)
			return false;
	}
	return true;
}

static int repaint(struct view *v, struct err *err, bool *ret_written)
{
	int64_t every = args_number(v->args, "stream", 0);

	do {
		if (logs_rescan(v->l, err) < 0 || begin(v, err) < 0)
			return -1;
		size_t skip = surplus(v);
		(void)buf_adds(&v->out, CLEAR_SCREEN);
		*ret_written = put_lines(v, skip) == 0;
		if (!*ret_written)
			return 0;
	} while (pause_for(every));
	v->gone = true;
	return 0;
}

/* 0, or -1: err. What stdout did is in v->gone. */
static int show(struct view *v, struct err *err, bool *ret_written)
{
	bool on = wants_follow(v->args);

	*ret_written = true;
	if (read_filter(v, err) < 0)
		return -1;
	if (args_has(v->args, "stream"))
		return repaint(v, err, ret_written);
	if (on)
		logtree_watch(&v->l->tree); /* before the first look: nothing falls between */
	if (begin(v, err) < 0)
		return -1;
	if (on)
		v->l->tree.whole = false;
	*ret_written = put_lines(v, surplus(v)) == 0 && (!on || follow(v) == 0);
	return 0;
}

int logs_show(struct logs *l)
{
	const struct args *args = l->args;
	struct view v = { .l = l,
		.args = args,
		.ansi = ansi_mode(args),
		.raw = args_has(args, "raw"),
		.names = args->nunits != 1 || l->whole || args_has(args, "tree"),
		.most = (size_t)args_number(args, "lines", LINES) };
	struct err err;
	bool written;

	if (args_has(args, "all"))
		v.most = LOGFILE_ALL;
	if (args_has(args, "supervisor"))
		v.names = false;
	logfilter_init(&v.filter);
	buf_init(&v.out, OUT_MAX);
	(void)signal(SIGPIPE, SIG_IGN);
	int rc = show(&v, &err, &written);
	buf_done(&v.out);
	logfilter_done(&v.filter);
	if (rc < 0)
		return cmd_fail(args, NULL, &err);
	return written || v.gone ? 0 : 1;
}
