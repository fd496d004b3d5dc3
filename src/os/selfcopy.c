#include "os/selfcopy.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"

enum { BLOCK = 64 * 1024, PATH_BYTES = 4096, NAME_BYTES = 255 };

struct target {
	const char *path;
	char name[NAME_BYTES + 1]; /* its last part */
	char temp[64];             /* the name beside it while it isn't whole */
	int dir;
	bool named; /* temp is there */
};

static int fail(struct err *err, const char *what, const char *path)
{
	int sys = errno;

	(void)err_sys(err, ERR_UNKNOWN, sys, "%s: %.250s", what, path);
	if (sys == EROFS)
		return err_help(err, "the file system is mounted read-only; mount a volume there");
	if (sys == ENOSPC || sys == EDQUOT)
		return err_help(err, "make room on that file system");
	return sys == ENOENT || sys == ENOTDIR ? err_help(err, "make the directory first") : -1;
}

/* Where there is no /proc, by the name that we were executed by. */
static int open_self(struct err *err)
{
	struct stat st;
	const char *name = (const char *)getauxval(AT_EXECFN);
	autoclose int fd = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);

	if (fd < 0 && name)
		fd = open(name, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	if (fd < 0)
		return fail(err, "our own executable", "/proc/self/exe");
	if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode))
		return err_set(err, ERR_UNKNOWN, 0, "our own executable is no regular file");
	return steal_fd(&fd);
}

static int split(struct target *t, struct err *err)
{
	const char *slash = strrchr(t->path, '/'), *name = slash ? slash + 1 : t->path;
	size_t n = slash ? (size_t)(slash - t->path) : 0;
	char dir[PATH_BYTES];

	if (!*name || strlen(name) > NAME_BYTES || n >= sizeof dir) {
		errno = *name ? ENAMETOOLONG : ENOENT;
		return fail(err, "no file can be made", t->path);
	}
	(void)snprintf(t->name, sizeof t->name, "%s", name);
	(void)snprintf(dir, sizeof dir, "%.*s", (int)(n ? n : 1), !slash ? "." : n ? t->path : "/");
	t->dir = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return t->dir < 0 ? fail(err, "no file can be made there", dir) : 0;
}

/* A device, a socket or a pipe of that name is somebody's, and not a program. */
static int replaceable(const struct target *t, struct err *err)
{
	struct stat st;

	if (fstatat(t->dir, t->name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return errno == ENOENT ? 0 : fail(err, "it can't be looked at", t->path);
	if (S_ISREG(st.st_mode) || S_ISLNK(st.st_mode))
		return 0;
	return err_set(
		err, ERR_UNKNOWN, EEXIST, "%.250s is there, and not a regular file", t->path);
}

/* Without a name where the file system can, so that not even a SIGKILL leaves it. */
static int open_temp(struct target *t)
{
	int fd = openat(t->dir, ".", O_TMPFILE | O_WRONLY | O_CLOEXEC, 0600);

	if (fd >= 0)
		return fd;
	(void)unlinkat(t->dir, t->temp, 0); /* of one that had our pid and was killed */
	fd = openat(t->dir, t->temp, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	t->named = fd >= 0;
	return fd;
}

/* The bytes copied; -1 with errno. */
static int64_t copy(int from, int to)
{
	static char block[BLOCK];
	int64_t all = 0;
	ssize_t n, done;

	while ((n = read(from, block, sizeof block)) != 0) {
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -1;
		for (ssize_t at = 0; at < n; at += done) {
			done = write(to, block + at, (size_t)(n - at));
			if (done < 0 && errno != EINTR)
				return -1;
			done = done < 0 ? 0 : done;
		}
		all += n;
	}
	return all;
}

static int name_it(struct target *t, int fd)
{
	char self[40];

	if (t->named)
		return 0;
	(void)snprintf(self, sizeof self, "/proc/self/fd/%d", fd);
	(void)unlinkat(t->dir, t->temp, 0);
	if (linkat(AT_FDCWD, self, t->dir, t->temp, AT_SYMLINK_FOLLOW) < 0)
		return -1;
	t->named = true;
	return 0;
}

static int put(struct target *t, int self, int64_t *ret_bytes, struct err *err)
{
	autoclose int fd = open_temp(t);

	if (fd < 0)
		return fail(err, "no file can be made there", t->path);
	*ret_bytes = copy(self, fd);
	if (*ret_bytes < 0 || fchmod(fd, 0755) < 0 || fsync(fd) < 0)
		return fail(err, "the copy can't be written", t->path);
	if (name_it(t, fd) < 0 || renameat(t->dir, t->temp, t->dir, t->name) < 0)
		return fail(err, "the copy can't be put there", t->path);
	t->named = false;
	(void)fsync(t->dir); /* not every file system syncs a directory */
	return 0;
}

int selfcopy(const char *path, int64_t *ret_bytes, struct err *err)
{
	struct target t = { .path = path, .dir = -1 };
	sigset_t all, before;
	autoclose int self = open_self(err);

	if (self < 0 || split(&t, err) < 0)
		return -1;
	(void)snprintf(t.temp, sizeof t.temp, ".sysg.install.%d", (int)getpid());
	(void)sigfillset(&all);
	(void)sigprocmask(SIG_BLOCK, &all, &before);
	int rc = replaceable(&t, err) < 0 ? -1 : put(&t, self, ret_bytes, err);
	if (t.named)
		(void)unlinkat(t.dir, t.temp, 0);
	(void)close(t.dir);
	(void)sigprocmask(SIG_SETMASK, &before, NULL);
	return rc;
}
