/* progress.h - units on their way, drawn in place on a terminal. Layer: cli (pure). */
#ifndef CLI_PROGRESS_H
#define CLI_PROGRESS_H

#include <stdbool.h>
#include <stddef.h>

#include "base/buf.h"

enum progress_state { PROGRESS_BUSY, PROGRESS_OK, PROGRESS_FAILED };

struct progress_row {
	char *name, *detail; /* detail: one row below, indented; NULL: none */
	enum progress_state state;
};

/* Zeroed: nothing drawn yet. */
struct progress {
	char *heading; /* NULL: none */
	struct progress_row *rows;
	size_t n, room;
	size_t *widths; /* of the lines on the screen, in columns */
	size_t drawn, widths_room;
};

/* What is drawn on; columns or lines 0: 80 and 24. */
struct progress_screen {
	unsigned columns, lines;
	bool colour, ascii;
};

void progress_done(struct progress *p);
/* Takes copies; control bytes become '?'. -1: no memory. */
int progress_heading(struct progress *p, const char *text);
/* Adds the unit or changes it. */
int progress_set(
	struct progress *p, const char *name, enum progress_state state, const char *detail);
/* The bytes that replace the picture that was drawn last: no line is wider than the screen, nor are there more than it
 * has; what was drawn before a resize is erased whole where the terminal has wrapped it. What does not fit is counted
 * in one line, those that are done first. -1: no memory. */
int progress_draw(struct buf *out, struct progress *p, const struct progress_screen *screen);

#endif
