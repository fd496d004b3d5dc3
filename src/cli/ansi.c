#include "cli/ansi.h"

#include <stdbool.h>
#include <string.h>

#include "base/utf8.h"
#include "cli/out.h"

#define SGR_RESET "\033[0m"

enum { ESC = 0x1b, BEL = 0x07, DEL = 0x7f, C1_LEAD = 0xc2 };

/* The introducer at p, of ret_len bytes: the letter that follows ESC. C1 controls come as UTF-8
 * too. 0: none. ECMA-48, 5.3 and 5.4. */
static unsigned char introducer(const unsigned char *p, size_t n, size_t *ret_len)
{
	*ret_len = 2;
	if (n >= 2 && p[0] == ESC)
		return p[1];
	if (n >= 2 && p[0] == C1_LEAD && p[1] >= 0x80 && p[1] <= 0x9f)
		return (unsigned char)(p[1] - 0x40);
	*ret_len = 1;
	return p[0] == ESC ? ESC : 0;
}

/* Bytes of p that lie within [lo, hi]. */
static size_t span(const unsigned char *p, size_t n, unsigned char lo, unsigned char hi)
{
	size_t i = 0;

	while (i < n && p[i] >= lo && p[i] <= hi)
		i++;
	return i;
}

/* Parameters, intermediates and a final byte; 0: it has no end here. */
static size_t csi_length(const unsigned char *p, size_t n)
{
	size_t i = span(p, n, 0x30, 0x3f);

	i += span(p + i, n - i, 0x20, 0x2f);
	return i < n && p[i] >= 0x40 && p[i] <= 0x7e ? i + 1 : 0;
}

/* Up to BEL or ST. */
static size_t string_length(const unsigned char *p, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		if (p[i] == BEL)
			return i + 1;
		if (i + 1 < n && ((p[i] == ESC && p[i + 1] == '\\') ||
					 (p[i] == C1_LEAD && p[i + 1] == 0x9c)))
			return i + 2;
	}
	return 0;
}

/* The bytes of the sequence at p; 0: none begins here. *ret_sgr: it sets colours and nothing else. */
static size_t sequence(const unsigned char *p, size_t n, bool *ret_sgr)
{
	size_t lead, rest;
	unsigned char letter = introducer(p, n, &lead);

	*ret_sgr = false;
	if (!letter)
		return p[0] == ESC;
	if (letter == '[') {
		rest = csi_length(p + lead, n - lead);
		*ret_sgr = p[0] == ESC && rest && p[lead + rest - 1] == 'm' &&
			   span(p + lead, rest - 1, '0', ';') == rest - 1;
		return lead + rest;
	}
	if (strchr("]PX^_", letter))
		return lead + string_length(p + lead, n - lead);
	if (letter >= 0x20 && letter <= 0x2f) { /* ESC, intermediates, a final byte */
		rest = span(p + lead, n - lead, 0x20, 0x2f);
		bool ends = lead + rest < n && p[lead + rest] >= 0x30 && p[lead + rest] <= 0x7e;
		return lead + rest + ends;
	}
	return letter >= 0x30 && letter <= 0x7e ? lead : 1;
}

/* Bytes that are shown as they are; 0: the first is a control byte. */
static size_t printable(const unsigned char *p, size_t n)
{
	size_t i = 0;

	while (i < n) {
		size_t len = utf8_length(p + i, n - i);
		bool c1 = len == 2 && p[i] == C1_LEAD && p[i + 1] < 0xa0;

		if (len == 0 && p[i] >= 0xa0)
			len = 1; /* no UTF-8, and no terminal takes it for a control */
		if (!len || c1 || (p[i] < 0x20 && p[i] != '\t') || p[i] == DEL)
			break;
		i += len;
	}
	return i;
}

static size_t put_text(struct buf *out, const unsigned char *p, size_t n, enum ansi_mode mode)
{
	if (mode == ANSI_STRIP) {
		size_t i = 1;

		while (i < n && p[i] != ESC && p[i] != C1_LEAD)
			i++;
		(void)buf_add(out, p, i);
		return i;
	}
	size_t len = printable(p, n);
	if (len)
		(void)buf_add(out, p, len);
	else
		(void)buf_addc(out, '?');
	return len ? len : 1;
}

void ansi_put(struct buf *out, const char *line, size_t n, enum ansi_mode mode)
{
	const unsigned char *p = (const unsigned char *)line;
	bool coloured = false, sgr;

	if (mode == ANSI_KEEP) {
		(void)buf_add(out, line, n);
		return;
	}
	if (mode != ANSI_STRIP && n && p[n - 1] == '\r')
		n--; /* of a line that ends with CR LF */
	while (n) {
		size_t len = sequence(p, n, &sgr);

		if (len && sgr && mode == ANSI_COLOUR) {
			(void)buf_add(out, p, len);
			coloured = true;
		}
		if (!len)
			len = put_text(out, p, n, mode);
		p += len;
		n -= len;
	}
	if (coloured)
		(void)buf_adds(out, SGR_RESET);
}
