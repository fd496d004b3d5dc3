#include "os/whole.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static void make_folder(const char *path)
{
	char dir[PATH_MAX];
	const char *slash = strrchr(path, '/');

	if (slash && slash != path &&
		snprintf(dir, sizeof dir, "%.*s", (int)(slash - path), path) < (int)sizeof dir)
		(void)mkdir(dir, 0755);
}

int whole_write(const char *path, const char *text)
{
	ssize_t n = (ssize_t)strlen(text);
	char new[PATH_MAX];

	if (snprintf(new, sizeof new, "%s.new", path) >= (int)sizeof new) {
		errno = ENAMETOOLONG;
		return -1;
	}
	make_folder(path);
	(void)unlink(new);
	int fd = open(new, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0644);
	if (fd < 0)
		return -1;
	int rc = write(fd, text, (size_t)n) == n && fsync(fd) == 0 && rename(new, path) == 0 ? 0
											     : -1;
	int sys = errno;
	close(fd);
	if (rc < 0)
		(void)unlink(new);
	errno = sys ? sys : EIO;
	return rc;
}
