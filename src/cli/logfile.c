#include "cli/logfile.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"

enum { BLOCK = 64 * 1024, PATH_BYTES = 4096 };

/* --- lines --- */

void loglines_done(struct loglines *lines)
{
	for (size_t i = 0; i < lines->n; i++)
		free(lines->v[i].bytes);
	free(lines->v);
	*lines = (struct loglines){ 0 };
}

static int add_line(struct loglines *lines, const struct logfile *from, const char *bytes, size_t n)
{
	if (lines->n == lines->room) {
		size_t room = lines->room ? 2 * lines->room : 128;
		struct logline *v = reallocarray(lines->v, room, sizeof *v);
		if (!v)
			return -1;
		lines->v = v;
		lines->room = room;
	}
	char *copy = malloc(n + 1);
	if (!copy)
		return -1;
	memcpy(copy, bytes, n);
	copy[n] = '\0';
	lines->v[lines->n] =
		(struct logline){ .bytes = copy, .len = n, .from = from, .order = lines->n };
	lines->n++;
	return 0;
}

static bool timed(const struct logline *line)
{
	return line->len >= LOGFILE_TS && line->bytes[LOGFILE_TS - 1] == 'Z' &&
	       line->bytes[10] == 'T';
}

static int by_time(const void *a, const void *b)
{
	const struct logline *x = a, *y = b;
	int rc = timed(x) && timed(y) ? memcmp(x->bytes, y->bytes, LOGFILE_TS) : 0;

	return rc ? rc : x->order < y->order ? -1 : x->order > y->order;
}

void loglines_sort(struct loglines *lines)
{
	for (size_t i = 0; i < lines->n; i++)
		lines->v[i].order = i;
	if (lines->n)
		qsort(lines->v, lines->n, sizeof *lines->v, by_time);
}

void loglines_keep(struct loglines *lines, size_t n)
{
	if (lines->n <= n)
		return;
	size_t drop = lines->n - n;
	for (size_t i = 0; i < drop; i++)
		free(lines->v[i].bytes);
	memmove(lines->v, lines->v + drop, n * sizeof *lines->v);
	lines->n = n;
}

void logline_parse(const struct logline *line, struct logrecord *ret)
{
	const char *rest = line->bytes + LOGFILE_TS + 1;
	size_t n =
		timed(line) && line->len > LOGFILE_TS && rest[-1] == ' ' ? strcspn(rest, " ") : 0;

	*ret = (struct logrecord){ .ts = "",
		.stream = "stdout",
		.stream_len = 6,
		.text = line->bytes,
		.text_len = line->len };
	if (!n)
		return;
	ret->ts = line->bytes;
	ret->ts_len = LOGFILE_TS;
	ret->stream = rest;
	ret->stream_len = n;
	ret->text = rest + n + (rest[n] == ' ');
	ret->text_len = line->len - (size_t)(ret->text - line->bytes);
}

/* --- one file --- */

int logfile_init(struct logfile *f, const char *unit, const char *path)
{
	*f = (struct logfile){ .unit = strdup(unit), .path = strdup(path) };
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
	buf_done(&f->part);
	f->unit = f->path = NULL;
}

/* k 0: the current one. -1: errno. */
static int open_file(const struct logfile *f, int k, struct stat *st)
{
	char path[PATH_BYTES];
	int n = k ? snprintf(path, sizeof path, "%s.%d", f->path, k)
		  : snprintf(path, sizeof path, "%s", f->path);

	if (n < 0 || (size_t)n >= sizeof path) {
		errno = ENAMETOOLONG;
		return -1;
	}
	autoclose int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	if (fd < 0 || fstat(fd, st) < 0)
		return -1;
	if (!S_ISREG(st->st_mode)) {
		errno = EINVAL;
		return -1;
	}
	return steal_fd(&fd);
}

static bool same(const struct logfile *f, const struct stat *st)
{
	return f->seen && st->st_dev == f->dev && st->st_ino == f->ino;
}

static int end_part(struct logfile *f, struct loglines *ret)
{
	int rc = f->part.len ? add_line(ret, f, f->part.p, f->part.len) : 0;

	buf_reset(&f->part);
	return rc;
}

/* A line longer than LOGFILE_LINE comes in pieces. */
static int take_bytes(struct logfile *f, const char *p, size_t n, struct loglines *ret)
{
	while (n) {
		const char *nl = memchr(p, '\n', n);
		size_t len = nl ? (size_t)(nl - p) : n, room = LOGFILE_LINE - f->part.len;
		bool cut = len > room;

		if (cut)
			len = room;
		if (nl && !cut && !f->part.len) {
			if (add_line(ret, f, p, len) < 0)
				return -1;
		} else if (buf_add(&f->part, p, len) < 0 || ((nl || cut) && end_part(f, ret) < 0)) {
			return -1;
		}
		len += nl && !cut;
		p += len;
		n -= len;
	}
	return 0;
}

