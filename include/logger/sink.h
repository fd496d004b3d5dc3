/* sink.h - the stdout sink: whole lines to a descriptor that may be stuck. Layer: logger. */
#ifndef LOGGER_SINK_H
#define LOGGER_SINK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "logger/format.h"
#include "logger/picture.h"

enum {
	SINK_CHUNK = 64 * 1024, /* bytes of lines in one write to what takes any length */
	SINK_MEMORY = SINK_CHUNK + FORMAT_MAX,
};

/* Of a line that was taken in part: what has to come before anything else. */
struct sink_rest {
	uint32_t n, at; /* bytes [at, n) of it; n 0: none */
	char bytes[FORMAT_MAX];
};

/* One of the init's descriptors 1 and 2. They are shared with other processes, so that their flags
 * are never changed: where /proc lets it, the file behind it is opened a second time, non-blocking
 * (its own description); else each write follows poll(2) and is at most PIPE_BUF, which then does
 * not block. */
struct sink {
	int fd;
	struct sink_rest *rest; /* the caller's */
	bool ask;               /* poll(2) before each write */
	bool whole;             /* a regular file: takes any length and never blocks */
	bool socket;
	bool dead;  /* lines are discarded */
	bool stuck; /* would block: set by a write, cleared by whoever sees it writable */
	struct picture *picture; /* borrowed; what stands below the lines. NULL: nothing */
};

/* may_reopen: false leaves the descriptor as it is (the fallback). rest is borrowed, and what stands
 * in it is written first. */
void sink_init(struct sink *o, int fd, struct sink_rest *rest, bool may_reopen);

/* Bytes of whole lines that one write should be; a longer line is a write of its own. */
size_t sink_chunk(const struct sink *o);
/* Writes what is left of a line. True: lines may be written. False: stuck. */
bool sink_ready(struct sink *o);
/* Writes n bytes of whole lines without waiting; needs sink_ready(). Returns how many lines are done
 * with, of which the last may go on in the rest. What can't be written at all (EPIPE, ENOSPC) is
 * done with: a reader may come back. */
size_t sink_write(struct sink *o, const char *p, size_t n);
/* Writes these bytes as they are, what the sink does not take now before anything else; needs sink_ready(), and n <=
 * FORMAT_MAX. False: stuck. */
bool sink_put(struct sink *o, const char *p, size_t n);
/* Discards what is left and all that comes. */
void sink_kill(struct sink *o);

#endif
