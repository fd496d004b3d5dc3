#include "os/token.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"

int token_make(char ret[TOKEN_CHARS + 1])
{
	unsigned char bytes[TOKEN_CHARS / 2];

	if (getrandom(bytes, sizeof bytes, GRND_NONBLOCK) != (ssize_t)sizeof bytes)
		return -1;
	for (size_t i = 0; i < sizeof bytes; i++)
		snprintf(ret + 2 * i, 3, "%02x", bytes[i]);
	return 0;
}

void token_remove(const struct child_token *t)
{
	char text[TOKEN_CHARS + 1];
	autoclose int fd = open(t->path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK);
	bool unknown = fd < 0 && errno == EACCES; /* it is its user's alone, and we are not root */

	if (unknown || (fd >= 0 && read(fd, text, sizeof text) == TOKEN_CHARS &&
			       !memcmp(text, t->text, TOKEN_CHARS)))
		(void)unlink(t->path);
}

/* Where it can't be given to its user: to the group of the folder. */
static int give_to_group(int fd, const char *path)
{
	char dir[PATH_MAX];
	struct stat st;

	snprintf(dir, sizeof dir, "%.*s.", (int)(strrchr(path, '/') + 1 - path), path);
	return stat(dir, &st) < 0 || fchown(fd, (uid_t)-1, st.st_gid) < 0 ? -1 : fchmod(fd, 0640);
}

/* Under another name first, so that nobody reads half of it, and no link that somebody put there is followed. */
int token_write(const struct child_token *t)
{
	size_t n = strlen(t->text);
	char new[PATH_MAX];

	snprintf(new, sizeof new, "%s.new", t->path);
	(void)unlink(new);
	int fd = open(new, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0400);
	if (fd < 0)
		return -1;
	if ((fchown(fd, t->uid, (gid_t)-1) == 0 || give_to_group(fd, t->path) == 0) &&
		write(fd, t->text, n) == (ssize_t)n && rename(new, t->path) == 0)
		return 0;
	int sys = errno;
	(void)unlink(new);
	errno = sys;
	return -1;
}
