#include "cli/inspect.h"

enum { EIGHTHS = 8, INDENT = 2 };

/* Of columns as wide as from..to. */
static uint32_t most_of(const uint32_t *v, size_t from, size_t to)
{
	uint32_t most = PLOT_NONE;

	for (size_t i = from; i < to; i++)
		if (v[i] != PLOT_NONE && (most == PLOT_NONE || v[i] > most))
			most = v[i];
	return most;
}

/* What of a column of that height, in eighths of a line, is to be seen in the line that begins there. */
static void put_cell(struct buf *out, unsigned eighths, unsigned line, bool ascii)
{
	static const char marks[][4] = { " ", "▁", "▂", "▃", "▄", "▅", "▆", "▇", "█" };
	unsigned from = line * EIGHTHS, n = eighths > from ? eighths - from : 0;

	if (n > EIGHTHS)
		n = EIGHTHS;
	(void)buf_adds(out, !ascii ? marks[n] : n > EIGHTHS / 2 ? "#" : n ? "." : " ");
}

void plot_put(
	struct buf *out, const uint32_t *v, size_t n, unsigned columns, unsigned height, bool ascii)
{
	uint64_t top = most_of(v, 0, n);
	size_t shown = n < columns ? n : columns;

	if (top == PLOT_NONE || !top)
		top = 1;
	for (unsigned line = height; line-- > 0;) {
		(void)buf_printf(out, "%*s", INDENT, "");
		for (size_t i = 0; i < shown; i++) {
			uint32_t most = most_of(v, i * n / shown, (i + 1) * n / shown);
			uint64_t full = (uint64_t)height * EIGHTHS;
			if (most == PLOT_NONE)
				(void)buf_addc(out, ' ');
			else /* whatever is looked at has a foot */
				put_cell(out, most * full / top ? (unsigned)(most * full / top) : 1,
					line, ascii);
		}
		(void)buf_addc(out, '\n');
	}
}
