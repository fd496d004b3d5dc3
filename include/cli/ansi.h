/* ansi.h - escape sequences in what a service printed. Layer: cli (pure). */
#ifndef CLI_ANSI_H
#define CLI_ANSI_H

#include <stddef.h>

#include "base/buf.h"

enum ansi_mode {
	ANSI_KEEP,  /* the bytes as they are */
	ANSI_STRIP, /* without escape sequences; every other byte as it is */
	ANSI_PLAIN, /* for a terminal: and other control bytes but the tab are '?' */
	ANSI_COLOUR, /* for a terminal: as ANSI_PLAIN, but colours (SGR) stay, and end with the line */
};

/* Appends one line of n bytes, without its newline. A sequence that has no end in the line loses
 * its introducer only, so that it hides no text. Failures are the buffer's. */
void ansi_put(struct buf *out, const char *line, size_t n, enum ansi_mode mode);

#endif
