/* logfile.h - one unit's log file and its rotated ones, read as one stream. Layer: cli. */
#ifndef CLI_LOGFILE_H
#define CLI_LOGFILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include <time.h>

#include "base/buf.h"
#include "base/heap.h"
#include "cli/logtime.h"

enum {
	LOGFILE_ROTATED = 999,
	LOGFILE_LINE = 32 * 1024, /* a longer line comes in pieces */
	LOGFILE_BLOCK = 32 * 1024,
};
#define LOGFILE_ALL SIZE_MAX

/* A place in one of the files. Its number changes when it is rotated, so it is known by what it is,
 * and by its first bytes, since a number of an inode is used again. */
struct logpos {
	bool set;
	dev_t dev;
	ino_t ino;
	off_t at;
	struct timespec written; /* when we last looked */
	char head[LOGTIME_STAMP];
	bool headed; /* head is set */
};

/* LOGDIR/UNIT.log; UNIT.log.1 is older, UNIT.log.2 older still. No file is kept open. */
struct logfile {
	char *unit; /* path in the tree */
	char *path; /* of the current file */
	/* The line that logfile_next() found; valid until it is called again. */
	const char *line; /* "2026-05-14T02:05:13.470911Z stdout text", without the newline */
	size_t line_len;
	int64_t time_ns; /* of it, or of the last one that had a time; LOGTIME_NONE: none had */
	/* For whoever merges. */
	struct heap_node node;
	int error; /* errno of the last look */
	/* Private. */
	struct logpos begin, pos, stop;
	bool bounded; /* ends at stop */
	char *block;
	size_t room, len, used;
	struct buf part; /* a line whose end has not been read yet */
	bool part_shown;
};

/* Takes copies. -1: no memory. */
int logfile_init(struct logfile *f, const char *unit, const char *path);
void logfile_done(struct logfile *f);

/* From here on logfile_next() gives the last n lines that are there now, of all files of the unit
 * and the oldest first, and then 0. A file that is not there holds none. -1: errno. */
int logfile_begin(struct logfile *f, size_t n);
/* ... and what is written after those lines. */
void logfile_follow(struct logfile *f);
/* Goes back to the place that logfile_begin() chose. */
void logfile_again(struct logfile *f);

/* The next line. block: how many bytes are read at a time, at most LOGFILE_BLOCK. 1, 0: none now,
 * -1: errno. */
int logfile_next(struct logfile *f, size_t block);
/* A last line that has no end, when no more of it is waited for. 1, 0: there is none. */
int logfile_rest(struct logfile *f);

#endif
