/* The pipes of one start, for the logger to read. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "super/logproc.h"
#include "super/parts.h"

/* The further bits of op=add's sinks, as in include/logger/logger.h. */
enum { BIT_JSON = 4, BIT_DROP = 8, BIT_MERGE = 16 };

enum {
	OVER_MOST = 4096, /* pipes without a writer, kept for the logger */
	LOOK_EVERY = 32,  /* launches */
};

/* As the service says that the unit belongs to. */
static void settings(
	const struct super *s, const struct unit *u, unsigned sinks, struct log_stream *st)
{
	const struct job *root = job_of(u->root);
	const struct log_spec *spec = root && root->svc ? &root->svc->logs : &s->m->logs;

	st->sinks = sinks & (SINK_STDOUT | SINK_FILE);
	st->label = spec->prefix != LOG_PREFIX_NO || spec->format == LOG_FORMAT_JSON;
	if (spec->format == LOG_FORMAT_JSON)
		st->sinks |= BIT_JSON;
	if (spec->when_full == LOG_FULL_DROP)
		st->sinks |= BIT_DROP;
	if (s->opts->merge_stderr)
		st->sinks |= BIT_MERGE;
	st->max_bytes = spec->max_bytes;
	st->max_files = spec->max_files;
}

static struct log_stream *stream_new(
	struct logproc *lp, const struct unit *u, uint64_t id, int which, unsigned sinks)
{
	struct log_stream *st = calloc(1, sizeof *st);
	char path[UNIT_PATH_MAX];

	if (!st)
		return NULL;
	*st = (struct log_stream){ .id = id, .which = which, .fd = -1 };
	settings(lp->s, u, sinks, st);
	list_init(&st->link);
	st->path = strdup(unit_log_path(u, path, sizeof path));
	if (!st->path) {
		logstream_free(st);
		return NULL;
	}
	list_add_tail(&lp->streams, &st->link);
	return st;
}

static int open_stream(
	struct super *s, const struct unit *u, uint64_t id, int which, unsigned sinks)
{
	struct log_stream *st = stream_new(s->logproc, u, id, which, sinks);
	int p[2];

	if (!st)
		return -1;
	if (pipe2(p, O_CLOEXEC) < 0) {
		int sys = errno;
		logstream_free(st);
		errno = sys;
		return -1;
	}
	(void)fcntl(p[0], F_SETFL, O_NONBLOCK);
	st->fd = p[0];
	return p[1];
}

/* A logger that stands still tells of no end, and each launch would cost two descriptors for good.
 * Of the pipes that nobody writes to any more the newest stay: those before were handed over first. */
static void let_go(struct super *s)
{
	struct logproc *lp = s->logproc;
	struct list *it = lp->streams.prev;
	unsigned keep = (unsigned)(s->pre.nofile_hard / 4);

	if (keep > OVER_MOST)
		keep = OVER_MOST;

	while (it != &lp->streams) {
		struct log_stream *st = list_entry(it, struct log_stream, link);
		struct pollfd p = { .fd = st->fd, .events = POLLIN };

		it = it->prev;
		(void)poll(&p, 1, 0);
		if (!(p.revents & POLLHUP) || (keep && keep--))
			continue;
		if (p.revents & POLLIN && !lp->over_said++)
			log_line(LOG_ERR, "log lines may be lost: the logger is far behind");
		logstream_free(st);
	}
}

int logproc_pipes(struct super *s, const struct unit *u, unsigned sinks, int ret_fd[2],
	bool *ret_inherit, struct err *err)
{
	ret_fd[0] = ret_fd[1] = -1;
	*ret_inherit = sinks & SINK_INHERIT;
	job_of(u)->pipes_id = 0;
	if (sinks & (SINK_INHERIT | SINK_NONE))
		return 0;
	struct job *j = job_of(u);
	uint64_t id = ++s->logproc->last_id;
	j->pipes_id = id;
	for (int i = 0; i < 2; i++)
		if ((ret_fd[i] = open_stream(s, u, id, i + 1, sinks)) < 0) {
			int sys = errno;
			if (i) { /* the first one's goes too, or each try would cost a descriptor */
				close(ret_fd[0]);
				logstream_free(list_entry(
					s->logproc->streams.prev, struct log_stream, link));
			}
			return err_sys(err, ERR_EXEC_FAILED, sys, "no pipe for its output");
		}
	logproc_flush(s);
	if (id % LOOK_EVERY == 0)
		let_go(s);
	return 0;
}
