/* total.h - what all files below LOGDIR may come to. Layer: logger. */
#ifndef LOGGER_TOTAL_H
#define LOGGER_TOTAL_H

#include <stdbool.h>
#include <stdint.h>

#include "logger/file.h"

#define TOTAL_DEFAULT (INT64_C(64) << 20)

struct total {
	const char *dir; /* LOGDIR, borrowed */
	int64_t max;     /* bytes */
	int64_t known;   /* what the files came to when they were last looked at */
	uint64_t at;     /* log_files_written() of that time */
};

/* Nothing is looked at before the first line is written. max 0: TOTAL_DEFAULT. */
void total_init(struct total *t, const char *dir, int64_t max);
/* Cheap as long as what was written since can't have passed the bound. Past it, removes files of
 * spawned units that ended, then rotated ones, the oldest first. True: something is to be said:
 * *ret_removed files were removed, none where each is in use. */
bool total_keep(struct total *t, const struct log_files *fs, unsigned *ret_removed);

#endif
