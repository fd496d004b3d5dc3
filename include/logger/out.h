/* out.h - the stdout sink: whole lines to a descriptor that may be stuck. Layer: logger. */
#ifndef LOGGER_OUT_H
#define LOGGER_OUT_H

#include <stdbool.h>
#include <stddef.h>

#include "base/caps.h"
#include "logger/line.h"

enum {
	OUT_HIGH = 64 * 1024, /* with as much queued no further line is taken */
	OUT_LABEL = 4352,     /* bytes of a label: the longest path of a unit */
	OUT_MEMORY = OUT_HIGH + OUT_LABEL + CAP_LINE + 64,
};

/* One of the init's descriptors 1 and 2. They are shared with other processes, so that their flags
 * are never changed: where /proc lets it, the file behind it is opened a second time, non-blocking
 * (its own description); else each write follows poll(2) and is at most PIPE_BUF, which then does
 * not block. */
struct out {
	int fd;
	char *q; /* OUT_MEMORY bytes of the caller's; queued: [head, head + len) */
	size_t head, len;
	bool ask;   /* poll(2) before each write */
	bool whole; /* a regular file: takes any length and never blocks */
	bool socket;
	bool dead; /* lines are discarded */
};

/* may_reopen: false leaves the descriptor as it is (the fallback). mem is borrowed. */
void out_init(struct out *o, int fd, char *mem, bool may_reopen);
/* True where out_line() may be called. */
bool out_room(const struct out *o);
/* Queues "label | line". label NULL: the line alone. Needs out_room(). */
void out_line(struct out *o, const char *label, const struct line *l);
/* Writes what goes without waiting. What can't be written at all (EPIPE, ENOSPC) is dropped: a
 * reader may come back. */
void log_out_flush(struct out *o);
/* Discards what is queued and all that comes. */
void out_kill(struct out *o);

#endif
