/* logpiece.h - the numbered files of one log, while they are being rotated. Layer: cli. */
#ifndef CLI_LOGPIECE_H
#define CLI_LOGPIECE_H

#include <sys/stat.h>

#include "cli/logfile.h"

/* Opens number k, 0 the current one, to be read. -1: errno, EINVAL: no regular file. */
int logpiece_open(const char *path, int k, struct stat *st);
/* Opens the file that pos is in. *ret_k: its number. -1, errno ENOENT: it is gone. */
int logpiece_find(const char *path, struct logpos *pos, struct stat *st, int *ret_k);
/* Sets pos to the begin of: the oldest file; the oldest of those that were written to after pos's,
 * which is gone; the one after number k, pos's own. 0, -1: errno, ENOENT: there is none. */
int logpiece_oldest(const char *path, struct logpos *pos);
int logpiece_newer(const char *path, struct logpos *pos);
int logpiece_after(const char *path, struct logpos *pos, int k);
/* Sets pos to where the last n lines begin, n > 0, and stop to the end of the newest file; unset
 * where there is no file. -1: errno. */
int logpiece_last(const char *path, size_t n, struct logpos *pos, struct logpos *stop);

#endif
