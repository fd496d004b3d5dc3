/* unhang.h - the end of a supervisor that doesn't answer. Layer: cmd. */
#ifndef CMD_UNHANG_H
#define CMD_UNHANG_H

#include "base/err.h"

/* Kills the supervisor that listens at that path, and everything that it left. It has to be the one
 * that holds sysg.pid beside the socket, and not PID 1. -1: err (SG0205: it can't be told which
 * process that is, or it is PID 1; SG0713: something survived). */
int unhang(const char *socket, struct err *err);

#endif
