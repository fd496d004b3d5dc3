#include "logger/rotate.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

static int move(int dirfd, const char *name, int from, int to)
{
	char a[NAME_MAX + 16], b[NAME_MAX + 16];

	snprintf(a, sizeof a, from ? "%s.%d" : "%s", name, from);
	snprintf(b, sizeof b, "%s.%d", name, to);
	return renameat(dirfd, a, dirfd, b);
}

/* The first number that is free, at most "last". */
static int first_free(int dirfd, const char *name, int last)
{
	char path[NAME_MAX + 16];
	struct stat st;

	for (int i = 1; i < last; i++) {
		snprintf(path, sizeof path, "%s.%d", name, i);
		if (fstatat(dirfd, path, &st, AT_SYMLINK_NOFOLLOW) < 0 && errno == ENOENT)
			return i;
	}
	return last;
}

int log_rotate(int dirfd, const char *name, int keep)
{
	if (keep < 2)
		return unlinkat(dirfd, name, 0);
	/* Up to a gap only: one that was killed in the midst of it left one, and to move those behind
	 * it once more would cost the oldest. One that can't be moved is overwritten by the next. */
	for (int i = first_free(dirfd, name, keep - 1) - 1; i >= 1; i--)
		(void)move(dirfd, name, i, i + 1);
	return move(dirfd, name, 0, 1);
}
