#include "logger/file.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "logger/logdir.h"
#include "logger/rotate.h"

enum { STAMP = 27, NOTE_MAX = STAMP + 64, FILES_LEAST = 2 /* to open one takes as many */ };

struct log_file {
	int fd; /* -1: not open */
	unsigned refs;
	int64_t size;        /* valid while open */
	int64_t rotate_past; /* valid while open: max_bytes, or more where a rotation failed */
	int64_t retry_ns;    /* not opened again before, after a failure */
	uint64_t used;       /* tick of the last use */
	uint64_t dropped;    /* not yet said in the file */
	struct log_keep keep;
	char path[];
};

struct log_files {
	struct logdir dir;
	struct journal *journal;
	struct log_file **v; /* sorted by path */
	size_t n, cap;
	uint64_t tick, dropped, written;
	char *batch;
	size_t len;
	struct log_file *of; /* whose lines the batch holds; it is open */
	struct log_from from;
	size_t note_len; /* the batch begins with a note of so many bytes ... */
	uint64_t noted;  /* ... about so many lines */
	int failed;
	struct log_file *open[LOG_FILES_OPEN];
	size_t nopen;
	char failed_path[LOG_PATH_MAX];
};

static void shut(struct log_files *fs, struct log_file *f)
{
	if (f->fd < 0)
		return;
	(void)close(f->fd);
	f->fd = -1;
	for (size_t i = 0; i < fs->nopen; i++)
		if (fs->open[i] == f)
			fs->open[i] = fs->open[--fs->nopen];
}

/* Bytes of the intended write that stand at "at", if it is that write: another program, or another
 * supervisor's logger, may have cut the file and gone on with it. */
static int64_t written_at(const struct journal_intent *t, int fd, int64_t at, int64_t size)
{
	char head[JOURNAL_HEAD];
	int64_t there = size - at, n = there < t->head_len ? there : t->head_len;

	if (there <= 0 || pread(fd, head, (size_t)n, at) != n ||
		memcmp(head, t->head, (size_t)n) != 0)
		return 0;
	return there < t->bytes ? there : t->bytes;
}

/* What the killed logger intended is looked for in the file that it meant: all of it there, or
 * nothing, or a part that goes. Where another program moved the file, it is written again; where
 * "sysg logs --purge" emptied it in between, it is at the start. */
static bool was_written(struct log_files *fs, const struct journal_intent *t)
{
	autoclose int fd = logdir_check(t->path) < 0 ? -1 : logdir_open_old(&fs->dir, t->path);
	struct stat st;

	if (fd < 0 || fstat(fd, &st) < 0 || st.st_dev != t->dev || st.st_ino != t->ino)
		return false;
	if (st.st_size < t->size)
		return written_at(t, fd, 0, st.st_size) == t->bytes;
	int64_t n = written_at(t, fd, t->size, st.st_size);
	if (n == t->bytes)
		return true;
	if (n && t->size + n == st.st_size)
		(void)!ftruncate(fd, t->size);
	return false;
}

struct log_files *log_files_new(const char *dir, char *batch, struct journal *journal)
{
	struct log_files *fs = calloc(1, sizeof *fs);

	if (!fs)
		return NULL;
	if (logdir_init(&fs->dir, dir) < 0) {
		free(fs);
		return NULL;
	}
	fs->batch = batch;
	fs->journal = journal;
	if (journal && journal_intent(journal))
		journal_settle(journal, was_written(fs, journal_intent(journal)));
	return fs;
}

struct log_files *log_files_free(struct log_files *fs)
{
	if (!fs)
		return NULL;
	log_files_flush(fs);
	for (size_t i = 0; i < fs->n; i++) {
		shut(fs, fs->v[i]);
		free(fs->v[i]);
	}
	logdir_done(&fs->dir);
	free(fs->v);
	free(fs);
	return NULL;
}

static size_t place_of(const struct log_files *fs, const char *path, bool *ret_there)
{
	size_t lo = 0, hi = fs->n;

	*ret_there = false;
	while (lo < hi && !*ret_there) {
		size_t mid = (lo + hi) / 2;
		int c = strcmp(path, fs->v[mid]->path);
		*ret_there = c == 0;
		if (c > 0)
			lo = mid + 1;
		else
			hi = mid;
	}
	return *ret_there ? hi : lo;
}

static int grow(struct log_files *fs)
{
	if (fs->n < fs->cap)
		return 0;
	size_t cap = fs->cap ? fs->cap * 2 : 16;
	struct log_file **v = realloc(fs->v, cap * sizeof(*v));
	if (!v)
		return -1;
	fs->v = v;
	fs->cap = cap;
	return 0;
}

static struct log_keep filled(struct log_keep keep)
{
	if (!keep.max_bytes)
		keep.max_bytes = LOG_MAX_BYTES;
	if (!keep.max_files)
		keep.max_files = LOG_MAX_FILES;
	return keep;
}

bool log_files_has(const struct log_files *fs, const char *path, size_t n)
{
	for (size_t i = 0; i < fs->n; i++)
		if (!strncmp(fs->v[i]->path, path, n) && !fs->v[i]->path[n])
			return true;
	return false;
}

