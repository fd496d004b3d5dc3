/* detach.h - a supervisor away from its terminal. Layer: cmd. */
#ifndef CMD_DETACH_H
#define CMD_DETACH_H

#include "base/err.h"

/* Forks twice. In the caller: returns 1, *ret_fd is a connection on which the other tells how it
 * went. In the other process, which leads a session of nobody's terminal, has /dev/null for 0, 1, 2
 * and nothing else open: returns 0, *ret_fd is the other end. -1: err, nobody was made. */
int detach(int *ret_fd, struct err *err);

#endif
