/* reap.h - waits for children, one at a time, without losing who they were. Layer: os. */
#ifndef OS_REAP_H
#define OS_REAP_H

#include <stdint.h>
#include <sys/types.h>

/* A child that ended and is not reaped yet (its pid is still its own), or 0. */
pid_t reap_peek(void);
/* Reaps exactly that child. 0, or -1 when it can't be (yet). signal 0: *ret_code is its exit code;
 * else 128+signal. *ret_peak: bytes that it, or the largest process that it waited for, had in memory at most. */
int reap_take(pid_t pid, int *ret_code, int *ret_signal, int64_t *ret_peak);
/* Waits for one child of our own making, at most timeout_ms. 0 and as reap_take(); -1: still there.
 * For boot and tests. */
int reap_wait(pid_t pid, int timeout_ms, int *ret_code, int *ret_signal);

#endif
