#include "cli/loglist.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/caps.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "cli/logname.h"
#include "cli/logtime.h"

enum { PATH_BYTES = 4096, ENTRIES_MOST = 1024 * 1024 };

#define DIR_FLAGS (O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)

static int add(struct loglist *l, const char *path, int number, const struct stat *st)
{
	if (l->n == l->room) {
		size_t room = l->room ? 2 * l->room : 64;
		struct logentry *v =
			l->room < ENTRIES_MOST ? reallocarray(l->v, room, sizeof *v) : NULL;
		if (!v)
			return -1;
		l->v = v;
		l->room = room;
	}
	char *copy = strdup(path);
	if (!copy)
		return -1;
	l->v[l->n++] = (struct logentry){ .path = copy,
		.number = number,
		.size = number < 0 ? 0 : st->st_size,
		.written_ns = st->st_mtim.tv_sec * NS_PER_SEC + st->st_mtim.tv_nsec };
	return 0;
}

static bool begins_well(int dirfd, const char *name)
{
	char head[LOGTIME_STAMP];
	int64_t ns;
	autoclose int fd =
		openat(dirfd, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);

	if (fd < 0)
		return true; /* what can't be read is told when it can't be removed */
	ssize_t n = read(fd, head, sizeof head);
	return n == 0 || (n == (ssize_t)sizeof head && logtime_stamp(head, sizeof head, &ns));
}

static int add_file(
	struct loglist *l, int dirfd, const char *name, const char *path, const struct stat *st)
{
	char unit[PATH_BYTES];
	int number = logname_unit(path, unit, sizeof unit);

	if (number < 0 || (l->wanted && !l->wanted(l->arg, unit)) ||
		(l->by_content && !begins_well(dirfd, name)))
		return 0;
	return add(l, path, number, st);
}

static int read_dir(struct loglist *l, int dirfd, char *path, int depth);

static int entry(struct loglist *l, int dirfd, const char *name, char *path, int depth)
{
	struct stat st;

	if (fstatat(dirfd, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return 0; /* it went away */
	if (S_ISREG(st.st_mode))
		return add_file(l, dirfd, name, path, &st);
	if (!S_ISDIR(st.st_mode) || depth == CAP_PATH_DEPTH)
		return 0;
	int below = openat(dirfd, name, DIR_FLAGS);
	if (below >= 0 && read_dir(l, below, path, depth + 1) < 0)
		return -1;
	return l->wanted ? 0 : add(l, path, -1, &st);
}

/* Takes the descriptor. path: of the directory, room for PATH_BYTES. -1: no memory. */
static int read_dir(struct loglist *l, int dirfd, char *path, int depth)
{
	DIR *d = fdopendir(dirfd);
	size_t at = strlen(path);
	struct dirent *e;
	int rc = 0;

	if (!d) {
		(void)close(dirfd);
		return errno == ENOMEM ? -1 : 0;
	}
	while (rc == 0 && (e = readdir(d))) {
		int n = snprintf(path + at, PATH_BYTES - at, "%s%s", at ? "/" : "", e->d_name);

		if (e->d_name[0] != '.' && n > 0 && (size_t)n < PATH_BYTES - at)
			rc = entry(l, dirfd, e->d_name, path, depth);
		path[at] = '\0';
	}
	(void)closedir(d);
	return rc;
}

int loglist_read(struct loglist *l, const char *dir, bool follow, struct err *err)
{
	char path[PATH_BYTES] = "";

	l->v = NULL;
	l->n = l->room = 0;
	l->dirfd = open(dir, DIR_FLAGS & ~(follow ? O_NOFOLLOW : 0));
	int fd = l->dirfd < 0 ? -1 : openat(l->dirfd, ".", DIR_FLAGS);
	if (fd < 0)
		return err_sys(err, ERR_UNKNOWN, errno, "%.250s", dir);
	if (read_dir(l, fd, path, 0) < 0)
		return err_set(
			err, ERR_UNKNOWN, ENOMEM, "%.250s: too many files, or no memory", dir);
	return 0;
}

void loglist_done(struct loglist *l)
{
	for (size_t i = 0; i < l->n; i++)
		free(l->v[i].path);
	free(l->v);
	if (l->dirfd >= 0)
		(void)close(l->dirfd);
	l->v = NULL;
	l->n = l->room = 0;
	l->dirfd = -1;
}

static int by_age(const void *a, const void *b)
{
	const struct logentry *x = a, *y = b;

	if ((x->number > 0) != (y->number > 0))
		return x->number > 0 ? -1 : 1;
	return x->written_ns < y->written_ns ? -1 : x->written_ns > y->written_ns;
}

void loglist_sort(struct loglist *l)
{
	if (l->n)
		qsort(l->v, l->n, sizeof *l->v, by_age);
}

/* --- removing --- */

/* The folder of path, a new descriptor, and the name in it. */
static int folder_of(int dirfd, const char *path, const char **ret_name)
{
	autoclose int at = fcntl(dirfd, F_DUPFD_CLOEXEC, 0);
	char name[PATH_BYTES];

	for (const char *end; at >= 0 && (end = strchr(path, '/')); path = end + 1) {
		(void)snprintf(name, sizeof name, "%.*s", (int)(end - path), path);
		int below = openat(at, name, DIR_FLAGS);
		int sys = errno;
		(void)close(at);
		at = below;
		errno = sys;
	}
	*ret_name = path;
	return steal_fd(&at);
}

/* One that has a second name may be somebody's own. */
static int empty_file(int folder, const char *name)
{
	struct stat st;
	autoclose int fd =
		openat(folder, name, O_WRONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);

	if (fd < 0 || fstat(fd, &st) < 0)
		return -1;
	if (!S_ISREG(st.st_mode) || st.st_nlink > 1) {
		errno = EMLINK;
		return -1;
	}
	if (!st.st_size)
		return 0;
	return ftruncate(fd, 0) < 0 ? -1 : 2;
}

int loglist_drop(const struct loglist *l, const struct logentry *e, bool live)
{
	const char *name;
	autoclose int folder = live && e->number < 0 ? -1 : folder_of(l->dirfd, e->path, &name);
	int rc;

	if (folder < 0)
		return (live && e->number < 0) || errno == ENOENT ? 0 : -1;
	if (live && e->number == 0)
		rc = empty_file(folder, name);
	else
		rc = unlinkat(folder, name, e->number < 0 ? AT_REMOVEDIR : 0) < 0 ? -1 : 1;
	if (rc < 0 &&
		(errno == ENOENT || (e->number < 0 && (errno == ENOTEMPTY || errno == EEXIST))))
		return 0;
	return rc;
}
