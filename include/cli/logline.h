/* logline.h - the parts of a line of a log file, and which lines are wanted. Layer: cli. */
#ifndef CLI_LOGLINE_H
#define CLI_LOGLINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"
#include "cli/ere.h"

enum { LOGLINE_ROOM = 64 * 1024 }; /* of what a line may become when it is cleaned */

struct logrecord {
	const char *ts, *stream, *text;
	size_t ts_len, stream_len, text_len;
};

/* The three parts of a line; one of another form is all text, of stdout. */
void logline_parse(const char *line, size_t n, struct logrecord *ret);

struct logfilter {
	const char *stream;   /* NULL: any */
	int64_t since, until; /* wall ns, both included */
	bool since_set, until_set;
	struct ere *grep; /* NULL: any text */
	struct buf plain; /* what it looks at */
};

/* Takes all lines. */
void logfilter_init(struct logfilter *f);
void logfilter_done(struct logfilter *f);
/* A POSIX extended regular expression, for what a line says without its escape sequences. -1:
 * SG0210. */
int logfilter_grep(struct logfilter *f, const char *expression, struct err *err);
/* Does it take only some lines? */
bool logfilter_is_set(const struct logfilter *f);
/* time_ns: of the line, or the last one before it that had one. */
bool logfilter_takes(struct logfilter *f, const struct logrecord *r, int64_t time_ns);

#endif
