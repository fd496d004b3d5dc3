/* loglist.h - the files of a log directory, to be removed. Layer: cli. */
#ifndef CLI_LOGLIST_H
#define CLI_LOGLIST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

struct logentry {
	char *path; /* below the directory */
	int number; /* of a file: 0 the current one; -1: a directory */
	int64_t size;
	int64_t written_ns; /* wall time of the last write */
};

/* Below the directory no symbolic link is followed, neither when it is read nor when something is
 * removed. */
struct loglist {
	int dirfd;          /* of the directory; -1: none */
	struct logentry *v; /* what is in a directory comes before it */
	size_t n, room;
	/* Which files; NULL: all that are named as log files are. */
	bool (*wanted)(const void *arg, const char *unit);
	const void *arg;
	bool by_content; /* only those that are empty or begin as the supervisor's do */
};

/* Reads dir itself through links where follow. wanted, arg and by_content are the caller's, the rest
 * is set here. -1: err, sys tells why it can't be opened. */
int loglist_read(struct loglist *l, const char *dir, bool follow, struct err *err);
void loglist_done(struct loglist *l);
/* Oldest first, and all rotated ones before current ones. */
void loglist_sort(struct loglist *l);

/* Removes one; with live, a current file is emptied instead (its writer appends, and goes on), and
 * a directory stays. 1: removed, 2: emptied, 0: nothing was to be done, -1: errno. A directory that
 * is not empty stays, which is no failure. */
int loglist_drop(const struct loglist *l, const struct logentry *e, bool live);

#endif