/* From f->at to the end. */
static int read_on(struct logfile *f, int fd, struct loglines *ret)
{
	char *block = malloc(BLOCK);
	ssize_t n = block ? 1 : -1;

	while (block && (n = pread(fd, block, BLOCK, f->at)) != 0) {
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 || take_bytes(f, block, (size_t)n, ret) < 0) {
			n = -1;
			break;
		}
		f->at += n;
	}
	int sys = errno;
	free(block);
	errno = sys;
	return n < 0 ? -1 : 0;
}

static int read_file(
	struct logfile *f, int fd, const struct stat *st, off_t from, struct loglines *ret)
{
	f->seen = true;
	f->dev = st->st_dev;
	f->ino = st->st_ino;
	f->at = from;
	return read_on(f, fd, ret);
}

/* --- the last lines --- */

/* Where the last *n lines begin; *n is lessened by the lines that are there. -1: errno. */
static off_t tail_offset(int fd, off_t size, size_t *n)
{
	char *block = malloc(BLOCK);
	off_t at = size, start = 0;
	bool whole = true;

	if (!block)
		return -1;
	while (at > 0 && whole) {
		size_t len = at > BLOCK ? BLOCK : (size_t)at;
		ssize_t got = pread(fd, block, len, at - (off_t)len);

		if (got != (ssize_t)len) {
			free(block);
			errno = got < 0 ? errno : EIO;
			return -1;
		}
		at -= (off_t)len;
		for (size_t i = len; i > 0 && whole; i--) {
			if (block[i - 1] != '\n' || at + (off_t)i == size)
				continue;
			if (--*n == 0) {
				start = at + (off_t)i;
				whole = false;
			}
		}
	}
	free(block);
	if (whole && size > 0)
		--*n;
	return start;
}

struct piece {
	int k;
	ino_t ino;
	off_t from;
};

/* Newest first, so that only as much is read as is wanted. */
static int find_pieces(struct logfile *f, size_t n, struct piece *pieces)
{
	int count = 0;

	for (int k = 0; k <= LOGFILE_ROTATED && n; k++) {
		struct stat st;
		autoclose int fd = open_file(f, k, &st);

		if (fd < 0 && errno == ENOENT && k == 0)
			continue;
		if (fd < 0 && errno == ENOENT)
			break;
		if (fd < 0)
			return -1;
		if (count && st.st_ino == pieces[count - 1].ino)
			continue; /* moved while we looked */
		off_t from = tail_offset(fd, st.st_size, &n);
		if (from < 0)
			return -1;
		pieces[count++] = (struct piece){ .k = k, .ino = st.st_ino, .from = from };
	}
	return count;
}

static int skip_to_end(struct logfile *f)
{
	struct stat st;
	autoclose int fd = open_file(f, 0, &st);

	if (fd < 0)
		return errno == ENOENT ? 0 : -1;
	f->seen = true;
	f->dev = st.st_dev;
	f->ino = st.st_ino;
	f->at = st.st_size;
	return 0;
}

int logfile_last(struct logfile *f, size_t n, struct loglines *ret)
{
	struct piece pieces[LOGFILE_ROTATED + 1];

	if (!n)
		return skip_to_end(f);
	int count = find_pieces(f, n, pieces);
	while (count-- > 0) {
		struct stat st;
		int k = pieces[count].k;
		autoclose int fd = open_file(f, k, &st);

		/* A rotation between the two looks: the file is one further down. */
		if (fd >= 0 && st.st_ino != pieces[count].ino) {
			(void)close(fd);
			fd = open_file(f, k + 1, &st);
		}
		if (fd < 0 || st.st_ino != pieces[count].ino)
			continue;
		if (read_file(f, fd, &st, pieces[count].from, ret) < 0)
			return -1;
		if (k && end_part(f, ret) < 0)
			return -1;
	}
	return count < -1 ? -1 : 0;
}

/* --- following --- */

/* Under which number the file is now that we read last; -1: gone. */
static int find_again(const struct logfile *f)
{
	for (int k = 1; k <= LOGFILE_ROTATED; k++) {
		struct stat st;
		autoclose int fd = open_file(f, k, &st);

		if (fd < 0)
			return -1;
		if (same(f, &st))
			return k;
	}
	return -1;
}

static int read_numbered(struct logfile *f, int k, bool on, struct loglines *ret)
{
	struct stat st;
	autoclose int fd = open_file(f, k, &st);

	if (fd < 0)
		return errno == ENOENT ? 0 : -1;
	return read_file(f, fd, &st, on ? f->at : 0, ret);
}

int logfile_more(struct logfile *f, struct loglines *ret)
{
	struct stat st;

	if (stat(f->path, &st) < 0)
		return errno == ENOENT || errno == ENOTDIR ? 0 : -1;
	if (same(f, &st) && st.st_size == f->at)
		return 0;
	autoclose int fd = open_file(f, 0, &st);
	if (fd < 0)
		return errno == ENOENT ? 0 : -1;
	if (same(f, &st))
		return read_file(f, fd, &st, st.st_size < f->at ? 0 : f->at, ret);
	int k = f->seen ? find_again(f) : -1;
	for (bool on = true; k > 0; k--, on = false)
		if (read_numbered(f, k, on, ret) < 0 || end_part(f, ret) < 0)
			return -1;
	if (end_part(f, ret) < 0)
		return -1;
	return read_file(f, fd, &st, 0, ret);
}
