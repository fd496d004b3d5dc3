#include "logger/logdir.h"

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
#include "logger/rotate.h"

#define SUFFIX ".log"

enum { COMPONENT_MAX = NAME_MAX - 16 }; /* room for ".log" and a rotated file's number */

int logdir_init(struct logdir *d, const char *dir)
{
	d->fd = -1;
	d->dir = strdup(dir);
	return d->dir ? 0 : -1;
}

void logdir_done(struct logdir *d)
{
	if (d->fd >= 0)
		(void)close(d->fd);
	free(d->dir);
	d->fd = -1;
	d->dir = NULL;
}

static int component_check(const char *p, size_t n)
{
	if (!n || n > COMPONENT_MAX)
		return -1;
	return (n == 1 && p[0] == '.') || (n == 2 && p[0] == '.' && p[1] == '.') ? -1 : 0;
}

int logdir_check(const char *path)
{
	for (;;) {
		const char *end = strchrnul(path, '/');
		if (component_check(path, (size_t)(end - path)) < 0)
			return -1;
		if (!*end)
			return 0;
		path = end + 1;
	}
}

/* LOGDIR itself is the operator's: it may lie behind links. Parents that are there already are no
 * failure, and what really failed is seen when it is opened. */
static int open_root(struct logdir *d)
{
	char path[PATH_MAX];
	size_t n = strlen(d->dir);

	if (d->fd >= 0)
		return d->fd;
	if (n >= sizeof path) {
		errno = ENAMETOOLONG;
		return -1;
	}
	memcpy(path, d->dir, n + 1);
	for (char *p = path + 1; n && *p; p++) {
		if (*p != '/')
			continue;
		*p = '\0';
		(void)mkdir(path, 0750);
		*p = '/';
	}
	if (mkdir(path, 0750) < 0 && errno != EEXIST)
		return -1;
	d->fd = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	return d->fd;
}

static int enter(int dirfd, const char *name, bool make)
{
	const int flags = O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;
	int fd = openat(dirfd, name, flags);

	if (fd >= 0 || errno != ENOENT || !make)
		return fd;
	if (mkdirat(dirfd, name, 0750) < 0 && errno != EEXIST)
		return -1;
	return openat(dirfd, name, flags);
}

/* The folder of the path's file, a new descriptor, and the file's name in it. make: folders that are
 * missing are made. */
static int folder_of(struct logdir *d, const char *path, bool make, char ret_name[NAME_MAX + 1])
{
	int root = open_root(d);
	autoclose int at = root < 0 ? -1 : fcntl(root, F_DUPFD_CLOEXEC, 0);

	for (;;) {
		const char *end = strchrnul(path, '/');
		int n = (int)(end - path);
		if (at < 0)
			return -1;
		snprintf(ret_name, NAME_MAX + 1, "%.*s%s", n, path, *end ? "" : SUFFIX);
		if (!*end)
			return steal_fd(&at);
		int below = enter(at, ret_name, make);
		int why = errno;
		(void)close(at);
		at = below;
		errno = why;
		path = end + 1;
	}
}

void logdir_forget(struct logdir *d)
{
	if (d->fd >= 0)
		(void)close(d->fd);
	d->fd = -1;
}

/* LOGDIR may have been removed and made anew: its descriptor is then of no use. */
static int forget_root(struct logdir *d)
{
	int why = errno;

	logdir_forget(d);
	errno = why;
	return -1;
}

/* O_NONBLOCK: a FIFO in the file's place must not hold us up. */
static int open_regular(int dirfd, const char *name, int flags)
{
	struct stat st;
	autoclose int fd =
		openat(dirfd, name, flags | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC, 0640);

	if (fd < 0)
		return -1;
	if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode))
		return steal_fd(&fd);
	errno = EINVAL;
	return -1;
}

int logdir_open(struct logdir *d, const char *path)
{
	char name[NAME_MAX + 1];
	autoclose int dirfd = folder_of(d, path, true, name);

	if (dirfd < 0)
		return forget_root(d);
	int fd = open_regular(dirfd, name, O_RDWR | O_APPEND | O_CREAT);
	return fd < 0 ? forget_root(d) : fd;
}

int logdir_open_old(struct logdir *d, const char *path)
{
	char name[NAME_MAX + 1];
	autoclose int dirfd = folder_of(d, path, false, name);

	return dirfd < 0 ? -1 : open_regular(dirfd, name, O_RDWR | O_APPEND);
}

int logdir_read(struct logdir *d, const char *path, int generation)
{
	char name[NAME_MAX + 16];
	autoclose int dirfd = folder_of(d, path, false, name);

	if (dirfd < 0)
		return -1;
	if (generation)
		snprintf(name + strlen(name), 16, ".%d", generation);
	return open_regular(dirfd, name, O_RDONLY);
}

int logdir_rotate(struct logdir *d, const char *path, int keep)
{
	char name[NAME_MAX + 1];
	autoclose int dirfd = folder_of(d, path, true, name);

	return dirfd < 0 ? -1 : log_rotate(dirfd, name, keep);
}
