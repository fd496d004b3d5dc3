/* sink.h - the stdout sink: whole lines to a descriptor that may be stuck. Layer: logger. */
#ifndef LOGGER_SINK_H
#define LOGGER_SINK_H

#include <stdbool.h>
#include <stddef.h>

#include "base/caps.h"
#include "logger/line.h"

enum {
	SINK_HIGH = 64 * 1024, /* with as much queued no further line is taken */
	SINK_LABEL = 4352,     /* bytes of a label: the longest path of a unit */
	SINK_MEMORY = SINK_HIGH + SINK_LABEL + CAP_LINE + 64,
};

/* One of the init's descriptors 1 and 2. They are shared with other processes, so that their flags
 * are never changed: where /proc lets it, the file behind it is opened a second time, non-blocking
 * (its own description); else each write follows poll(2) and is at most PIPE_BUF, which then does
 * not block. */
struct sink {
	int fd;
	char *q; /* SINK_MEMORY bytes of the caller's; queued: [head, head + len) */
	size_t head, len;
	bool ask;   /* poll(2) before each write */
	bool whole; /* a regular file: takes any length and never blocks */
	bool socket;
	bool dead; /* lines are discarded */
};

/* may_reopen: false leaves the descriptor as it is (the fallback). mem is borrowed. */
void sink_init(struct sink *o, int fd, char *mem, bool may_reopen);
/* True where sink_line() may be called. */
bool sink_room(const struct sink *o);
/* Queues "label | line". label NULL: the line alone. Needs sink_room(). */
void sink_line(struct sink *o, const char *label, const struct line *l);
/* Writes what goes without waiting. What can't be written at all (EPIPE, ENOSPC) is dropped: a
 * reader may come back. */
void sink_flush(struct sink *o);
/* Discards what is queued and all that comes. */
void sink_kill(struct sink *o);

#endif
