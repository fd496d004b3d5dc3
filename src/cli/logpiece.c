#include "cli/logpiece.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"

enum { PATH_BYTES = 4096, TAIL_BLOCK = 16 * 1024, TRIES = 8, GAP_MOST = 2 };

static int name_of(const char *path, int k, char name[static PATH_BYTES])
{
	int n = k ? snprintf(name, PATH_BYTES, "%s.%d", path, k)
		  : snprintf(name, PATH_BYTES, "%s", path);

	if (n >= 0 && n < PATH_BYTES)
		return 0;
	errno = ENAMETOOLONG;
	return -1;
}

int logpiece_open(const char *path, int k, struct stat *st)
{
	char name[PATH_BYTES];

	if (name_of(path, k, name) < 0)
		return -1;
	autoclose int fd = open(name, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY | O_NOFOLLOW);
	if (fd >= 0 && fstat(fd, st) < 0)
		return -1;
	if (fd >= 0 && S_ISREG(st->st_mode))
		return steal_fd(&fd);
	/* What no logger makes in a log's place is none, and must not hide the others: a link, a
	 * folder, a pipe, a socket. */
	if (fd >= 0 || errno == ELOOP || errno == ENXIO)
		errno = ENOENT;
	return -1;
}

/* --- which file is it? --- */

static void read_head(struct logpos *pos, int fd)
{
	pos->headed = pread(fd, pos->head, sizeof pos->head, 0) == (ssize_t)sizeof pos->head;
}

static void enter(struct logpos *pos, int fd, const struct stat *st, off_t at)
{
	*pos = (struct logpos){
		.set = true, .dev = st->st_dev, .ino = st->st_ino, .at = at, .written = st->st_mtim
	};
	read_head(pos, fd);
}

/* One that was cut, or whose inode has become another file's, begins differently. */
static bool is_same(struct logpos *pos, int fd, const struct stat *st)
{
	struct logpos now = { .set = true };

	if (st->st_dev != pos->dev || st->st_ino != pos->ino || st->st_size < pos->at)
		return false;
	if (pos->headed) {
		read_head(&now, fd);
		return now.headed && memcmp(now.head, pos->head, sizeof pos->head) == 0;
	}
	read_head(pos, fd);
	return true;
}

int logpiece_find(const char *path, struct logpos *pos, struct stat *st, int *ret_k)
{
	int missing = 0;

	/* Files move up, and so do we: none is jumped over. In the midst of it one number is
	 * missing. */
	for (int k = 0; k <= LOGFILE_ROTATED && missing < GAP_MOST; k++) {
		autoclose int fd = logpiece_open(path, k, st);

		if (fd < 0 && errno != ENOENT)
			return -1;
		missing = fd < 0 && k ? missing + 1 : 0;
		if (fd < 0 || !is_same(pos, fd, st))
			continue;
		pos->written = st->st_mtim;
		*ret_k = k;
		return steal_fd(&fd);
	}
	errno = ENOENT;
	return -1;
}

static bool is_later(const struct stat *st, const struct timespec *than)
{
	return st->st_mtim.tv_sec > than->tv_sec ||
	       (st->st_mtim.tv_sec == than->tv_sec && st->st_mtim.tv_nsec > than->tv_nsec);
}

static int oldest(const char *path, struct logpos *pos, const struct timespec *after)
{
	struct logpos found = { .set = false };
	int missing = 0;

	for (int k = 0; k <= LOGFILE_ROTATED && missing < GAP_MOST; k++) {
		struct stat st;
		autoclose int fd = logpiece_open(path, k, &st);

		if (fd < 0 && errno != ENOENT)
			return -1;
		missing = fd < 0 && k ? missing + 1 : 0;
		if (fd >= 0 && k && after && !is_later(&st, after))
			break;
		if (fd >= 0)
			enter(&found, fd, &st, 0);
	}
	if (found.set)
		*pos = found;
	errno = ENOENT;
	return found.set ? 0 : -1;
}

int logpiece_oldest(const char *path, struct logpos *pos)
{
	return oldest(path, pos, NULL);
}

int logpiece_newer(const char *path, struct logpos *pos)
{
	struct timespec written = pos->written;

	return oldest(path, pos, &written);
}

/* The older of two files is moved first. So where ours still has its number after the other was
 * opened, that one is the next. */
int logpiece_after(const char *path, struct logpos *pos, int k)
{
	for (int i = 0; i < TRIES && k > 0; i++) {
		struct stat st, own;
		autoclose int next = logpiece_open(path, k - 1, &st);
		int error = errno, now;
		autoclose int fd = logpiece_find(path, pos, &own, &now);

		if (fd < 0)
			return -1;
		if (next >= 0 && now == k) {
			enter(pos, next, &st, 0);
			return 0;
		}
		if (next < 0 && (error != ENOENT || now == 1)) {
			errno = error;
			return -1; /* the current one is still to be made */
		}
		k = now;
	}
	return logpiece_newer(path, pos); /* somebody removed the one between */
}

/* --- the last lines --- */

/* Where the last *n lines begin; *n is lessened by the lines that are there. -1: errno. */
static off_t tail_offset(int fd, off_t size, size_t *n)
{
	char block[TAIL_BLOCK];
	off_t at = size;

	while (at > 0) {
		size_t len = at > TAIL_BLOCK ? TAIL_BLOCK : (size_t)at;
		ssize_t got = pread(fd, block, len, at - (off_t)len);

		if (got != (ssize_t)len) {
			errno = got < 0 ? errno : EIO;
			return -1;
		}
		at -= (off_t)len;
		for (size_t i = len; i > 0; i--) {
			if (block[i - 1] != '\n' || at + (off_t)i == size)
				continue;
			if (--*n == 0)
				return at + (off_t)i;
		}
	}
	*n -= size > 0;
	return 0;
}

int logpiece_last(const char *path, size_t n, struct logpos *pos, struct logpos *stop)
{
	int missing = 0;

	pos->set = stop->set = false;
	/* Newest first, so that only as much is read as is wanted. One that moved up meanwhile is
	 * met again. */
	for (int k = 0; k <= LOGFILE_ROTATED && n && missing < GAP_MOST; k++) {
		struct stat st;
		autoclose int fd = logpiece_open(path, k, &st);

		if (fd < 0 && errno != ENOENT)
			return -1;
		missing = fd < 0 && k ? missing + 1 : 0;
		if (fd < 0 || (pos->set && st.st_ino == pos->ino && st.st_dev == pos->dev))
			continue;
		off_t from = n == LOGFILE_ALL ? 0 : tail_offset(fd, st.st_size, &n);
		if (from < 0)
			return -1;
		enter(pos, fd, &st, from);
		if (!stop->set)
			enter(stop, fd, &st, st.st_size);
	}
	return 0;
}
