/* slurp.h - reads a file of somebody else's without ever hanging on it. Layer: os. */
#ifndef OS_SLURP_H
#define OS_SLURP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/buf.h"
#include "base/err.h"

/*
 * A throwaway fork opens the file (O_NONBLOCK, regular files only) and sends back its bytes: a dead
 * file system or a FIFO holds up the fork, never us. ret is initialised by the caller; its cap
 * bounds the file. timeout_ms: then the fork is killed. 0; -1 with ERR_BAD_VALUE, the path, the
 * reason and errno (EFBIG past the cap, ETIMEDOUT). trust: also refuse a file that others may
 * write, or that a symlink of somebody else's led to (for uid 0). The fork is reaped by whoever
 * reaps unknown children.
 */
int slurp(const char *path, bool trust, int timeout_ms, struct buf *ret, struct err *err);

/* The same in the process that calls, which may hang on it: for a throwaway fork of one's own. ret's
 * cap bounds the file. */
int slurp_here(const char *path, bool trust, struct buf *ret, struct err *err);
/* Until its end, or until deadline_ns (of CLOCK_MONOTONIC; -1 with errno ETIMEDOUT) or ret's cap
 * (EFBIG). */
int slurp_pipe(int fd, int64_t deadline_ns, struct buf *ret);

#endif
