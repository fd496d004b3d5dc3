/* file.h - the file sink: LOGDIR/PATH.log for any number of units. Layer: logger. */
#ifndef LOGGER_FILE_H
#define LOGGER_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/caps.h"
#include "logger/journal.h"
#include "logger/line.h"

enum {
	LOG_FILES_OPEN = 64, /* descriptors held at a time; the least recently used is closed */
	LOG_FILES_BATCH = 96 * 1024, /* bytes of whole lines in one write(2) */
	LOG_PATH_MAX = 4352,         /* bytes of a unit's path */
	LOG_MAX_FILES = 5,
};
#define LOG_MAX_BYTES INT64_C(10485760)

struct log_files; /* all files below one LOGDIR */
struct log_file;  /* that of one path; opened, and its folders made, with its first line */

/* When a file is rotated, and how many there are of it with the current one. 0: the default. */
struct log_keep {
	int64_t max_bytes;
	int max_files;
};

/* dir is copied. batch: LOG_FILES_BATCH bytes, borrowed. journal: NULL, or what a write is noted in
 * before it is done; borrowed. What a killed logger had begun to write is brought to its end or taken
 * back. NULL: no memory. */
struct log_files *log_files_new(const char *dir, char *batch, struct journal *journal);
struct log_files *log_files_free(struct log_files *fs); /* returns NULL; NULL is fine */

/* The file of a unit's path "a/b": LOGDIR/a/b.log, the same one for each caller. To be given back
 * by log_file_put(). The last caller's keep holds. NULL, errno EINVAL: a component is empty, "." or
 * "..", or too long; ENOMEM. */
struct log_file *log_file_get(struct log_files *fs, const char *path, struct log_keep keep);
void log_file_put(struct log_files *fs, struct log_file *f);                /* NULL is fine */
bool log_files_has(const struct log_files *fs, const char *path, size_t n); /* got and not put */

/* Adds "STAMP STREAM line". stamp: the 27 characters of clock_print(). Lines are batched: nothing
 * is sure to be written before log_files_flush(). A line that can't be written is dropped and
 * counted; the first one that can be again follows a line "STAMP supervisor N lines dropped".
 * from: the slot that the line is from, whose file position becomes "after" once it is written; it
 * is flushed before a line from another one comes. */
struct log_from {
	struct slot *slot;
	bool journaled; /* the slot is one of the journal's */
	uint32_t after;
};
void log_file_line(struct log_files *fs, struct log_file *f, const char *stamp, const char *stream,
	const struct line *l, const struct log_from *from);
void log_files_flush(struct log_files *fs);
/* Each file is opened anew with its next line: they may have been moved away. */
void log_files_reopen(struct log_files *fs);

/* There is want of descriptors: one file is closed until its next line, but not the last ones. NULL is fine. */
void log_files_spare(struct log_files *fs);

/* The last n bytes, or fewer, of LOGDIR/PATH.log (generation 0) or of PATH.log.1 (1) as they are
 * on disk; returns how many. 0 where there is none. */
size_t log_file_end(struct log_files *fs, const char *path, int generation, char *to, size_t n);

/* The last failure since the last call: its errno, *ret_path where (valid until the next call of
 * this module). 0: none. */
int log_files_failed(struct log_files *fs, const char **ret_path);
uint64_t log_files_dropped(const struct log_files *fs); /* lines, in all */
uint64_t log_files_written(const struct log_files *fs); /* bytes, in all */

#endif
