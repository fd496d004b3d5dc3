/* purge.h - what a supervisor left in its directories. Layer: cmd. */
#ifndef CMD_PURGE_H
#define CMD_PURGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/buf.h"
#include "base/err.h"
#include "cli/out.h"

enum { PURGE_PATH = 4096, PURGE_DIRS = 256 };

struct purge_dir {
	char *path;
	char *socket; /* the name of the socket in it */
	dev_t dev;    /* of the directory */
	ino_t ino;
	int lock; /* of its sysg.pid, held until the end; -1: there is none */
};

struct purge {
	size_t ndirs;
	int64_t removed, left, bytes;
	struct buf removed_json, left_json;
	struct json removed_list, left_list;
	struct purge_dir
		dirs[PURGE_DIRS]; /* runtime directories; a nested one comes after its outer one */
	struct err first;         /* of what stayed */
};

void purge_init(struct purge *p);
void purge_done(struct purge *p);

/* Adds a runtime directory and those of nested supervisors in it; one that is not there is no
 * failure. socket: the name in it, NULL: control.sock. named: it was asked for by name. wait_ns: how
 * long a supervisor that was told to end may hold it. -1: SG0401 somebody is alive in it, SG0404 it
 * is no directory of a supervisor's. */
int purge_add_dir(struct purge *p, const char *dir, const char *socket, bool named, int64_t wait_ns,
	struct err *err);
/* Removes the log files below dir, and its folders; those of the logs that are being written are
 * emptied with live. What can't be is counted, and told on stderr. */
void purge_logs(struct purge *p, const char *dir, bool live);
/* Removes what is in the added directories, and the empty ones. */
void purge_dirs(struct purge *p);

#endif