struct log_file *log_file_get(struct log_files *fs, const char *path, struct log_keep keep)
{
	bool there;
	size_t n = strlen(path), at = place_of(fs, path, &there);

	if (there) {
		fs->v[at]->refs++;
		fs->v[at]->keep = filled(keep);
		fs->v[at]->rotate_past = fs->v[at]->keep.max_bytes;
		return fs->v[at];
	}
	if (n >= LOG_PATH_MAX || logdir_check(path) < 0) {
		errno = EINVAL;
		return NULL;
	}
	struct log_file *f = calloc(1, sizeof *f + n + 1);
	if (!f || grow(fs) < 0) {
		free(f);
		errno = ENOMEM;
		return NULL;
	}
	memcpy(f->path, path, n + 1);
	f->fd = -1;
	f->refs = 1;
	f->keep = filled(keep);
	memmove(fs->v + at + 1, fs->v + at, (fs->n - at) * sizeof(*fs->v));
	fs->v[at] = f;
	fs->n++;
	return f;
}

void log_file_put(struct log_files *fs, struct log_file *f)
{
	bool there;

	if (!f || --f->refs)
		return;
	if (fs->of == f)
		log_files_flush(fs);
	size_t at = place_of(fs, f->path, &there);
	fs->n--;
	memmove(fs->v + at, fs->v + at + 1, (fs->n - at) * sizeof(*fs->v));
	shut(fs, f);
	if (fs->of == f)
		fs->of = NULL;
	free(f);
}

static void fail(struct log_files *fs, const struct log_file *f, uint64_t lines)
{
	fs->failed = errno;
	snprintf(fs->failed_path, sizeof fs->failed_path, "%s", f->path);
	fs->dropped += lines;
}

static void make_room(struct log_files *fs)
{
	struct log_file *oldest = NULL;

	for (size_t i = 0; i < fs->nopen; i++)
		if (!oldest || fs->open[i]->used < oldest->used)
			oldest = fs->open[i];
	if (oldest)
		shut(fs, oldest);
}

void log_files_spare(struct log_files *fs)
{
	if (!fs || fs->nopen <= FILES_LEAST)
		return;
	log_files_flush(fs);
	make_room(fs);
}

/* What a killed writer left is ended by a newline, so that the next line is a line of its own. */
static int end_torn_line(int fd, int64_t *size)
{
	char c;

	if (!*size || pread(fd, &c, 1, *size - 1) != 1 || c == '\n')
		return 0;
	if (write(fd, "\n", 1) != 1)
		return -1;
	++*size;
	return 0;
}

static int open_now(struct log_files *fs, struct log_file *f)
{
	struct stat st;

	if (fs->nopen == LOG_FILES_OPEN)
		make_room(fs);
	autoclose int fd = logdir_open(&fs->dir, f->path);
	for (int i = 0;
		i < FILES_LEAST && fd < 0 && (errno == EMFILE || errno == ENFILE) && fs->nopen;
		i++) {
		make_room(fs);
		fd = logdir_open(&fs->dir, f->path);
	}
	if (fd < 0 || fstat(fd, &st) < 0)
		return -1;
	f->size = st.st_size;
	if (end_torn_line(fd, &f->size) < 0)
		return -1;
	f->rotate_past = f->keep.max_bytes;
	f->fd = steal_fd(&fd);
	fs->open[fs->nopen++] = f;
	return 0;
}

/* After a failure the next try is a second later: each costs some system calls for nothing. */
static bool ready(struct log_files *fs, struct log_file *f)
{
	if (f->fd >= 0)
		return true;
	if (f->retry_ns && clock_mono_ns() < f->retry_ns) {
		fs->dropped++;
		return false;
	}
	if (open_now(fs, f) == 0) {
		f->retry_ns = 0;
		return true;
	}
	fail(fs, f, 1);
	f->retry_ns = clock_mono_ns() + NS_PER_SEC;
	return false;
}

static void rotate_now(struct log_files *fs, struct log_file *f)
{
	if (logdir_rotate(&fs->dir, f->path, f->keep.max_files) == 0) {
		shut(fs, f);
		return;
	}
	fail(fs, f, 0);
	f->rotate_past = f->size + f->keep.max_bytes / 8;
}

static size_t write_whole(int fd, const char *p, size_t n)
{
	size_t done = 0;

	while (done < n) {
		ssize_t k = write(fd, p + done, n - done);
		if (k > 0)
			done += (size_t)k;
		else if (k == 0 || errno != EINTR)
			break;
	}
	return done;
}

/* The disk took the first bytes of the batch only: half a line is taken back, the rest counts as
 * dropped. */
