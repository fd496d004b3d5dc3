/* ask.h - a question that may hang, put by a throwaway fork. Layer: os. */
#ifndef OS_ASK_H
#define OS_ASK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* In the fork: finds the answer, and writes it to fd in one write of at most PIPE_BUF bytes. */
typedef void ask_fn(const void *arg, int fd);

/*
 * Forks. The fork has descriptors 0 to 2, fd, and keep (-1: none) alone, default signals and none blocked; it ends
 * after fn, or by an alarm of its own after timeout_ns: nobody waits for it as long as a dead mount
 * or name server may take, and it is reaped by whoever reaps unknown children. Returns a descriptor
 * that becomes readable with the answer, non-blocking, close-on-exec, the caller's; -1 with errno.
 */
int ask_fork(ask_fn *fn, const void *arg, int keep, int64_t timeout_ns);
/* Of the fork that was made last, right after it was. It is that fork's as long as ask_answer() says EAGAIN: nobody else has
 * the other end, and it is reaped no earlier than it has closed it. */
pid_t ask_pid(void);
/* Was this a fork of ask_fork()? Once; of the last 16 that were made. */
bool ask_was(pid_t pid);
/* Takes an answer of exactly n bytes. 0; -1: none, with errno EAGAIN when one may come yet. */
int ask_answer(int fd, void *ret, size_t n);

#endif
