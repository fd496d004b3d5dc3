#include "logger/line.h"

#include <string.h>

#include "base/caps.h"

static bool inside_character(const char *p)
{
	return ((unsigned char)*p & 0xc0) == 0x80;
}

/* Where the first piece of a line longer than CAP_LINE ends: at most 3 bytes before the cap, the
 * longest tail of a UTF-8 character. Bytes that are no UTF-8 are cut at the cap. */
static size_t piece(const char *p)
{
	for (size_t n = CAP_LINE; n > CAP_LINE - 4; n--)
		if (!inside_character(p + n))
			return n;
	return CAP_LINE;
}

size_t line_next(const char *p, size_t n, bool last, struct line *ret)
{
	size_t seen = n > CAP_LINE ? CAP_LINE + 1 : n;
	const char *end = seen ? memchr(p, '\n', seen) : NULL;

	if (end) {
		*ret = (struct line){ .p = p, .n = (size_t)(end - p) };
		return ret->n + 1;
	}
	if (n > CAP_LINE) {
		*ret = (struct line){ .p = p, .n = piece(p), .cut = true };
		return ret->n;
	}
	if (!last || !n)
		return 0;
	*ret = (struct line){ .p = p, .n = n };
	return n;
}

size_t line_put(char *to, const struct line *l)
{
	size_t n = l->n;

	memcpy(to, l->p, n);
	if (l->cut) {
		memcpy(to + n, LINE_CUT_MARK, sizeof LINE_CUT_MARK - 1);
		n += sizeof LINE_CUT_MARK - 1;
	}
	to[n++] = '\n';
	return n;
}