static void cut_short(struct log_files *fs, struct log_file *f, size_t done)
{
	int why = errno;
	const char *end = done ? memrchr(fs->batch, '\n', done) : NULL;
	size_t whole = end ? (size_t)(end - fs->batch) + 1 : 0;
	uint64_t lines = 0;
	struct stat st;

	if (whole < done && fstat(f->fd, &st) == 0 && st.st_size >= (off_t)(done - whole) &&
		ftruncate(f->fd, st.st_size - (off_t)(done - whole)) == 0)
		f->size -= (int64_t)(done - whole);
	for (size_t i = whole; i < fs->len; i++)
		lines += fs->batch[i] == '\n';
	if (whole < fs->note_len) {
		lines--;
		f->dropped += fs->noted;
	}
	f->dropped += lines;
	errno = why;
	fail(fs, f, lines);
	/* Opened anew where half a line had to stay, which then is ended. */
	shut(fs, f);
}

/* Looked at each time: "sysg logs --purge" may have cut the file, or removed it. */
static void intend(struct log_files *fs, struct log_file *f)
{
	struct stat st;
	bool known = fstat(f->fd, &st) == 0;

	if (known && !st.st_nlink) {
		shut(fs, f);
		known = open_now(fs, f) == 0 && fstat(f->fd, &st) == 0;
	}
	if (!known)
		return;
	f->size = st.st_size;
	if (fs->from.journaled)
		journal_intend(fs->journal, fs->from.slot, fs->from.after,
			&(struct journal_write){
				.path = f->path, .file = &st, .p = fs->batch, .n = fs->len });
}

static void settle(struct log_files *fs)
{
	if (fs->from.journaled)
		journal_done(fs->journal, fs->from.slot, fs->from.after);
	else if (fs->from.slot)
		slot_now(fs->from.slot)->done[SLOT_FILE] = fs->from.after;
	fs->from = (struct log_from){ .slot = NULL };
}

void log_files_flush(struct log_files *fs)
{
	struct log_file *f = fs->of;

	if (fs->len) {
		intend(fs, f);
		size_t done = write_whole(f->fd, fs->batch, fs->len);
		f->size += (int64_t)done;
		fs->written += done;
		if (done < fs->len)
			cut_short(fs, f, done);
	}
	settle(fs);
	fs->len = 0;
	fs->note_len = 0;
	fs->noted = 0;
}

void log_files_reopen(struct log_files *fs)
{
	log_files_flush(fs);
	while (fs->nopen)
		shut(fs, fs->open[0]);
	for (size_t i = 0; i < fs->n; i++)
		fs->v[i]->retry_ns = 0;
	logdir_forget(&fs->dir);
}

/* The batch belongs to f, which is open and takes another line of "need" bytes. */
static bool turn_to(struct log_files *fs, struct log_file *f, size_t need)
{
	if (fs->of != f || fs->len + need > LOG_FILES_BATCH)
		log_files_flush(fs);
	fs->of = f;
	if (!ready(fs, f))
		return false;
	if (f->size + (int64_t)fs->len <= f->rotate_past)
		return true;
	log_files_flush(fs);
	if (f->fd >= 0 && f->size > f->rotate_past)
		rotate_now(fs, f);
	return ready(fs, f);
}

static void note(struct log_files *fs, struct log_file *f, const char *stamp)
{
	if (!f->dropped || fs->len)
		return;
	int n = snprintf(fs->batch, NOTE_MAX, "%.27s supervisor %llu lines dropped\n", stamp,
		(unsigned long long)f->dropped);
	fs->len = fs->note_len = (size_t)n;
	fs->noted = f->dropped;
	f->dropped = 0;
}

void log_file_line(struct log_files *fs, struct log_file *f, const char *stamp, const char *stream,
	const struct line *l, const struct log_from *from)
{
	size_t name = strlen(stream);

	if (fs->from.slot && fs->from.slot != from->slot)
		log_files_flush(fs);
	bool open = turn_to(fs, f, NOTE_MAX + STAMP + name + 2 + LINE_ROOM(l->n));
	fs->from = *from;
	if (!open) {
		f->dropped++;
		return;
	}
	f->used = ++fs->tick;
	note(fs, f, stamp);
	char *p = fs->batch + fs->len;
	memcpy(p, stamp, STAMP);
	p[STAMP] = ' ';
	/* Bytes, no string. NOLINTNEXTLINE(bugprone-not-null-terminated-result) */
	memcpy(p + STAMP + 1, stream, name);
	p[STAMP + 1 + name] = ' ';
	fs->len += STAMP + name + 2 + line_put(p + STAMP + name + 2, l);
}

size_t log_file_end(struct log_files *fs, const char *path, int generation, char *to, size_t n)
{
	autoclose int fd = logdir_check(path) < 0 ? -1 : logdir_read(&fs->dir, path, generation);
	struct stat st;

	if (fd < 0 || fstat(fd, &st) < 0)
		return 0;
	ssize_t k = pread(fd, to, n, st.st_size > (off_t)n ? st.st_size - (off_t)n : 0);
	return k > 0 ? (size_t)k : 0;
}

int log_files_failed(struct log_files *fs, const char **ret_path)
{
	int failed = fs->failed;

	*ret_path = fs->failed_path;
	fs->failed = 0;
	return failed;
}

uint64_t log_files_dropped(const struct log_files *fs)
{
	return fs->dropped;
}

uint64_t log_files_written(const struct log_files *fs)
{
	return fs->written;
}
