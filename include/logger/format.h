/* format.h - a line as it goes to stdout. Layer: logger (pure). */
#ifndef LOGGER_FORMAT_H
#define LOGGER_FORMAT_H

#include "base/caps.h"
#include "logger/line.h"

enum {
	FORMAT_LABEL = 4352, /* bytes of a label: the longest path of a unit */
	/* Of one line: a byte is at most 6 in JSON. */
	FORMAT_MAX = 6 * (CAP_LINE + FORMAT_LABEL + 8) + 128,
};

/* What is known of every line of a stream. */
struct format {
	const char *label;  /* before each line; NULL: lines as they are. Of JSON: its service */
	const char *stream; /* "stdout", "stderr" */
	bool json;
};

/* Writes the line with its newline to "to", which has room for FORMAT_MAX. stamp: its time, as of
 * clock_print(). JSON: one object, {"ts","stream","service","line"}; each byte that is no UTF-8
 * becomes \u00XX. Returns the bytes written. */
size_t format_line(char *to, const struct format *f, const char *stamp, const struct line *l);

#endif
