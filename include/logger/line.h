/* line.h - bytes cut into lines. Layer: logger (pure). */
#ifndef LOGGER_LINE_H
#define LOGGER_LINE_H

#include <stdbool.h>
#include <stddef.h>

#define LINE_CUT_MARK "…[+]" /* behind each piece of a line but the last */

/* A view into the caller's bytes, at most CAP_LINE of them, without the newline. */
struct line {
	const char *p;
	size_t n;
	bool cut; /* the line goes on in the next piece */
};

/* Takes the first line, or piece of a line longer than CAP_LINE, from n bytes. last: no more bytes
 * will follow them, so that what has no newline is a line too. Returns the number of bytes used up,
 * 0: no whole line yet. A piece ends between UTF-8 characters where there are any. */
size_t line_next(const char *p, size_t n, bool last, struct line *ret);

/* Copies the line, its mark and a newline to "to", which has room for LINE_ROOM(n). Returns the
 * bytes written. */
size_t line_put(char *to, const struct line *l);
#define LINE_ROOM(n) ((n) + sizeof(LINE_CUT_MARK))

#endif
