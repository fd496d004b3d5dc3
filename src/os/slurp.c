#include "os/slurp.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "os/shut.h"

enum { CHUNK = 16384, LINKS_MAX = 40 /* the kernel's own */ };

/* What the fork says at the end. */
struct verdict {
	int sys;
	int why; /* enum below */
};
enum { WHY_ERRNO, WHY_NOT_REGULAR, WHY_WRITABLE, WHY_SYMLINK, WHY_CHANGED };

static const char *why_words(const struct verdict *v)
{
	static const char *const words[] = {
		[WHY_NOT_REGULAR] = "not a regular file",
		[WHY_WRITABLE] = "others may write it: chmod go-w",
		[WHY_SYMLINK] = "a symbolic link that belongs to somebody else leads there",
		[WHY_CHANGED] = "it was replaced while it was opened",
	};

	return v->why == WHY_ERRNO ? strerror(v->sys) : words[v->why];
}

/* Where the link leads to, in its place. */
static bool follow(char at[PATH_MAX])
{
	char to[PATH_MAX];
	ssize_t n = readlink(at, to, sizeof to - 1);
	char *slash = strrchr(at, '/');
	size_t keep = n > 0 && *to != '/' && slash ? (size_t)(slash + 1 - at) : 0;

	if (n <= 0 || keep + (size_t)n >= PATH_MAX)
		return false;
	memcpy(at + keep, to, (size_t)n);
	at[keep + (size_t)n] = '\0';
	return true;
}

/* Each link on the way, by its last component: a directory that others can write is the owner's own doing. */
static int untrusted(const char *path, int fd, struct verdict *v)
{
	struct stat st, there;
	char at[PATH_MAX];

	(void)snprintf(at, sizeof at, "%s", path);
	if (fstat(fd, &st) < 0 || lstat(at, &there) < 0) {
		v->sys = errno;
		return -1;
	}
	for (int links = 0; S_ISLNK(there.st_mode); links++) {
		if (there.st_uid != 0 && there.st_uid != geteuid()) {
			v->why = WHY_SYMLINK;
			return -1;
		}
		if (links == LINKS_MAX || !follow(at) || lstat(at, &there) < 0)
			break;
	}
	if (there.st_dev != st.st_dev || there.st_ino != st.st_ino)
		v->why = WHY_CHANGED; /* what was opened is no longer what stands there */
	else if (st.st_mode & S_IWOTH)
		v->why = WHY_WRITABLE;
	return v->why ? -1 : 0;
}

static int open_regular(const char *path, bool trust, struct verdict *v)
{
	struct stat st;
	int fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC | O_NOCTTY);

	/* what is left open goes with the fork */
	if (fd < 0 || fstat(fd, &st) < 0) {
		v->sys = errno;
		return -1;
	}
	if (!S_ISREG(st.st_mode)) {
		v->why = WHY_NOT_REGULAR;
		return -1;
	}
	return trust && geteuid() == 0 && untrusted(path, fd, v) < 0 ? -1 : fd;
}

/* In the fork. Bytes go down one pipe, the verdict down the other when they are through. */
static void send_file(const char *path, bool trust, int data, int verdict)
{
	static char chunk[CHUNK];
	struct verdict v = { 0 };
	shut_from(3, (const int[]){ data, verdict });
	int fd = open_regular(path, trust, &v);
	ssize_t n = 0;

	while (fd >= 0 && (n = read(fd, chunk, sizeof chunk)) > 0)
		for (ssize_t at = 0, w; at < n; at += w)
			if ((w = write(data, chunk + at, (size_t)(n - at))) < 0)
				_exit(1);
	if (n < 0)
		v.sys = errno;
	(void)!write(verdict, &v, sizeof v);
	_exit(0);
}

int slurp_pipe(int fd, int64_t deadline, struct buf *ret)
{
	char chunk[CHUNK];

	for (;;) {
		int64_t left = deadline - clock_mono_ns();
		struct pollfd p = { .fd = fd, .events = POLLIN };
		if (left <= 0) {
			errno = ETIMEDOUT;
			return -1;
		}
		if (poll(&p, 1, (int)(left / NS_PER_MS) + 1) <= 0)
			continue;
		ssize_t n = read(fd, chunk, sizeof chunk);
		if (n == 0)
			return 0;
		if (n < 0 && errno != EINTR && errno != EAGAIN)
			return -1;
		if (n > 0 && buf_add(ret, chunk, (size_t)n) < 0) {
			errno = errno == EMSGSIZE ? EFBIG : errno;
			return -1;
		}
	}
}

static int fail(const char *path, int sys, struct err *err)
{
	return err_sys(err, ERR_BAD_VALUE, sys, "%s", path);
}

int slurp(const char *path, bool trust, int timeout_ms, struct buf *ret, struct err *err)
{
	int data[2], verdict[2];
	struct verdict v = { .sys = EIO };

	if (pipe2(data, O_CLOEXEC) < 0)
		return fail(path, errno, err);
	if (pipe2(verdict, O_CLOEXEC) < 0) {
		close(data[0]);
		close(data[1]);
		return fail(path, errno, err);
	}
	pid_t pid = fork();
	if (pid == 0)
		send_file(path, trust, data[1], verdict[1]);
	int sys = pid < 0 ? errno : 0;
	close(data[1]);
	close(verdict[1]);
	if (pid > 0 && slurp_pipe(data[0], clock_mono_ns() + timeout_ms * NS_PER_MS, ret) < 0) {
		sys = errno;
		(void)kill(pid, SIGKILL); /* our own unreaped child: the pid is still its own */
	}
	if (!sys && read(verdict[0], &v, sizeof v) != (ssize_t)sizeof v)
		sys = EIO;
	close(data[0]);
	close(verdict[0]);
	if (sys)
		return fail(path, sys, err);
	return v.sys || v.why ? err_set(err, ERR_BAD_VALUE, v.sys, "%s: %s", path, why_words(&v))
			      : 0;
}

static int read_all(int fd, struct buf *ret)
{
	static char chunk[CHUNK];
	ssize_t n;

	while ((n = read(fd, chunk, sizeof chunk)) != 0) {
		if (n < 0 && errno != EINTR)
			return errno;
		if (n > 0 && buf_add(ret, chunk, (size_t)n) < 0)
			return errno == EMSGSIZE ? EFBIG : errno;
	}
	return 0;
}

int slurp_here(const char *path, bool trust, struct buf *ret, struct err *err)
{
	struct verdict v = { 0 };
	int fd = open_regular(path, trust, &v);

	if (fd >= 0) {
		v.sys = read_all(fd, ret);
		close(fd);
	}
	return v.sys || v.why ? err_set(err, ERR_BAD_VALUE, v.sys, "%s: %s", path, why_words(&v))
			      : 0;
}
