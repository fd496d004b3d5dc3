/* sigfd.h - all 64 signals, blocked and read from a descriptor. Layer: os. */
#ifndef OS_SIGFD_H
#define OS_SIGFD_H

#include <stdbool.h>
#include <sys/types.h>

/* Sets SIGCHLD to its default (an inherited SIG_IGN would lose exit codes), blocks all 64 signals
 * by the system call itself (a libc hides 32 to 34) and returns a non-blocking, close-on-exec
 * signalfd. -1 with errno. */
int sigfd_open(void);

struct sig_got {
	int sig;
	bool ours; /* we sent it ourselves, or a system call of ours raised it: to be dropped */
};
/* 1: *ret is filled; 0: no more. */
int sigfd_next(int fd, struct sig_got *ret);

/* In a forked child, just before execve: every disposition to default, the mask empty. */
void signals_reset(void);
void signals_unblock_all(void);
/* All 64: they stay pending until sigfd_open() reads them. */
void signals_block_all(void);

#endif
