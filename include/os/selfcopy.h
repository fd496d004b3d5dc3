/* selfcopy.h - a copy of the running program's file, whole or not at all. Layer: os. */
#ifndef OS_SELFCOPY_H
#define OS_SELFCOPY_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"

/* Puts a copy of our own executable at path, mode 0755, in place of what regular file or link is there: written beside
 * it, synced, renamed. Works when the executable was deleted meanwhile. Signals that would end us wait until nothing
 * temporary is left. *ret_bytes: its size. -1: err, and nothing changed. */
int selfcopy(const char *path, int64_t *ret_bytes, struct err *err);

#endif
