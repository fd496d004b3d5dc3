/* Log lines: what a service prints is cut into lines that are whole and together all that it printed;
 * a line of a log file is taken apart as it stands. */
#include "base/caps.h"
#include "cli/logline.h"
#include "fuzz.h"
#include "logger/line.h"

/* --- cutting --- */

static bool inside_character(char c)
{
	return ((unsigned char)c & 0xc0) == 0x80;
}

static void line_holds(const struct line *l, const char *p, size_t used, size_t left)
{
	static char room[LINE_ROOM(CAP_LINE)];

	HOLDS(used <= left && l->p == p && l->n <= CAP_LINE && l->n <= used, "%zu of %zu", used,
		left);
	HOLDS(!memchr(l->p, '\n', l->n), "a newline inside of a line");
	HOLDS(!l->cut || (l->n > CAP_LINE - 4 && left > l->n), "cut at %zu", l->n);
	HOLDS(line_put(room, l) <= LINE_ROOM(l->n), "%zu bytes", l->n);
	HOLDS(memcmp(room, l->p, l->n) == 0, "other bytes");
	/* Where a character of UTF-8 could have been spared it was. */
	if (l->cut && inside_character(p[l->n]))
		HOLDS(l->n == CAP_LINE, "cut inside of a character at %zu", l->n);
}

static void cut(const char *p, size_t n)
{
	size_t at = 0, used;
	struct line l;

	while ((used = line_next(p + at, n - at, true, &l)) > 0) {
		line_holds(&l, p + at, used, n - at);
		struct line early;
		size_t k = line_next(p + at, n - at, false, &early);
		HOLDS(k ? k == used && early.n == l.n && early.cut == l.cut : at + used == n,
			"at %zu", at);
		at += used;
	}
	HOLDS(at == n, "%zu of %zu bytes became lines", at, n);
}

/* --- a line of a file --- */

static void parsed(const char *line, size_t n)
{
	struct logrecord r;

	logline_parse(line, n, &r);
	HOLDS(r.text >= line && r.text + r.text_len == line + n, "the text");
	HOLDS(!r.ts_len || (r.ts == line && r.ts_len + r.stream_len + r.text_len <= n),
		"the parts");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *p = (const char *)data, *end = p + size;

	cut(p, size);
	while (p < end) {
		const char *nl = memchr(p, '\n', (size_t)(end - p));
		parsed(p, (size_t)((nl ? nl : end) - p));
		p = nl ? nl + 1 : end;
	}
	return 0;
}
