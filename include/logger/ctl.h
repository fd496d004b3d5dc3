/* ctl.h - the logger's side of its socket to PID 1. Layer: logger. */
#ifndef LOGGER_CTL_H
#define LOGGER_CTL_H

#include <stddef.h>
#include <stdint.h>

#include "logger/file.h"

enum { CTL_BYTES = 12 * 1024 }; /* of a message: two names at their longest and some numbers */

enum ctl_kind {
	CTL_NOTHING, /* no message is there */
	CTL_UNKNOWN, /* one that isn't understood: skipped */
	CTL_ADD,
	CTL_TAIL,
	CTL_REOPEN,
	CTL_FINISH,
	CTL_CLOSED
};

/* One stream to be read. */
struct ctl_add {
	int64_t id;
	int stream;     /* 1, 2 */
	unsigned sinks; /* LOGGER_* bits */
	struct log_keep keep;
	const char *path, *label; /* label NULL: none */
};

/* A question for the last lines of a launch. */
struct ctl_tail {
	int64_t number, id, since_ns;
	const char *path;
};

/* One message of PID 1, as in logger.h. */
struct ctl_msg {
	enum ctl_kind kind;
	int fd; /* CTL_ADD: the caller's from now on; -1 when it could not be received */
	struct ctl_add add;   /* CTL_ADD; its strings are in bytes */
	struct ctl_tail tail; /* CTL_TAIL; the same */
	char bytes[CTL_BYTES];
};

/* Reads one message without waiting. */
void ctl_receive(int fd, struct ctl_msg *ret);

/* Each sends one message without waiting: 0, or -1 with errno (EAGAIN: again when the socket is
 * writable). */
int ctl_send_eof(int fd, int64_t id, int stream);
int ctl_send_lost(int fd, int64_t id, int stream);
int ctl_send_full(int fd, const char *path, const char *why, uint64_t dropped);
int ctl_send_plain(int fd, const char *why);
int ctl_send_total(int fd, unsigned removed, const char *dir);
int ctl_send_tail(int fd, int64_t number, const char *text, size_t n);
int ctl_send_done(int fd);

#endif
