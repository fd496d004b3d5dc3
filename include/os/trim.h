/* trim.h - gives back what only the boot needed. Layer: os. */
#ifndef OS_TRIM_H
#define OS_TRIM_H

#include <poll.h>

/*
 * poll(2) without a timeout, before which the pages of our own code and constants (clean, of the executable's file) and
 * of the stack that is not in use are unmapped: what runs again is mapped again from the page cache. For a process that
 * begins to be idle, once: an init that waits for years need not keep its YAML parser in memory.
 */
int memory_trim_and_poll(struct pollfd *fds, nfds_t n);

#endif
