/* out.h - what goes to stdout: bytes, colour, JSON. Layer: cli. */
#ifndef CLI_OUT_H
#define CLI_OUT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"

enum { OUT_MAX = 256 * 1024 * 1024 }; /* the cap for buffers of output */

/* Writes all of b to stdout and empties it. -1: the text was cut by the cap or memory, or stdout
 * takes no more; said on stderr, unless its reader has gone (errno EPIPE). */
int out_flush(struct buf *b);

/* Decides once, for this process: nothing is coloured or drawn after out_plain(). */
void out_plain(bool no_colour, bool no_drawing);
bool out_colour(int fd); /* fd is a terminal, and NO_COLOR, --no-color, --plain, SYSTEMG_AGENT=1 are
			    not given */
bool out_drawing(void);  /* line-drawing characters may be used: not --plain, a UTF-8 locale */

/* fd is a terminal on which lines can be drawn over: not --plain, SYSTEMG_AGENT=1, TERM=dumb. */
bool out_live(int fd);

/* A name or a text that came from outside, for a terminal: control bytes become '?'. */
void out_clean(struct buf *b, const char *text);

/* JSON on one line. The comma is put where one is due; key is NULL inside an array and at the top.
 */
struct json {
	struct buf *out;
	bool comma;
};

void json_open(struct json *j, const char *key, char bracket); /* '{' or '[' */
void json_close(struct json *j, char bracket);                 /* '}' or ']' */
/* Bytes that are no UTF-8 become U+FFFD. text NULL: the key is left out. */
void json_str(struct json *j, const char *key, const char *text);
void json_strn(struct json *j, const char *key, const char *text, size_t n);
void json_int(struct json *j, const char *key, int64_t value);
void json_bool(struct json *j, const char *key, bool value);
void json_seconds(struct json *j, const char *key, int64_t ns); /* 90, 1.5: at most three places */

#endif
