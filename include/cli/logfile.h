/* logfile.h - reading one unit's log file and its rotated ones, with nothing kept open. Layer: cli.
 */
#ifndef CLI_LOGFILE_H
#define CLI_LOGFILE_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "base/buf.h"

enum { LOGFILE_ROTATED = 100, LOGFILE_LINE = 64 * 1024, LOGFILE_TS = 27 };

/* LOGDIR/UNIT.log; UNIT.log.1 is older, UNIT.log.2 older still. */
struct logfile {
	char *unit; /* path in the tree */
	char *path; /* of the current file */
	dev_t dev;  /* of the file that was read last, and how far */
	ino_t ino;
	off_t at;
	bool seen;       /* dev, ino, at are set */
	struct buf part; /* a line whose end has not been written yet */
};

struct logline {
	char *bytes; /* "2026-05-14T02:05:13.470911Z stdout text", without the newline; owned */
	size_t len;
	const struct logfile *from;
	size_t order; /* of coming */
};

struct loglines {
	struct logline *v;
	size_t n, room;
};

/* Takes copies. -1: no memory. */
int logfile_init(struct logfile *f, const char *unit, const char *path);
void logfile_done(struct logfile *f);
/* Appends the last n lines of all files of the unit, oldest first, and remembers where they end.
 * -1: errno; a file that is not there holds no line. */
int logfile_last(struct logfile *f, size_t n, struct loglines *ret);
/* Appends what was written since: the rest of a file that was moved away, those after it, the
 * current one. -1: errno. */
int logfile_more(struct logfile *f, struct loglines *ret);

void loglines_done(struct loglines *lines);
/* In the order of their times; those of one time in the order of coming. */
void loglines_sort(struct loglines *lines);
/* Drops all but the last n. */
void loglines_keep(struct loglines *lines, size_t n);

struct logrecord {
	const char *ts, *stream, *text;
	size_t ts_len, stream_len, text_len;
};

/* The three parts of a line; one of another form is all text. */
void logline_parse(const struct logline *line, struct logrecord *ret);

#endif
