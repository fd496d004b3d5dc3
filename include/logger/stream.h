/* stream.h - one pipe of one unit: bytes in, lines to its sinks. Layer: logger. */
#ifndef LOGGER_STREAM_H
#define LOGGER_STREAM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/caps.h"
#include "logger/file.h"
#include "logger/sink.h"
#include "logger/tail.h"

enum {
	STREAM_TURN = 64 * 1024, /* bytes taken from one stream before the others have their turn */
	STREAM_SCRATCH = CAP_LINE + STREAM_TURN,
	STREAM_LABEL = 4352,
};

enum stream_state {
	STREAM_OPEN,
	STREAM_LAST, /* no more input will be read; what is kept is still to be handed on */
	STREAM_ENDED /* all done, descriptor closed */
};

struct stream {
	int fd;     /* owned */
	int number; /* 1, 2 */
	int64_t id; /* of the unit; -1: PID 1's own lines */
	enum stream_state state;
	bool held;    /* kept holds whole lines that the out had no room for; nothing is read until
			 they went */
	bool watched; /* polled in this turn, as entry ... */
	size_t slot;
	size_t left;           /* bytes still to be read; SIZE_MAX: no bound */
	struct sink *out;      /* borrowed; NULL: not to stdout */
	struct log_file *file; /* a reference; NULL: to no file */
	char *kept; /* the line that has no end yet (and what is held); NULL when there is none */
	size_t nkept;
	const char *label; /* before each line on stdout; NULL: lines as they are */
	char label_bytes[];
};

/* What streams write with. scratch: STREAM_SCRATCH bytes. files: NULL: none. */
struct stream_sinks {
	struct log_files *files;
	struct tails tails; /* of streams without a file */
	char *scratch;
	uint64_t dropped; /* lines that were lost for want of memory */
};

/* Takes fd, and file's reference, on success only. label NULL: none. NULL: no memory. */
struct stream *stream_new(int fd, int64_t id, int number, const char *label);
struct stream *stream_free(struct stream *s, struct stream_sinks *sinks); /* returns NULL */

/* True where reading it would not make it wait for its out. */
bool stream_may_read(const struct stream *s);
/* One turn: hands on what is held, else reads once, and hands on the lines. Both sinks get a line
 * at the same time. */
void stream_serve(struct stream *s, struct stream_sinks *sinks);
/* From now on only what is in the pipe at this moment is read. */
void stream_finish(struct stream *s);

#endif
