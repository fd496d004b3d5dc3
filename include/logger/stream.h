/* stream.h - one pipe of one unit: bytes in, lines to its sinks. Layer: logger. */
#ifndef LOGGER_STREAM_H
#define LOGGER_STREAM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/caps.h"
#include "logger/file.h"
#include "logger/format.h"
#include "logger/journal.h"
#include "logger/sink.h"
#include "logger/tail.h"

enum {
	STREAM_TURN = 64 * 1024, /* bytes taken from one stream before the others have their turn */
	STREAM_SCRATCH = JOURNAL_HALF,
};

enum stream_state {
	STREAM_OPEN,
	STREAM_LAST, /* no more input will be read; what is kept is still to be handed on */
	STREAM_ENDED /* all done, descriptor closed */
};

struct stream {
	int fd;     /* owned */
	int number; /* 1, 2 */
	int64_t id; /* of the launch; -1: PID 1's own lines */
	enum stream_state state;
	bool waits;   /* out has not got all the whole lines that there are */
	bool drop;    /* lines that a stuck out has no room for are lost, and it goes on */
	bool watched; /* polled in this turn, as entry ... */
	size_t poll_slot;
	size_t left;           /* bytes still to be read; SIZE_MAX: no bound */
	struct sink *out;      /* borrowed; NULL: not to stdout */
	struct log_file *file; /* a reference; NULL: to no file */
	/* What was taken in and is not handed on to both sinks: in the journal's slot, or (slot is
	 * then &own) in kept. */
	struct slot *slot, own;
	char *kept; /* NULL: none */
	struct format format;
	char label[];
};

/* What streams write with. */
struct stream_sinks {
	struct log_files *files; /* NULL: none */
	struct journal *journal; /* NULL: none, or it broke */
	int broke;               /* errno of its break, until that is told */
	struct tails tails;      /* of streams without a file */
	char *scratch;           /* STREAM_SCRATCH bytes */
	char *chunk;             /* SINK_MEMORY bytes */
	uint64_t dropped;        /* lines that were lost for want of memory */
};

/* Takes fd, and file's reference, on success only. label NULL: none. It gets its slot of the
 * journal. NULL: no memory. */
struct stream *stream_new(
	int fd, int64_t id, int number, const char *label, struct stream_sinks *sinks);
struct stream *stream_free(struct stream *s, struct stream_sinks *sinks); /* returns NULL */

/* True where reading it would not make it wait for its out. */
bool stream_may_read(const struct stream *s);
/* True where it has something to do that no poll of its pipe would tell of. */
bool stream_has_work(const struct stream *s);
/* One turn: reads once, if it may, and hands on the lines. Both sinks get them as soon as they can. */
void stream_serve(struct stream *s, struct stream_sinks *sinks);
/* From now on only what is in the pipe at this moment is read. */
void stream_finish(struct stream *s);

#endif
