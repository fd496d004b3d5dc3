/* seek.h - where a supervisor's socket and log files may be. Layer: cli. */
#ifndef CLI_SEEK_H
#define CLI_SEEK_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "base/err.h"

enum { SEEK_PATH = 108 };

/* The i-th runtime directory that a client looks in: $SYSG_RUNTIME_DIR, /run/sysg,
 * $XDG_RUNTIME_DIR/sysg, /tmp/sysg-UID, and for root /tmp/sysg-UID of the owner of process 1. A
 * directory in /tmp that is not its user's own is passed over
 * (*ret empty). -1: past the last. */
int seek_runtime_dir(size_t i, char ret[static SEEK_PATH]);

/* A connected SOCK_SEQPACKET descriptor, non-blocking and close-on-exec; ret_where its address.
 * Only explicit (--socket) is tried when given, else only $SYSG_SOCKET when set, else every place,
 * and at last the abstract socket of our pid namespace. -1: errno EAGAIN when one of them is there
 * and has no room just now; else err SG0206. */
int seek_connect(const char *explicit, char ret_where[static SEEK_PATH + 8], struct err *err);

/* An abstract socket can be taken by anyone, in a pod by another container's process, too: its owner has to be the
 * first process of our pid namespace, an ancestor of ours, or root or our own user in our mount namespace. */
bool seek_peer_is_ours(int fd);

/* The parent's pid by /proc/PID/stat; 0 when unknown. */
pid_t seek_parent(pid_t pid);

#endif
