#include "logger/rotate.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <unistd.h>

static int move(int dirfd, const char *name, int from, int to)
{
	char a[NAME_MAX + 16], b[NAME_MAX + 16];

	snprintf(a, sizeof a, from ? "%s.%d" : "%s", name, from);
	snprintf(b, sizeof b, "%s.%d", name, to);
	return renameat(dirfd, a, dirfd, b);
}

int log_rotate(int dirfd, const char *name, int keep)
{
	if (keep < 2)
		return unlinkat(dirfd, name, 0);
	/* One that is missing in the row is normal; one that can't be moved is overwritten by the
	 * next. */
	for (int i = keep - 2; i >= 1; i--)
		(void)move(dirfd, name, i, i + 1);
	return move(dirfd, name, 0, 1);
}
