/* reap.h - waits for children, one at a time, without losing who they were. Layer: os. */
#ifndef OS_REAP_H
#define OS_REAP_H

#include <stdint.h>
#include <sys/types.h>

/* A child that ended and is not reaped yet (its pid is still its own), or 0. */
pid_t reap_peek(void);
/* What it used, with the children that it waited for: memory is that of the largest of these at most. */
struct reap_use {
	int64_t peak_bytes, cpu_ns;
};
/* Reaps exactly that child. 0, or -1 when it can't be (yet). signal 0: *ret_code is its exit code;
 * else 128+signal. */
int reap_take(pid_t pid, int *ret_code, int *ret_signal, struct reap_use *ret_use);
/* Waits for one child of our own making, at most timeout_ms. 0 and as reap_take(); -1: still there.
 * For boot and tests. */
int reap_wait(pid_t pid, int timeout_ms, int *ret_code, int *ret_signal);

#endif
