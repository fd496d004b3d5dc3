#include "cli/logfile.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "cli/logpiece.h"

int logfile_init(struct logfile *f, const char *unit, const char *path)
{
	*f = (struct logfile){
		.unit = strdup(unit), .path = strdup(path), .time_ns = LOGTIME_NONE
	};
	buf_init(&f->part, LOGFILE_LINE);
	if (f->unit && f->path)
		return 0;
	logfile_done(f);
	return -1;
}

void logfile_done(struct logfile *f)
{
	free(f->unit);
	free(f->path);
	free(f->block);
	buf_done(&f->part);
	f->unit = f->path = f->block = NULL;
}

void logfile_again(struct logfile *f)
{
	f->bounded = true;
	f->pos = f->begin;
	f->len = f->used = 0;
	f->part_shown = false;
	f->time_ns = LOGTIME_NONE;
	buf_reset(&f->part);
}

int logfile_begin(struct logfile *f, size_t n)
{
	int rc = logpiece_last(f->path, n ? n : 1, &f->begin, &f->stop);

	if (rc < 0)
		f->begin.set = f->stop.set = false;
	if (!n)
		f->begin = f->stop;
	logfile_again(f);
	return rc;
}

void logfile_follow(struct logfile *f)
{
	f->bounded = false;
}

/* --- lines out of bytes --- */

static int show(struct logfile *f, const char *line, size_t n)
{
	int64_t ns;

	f->line = line;
	f->line_len = n;
	if (logtime_stamp(line, n, &ns))
		f->time_ns = ns;
	return 1;
}

static int show_part(struct logfile *f)
{
	f->part_shown = true;
	return show(f, f->part.p, f->part.len);
}

/* 1: a line, 0: all bytes are used up, -1: no memory. */
static int take_line(struct logfile *f)
{
	const char *p = f->block + f->used;
	size_t n = f->len - f->used, room = LOGFILE_LINE - f->part.len;
	const char *nl = n ? memchr(p, '\n', n) : NULL;
	size_t len = nl ? (size_t)(nl - p) : n;

	if (!n)
		return 0;
	if (nl && !f->part.len) {
		f->used += len + 1;
		return show(f, p, len);
	}
	bool cut = len > room;
	if (cut)
		len = room;
	if (len && buf_add(&f->part, p, len) < 0)
		return -1;
	f->used += len + (nl && !cut);
	return nl || cut ? show_part(f) : 0;
}

int logfile_rest(struct logfile *f)
{
	if (!f->part.len || f->part_shown)
		return 0;
	return show_part(f);
}

/* --- bytes out of files --- */

enum filled { FILL_ERROR = -1, FILL_NOTHING, FILL_BYTES, FILL_NEXT_FILE };

static int make_room(struct logfile *f, size_t block)
{
	if (f->room >= block)
		return 0;
	char *more = realloc(f->block, block);
	if (!more)
		return -1;
	f->block = more;
	f->room = block;
	return 0;
}

/* Quiet files are looked at often, and cost one system call. */
static bool is_at_end(const struct logfile *f)
{
	struct stat st;

	return f->pos.set && stat(f->path, &st) == 0 && st.st_ino == f->pos.ino &&
	       st.st_dev == f->pos.dev && st.st_size == f->pos.at &&
	       st.st_mtim.tv_sec == f->pos.written.tv_sec &&
	       st.st_mtim.tv_nsec == f->pos.written.tv_nsec;
}

static bool is_at_stop(const struct logfile *f)
{
	return f->bounded &&
	       (!f->stop.set || (f->stop.ino == f->pos.ino && f->stop.dev == f->pos.dev &&
					f->pos.at >= f->stop.at));
}

/* The memory of one that has nothing is for those that have. */
static enum filled nothing(struct logfile *f)
{
	free(f->block);
	f->block = NULL;
	f->room = f->len = f->used = 0;
	return FILL_NOTHING;
}

static enum filled not_there(struct logfile *f)
{
	return errno == ENOENT || errno == ENOTDIR ? nothing(f) : FILL_ERROR;
}

static enum filled read_block(struct logfile *f, int fd, size_t most)
{
	ssize_t n;

	if (f->bounded && f->stop.ino == f->pos.ino && f->stop.dev == f->pos.dev &&
		f->stop.at - f->pos.at < (off_t)most)
		most = (size_t)(f->stop.at - f->pos.at);
	do
		n = pread(fd, f->block, most, f->pos.at);
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return FILL_ERROR;
	f->pos.at += n;
	f->len = (size_t)n;
	f->used = 0;
	return n ? FILL_BYTES : FILL_NOTHING;
}

/* What is there now comes after what was read: the file is another, or was cut. */
static enum filled begin_anew(struct logfile *f)
{
	int rc = f->pos.set ? logpiece_newer(f->path, &f->pos) : logpiece_oldest(f->path, &f->pos);

	return rc < 0 ? not_there(f) : FILL_NEXT_FILE;
}

static enum filled fill(struct logfile *f, size_t block)
{
	struct stat st;
	int k;

	if (is_at_stop(f) || is_at_end(f))
		return nothing(f);
	if (!f->pos.set)
		return begin_anew(f);
	/* Its number is known before it is read: so the end of a numbered one is final. */
	autoclose int fd = logpiece_find(f->path, &f->pos, &st, &k);
	if (fd < 0)
		return errno == ENOENT ? begin_anew(f) : FILL_ERROR;
	if (make_room(f, block) < 0)
		return FILL_ERROR;
	enum filled rc = read_block(f, fd, f->room);
	if (rc != FILL_NOTHING)
		return rc;
	if (!k)
		return nothing(f);
	return logpiece_after(f->path, &f->pos, k) < 0 ? not_there(f) : FILL_NEXT_FILE;
}

int logfile_next(struct logfile *f, size_t block)
{
	if (f->part_shown)
		buf_reset(&f->part);
	f->part_shown = false;
	for (;;) {
		int rc = take_line(f);

		if (rc)
			return rc;
		enum filled filled = fill(f, block);
		if (filled == FILL_ERROR || filled == FILL_NOTHING)
			return (int)filled;
		/* What a killed writer left has no end; no more of it will come. */
		if (filled == FILL_NEXT_FILE && logfile_rest(f))
			return 1;
	}
}
