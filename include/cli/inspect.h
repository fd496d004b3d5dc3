/* inspect.h - everything about one unit, for people and as JSON. Layer: cli (pure). */
#ifndef CLI_INSPECT_H
#define CLI_INSPECT_H

#include <stdbool.h>

#include "base/buf.h"
#include "cli/rows.h"

struct inspection {
	const struct rows *rows; /* of the unit, which comes first, and what is below it */
	struct packet detail;    /* the answer to `inspect` */
	unsigned columns;        /* of the screen */
	bool ascii, colour;
};

void inspect_text(struct buf *out, const struct inspection *in);
void inspect_json(struct buf *out, struct inspection *in);

/* `height` lines of columns for n values, each behind that much indent and ended by a newline; as many columns as values, but
 * at most `columns`: then each is the most of several. PLOT_NONE is a gap. The highest fills the height. */
#define PLOT_NONE UINT32_MAX
void plot_put(struct buf *out, const uint32_t *v, size_t n, unsigned columns, unsigned height,
	bool ascii);

#endif
