/* top.h - the spawn tree with what each unit uses, the greatest first. Layer: cli (pure). */
#ifndef CLI_TOP_H
#define CLI_TOP_H

#include <stdbool.h>

#include "cli/progress.h"
#include "cli/rows.h"

/* What a unit had used of a processor when it was looked at before. */
struct top_seen {
	int64_t id, cpu_ns;
};
/* A unit that is shown. */
struct top_row {
	size_t at, levels;   /* in the rows of the look; above it */
	int64_t key, memory; /* key: by which it is sorted */
	uint32_t cpu;        /* thousandths of a processor */
};
/* Zeroed: there was no look yet. */
struct top {
	bool by_memory;
	struct top_seen *seen; /* in the order of ids */
	size_t nseen, n;
	struct top_row *v;
	int64_t seen_ns,
		passed_ns; /* when the last look was; between it and the one before, 0: there was none */
};

/* The rows of one more look; what has ended is left out. -1: no memory. */
int top_take(struct top *t, const struct rows *rows, int64_t now_ns);
/* Those rows as a picture of at most the screen's lines (0: all), none wider than it, a newline before each. note: what the
 * second line says, NULL: how it is sorted. -1: no memory. */
int top_draw(struct buf *out, struct top *t, const struct rows *rows,
	const struct progress_screen *screen, const char *note);
void top_done(struct top *t);

#endif
