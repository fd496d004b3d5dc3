#include "manifest/text.h"

/* Bytes of the character at p, 0: it is none. */
static size_t utf8_len(const unsigned char *p, size_t left)
{
	unsigned char lo = 0x80, hi = 0xbf;
	size_t n;

	if (p[0] < 0x80)
		return p[0] != 0;
	if (p[0] >= 0xc2 && p[0] <= 0xdf)
		n = 2;
	else if (p[0] >= 0xe0 && p[0] <= 0xef)
		n = 3;
	else if (p[0] >= 0xf0 && p[0] <= 0xf4)
		n = 4;
	else
		return 0;
	/* The second byte rules out overlong forms, surrogates and what is past U+10FFFF. */
	if (p[0] == 0xe0)
		lo = 0xa0;
	else if (p[0] == 0xed)
		hi = 0x9f;
	else if (p[0] == 0xf0)
		lo = 0x90;
	else if (p[0] == 0xf4)
		hi = 0x8f;
	if (left < n || p[1] < lo || p[1] > hi)
		return 0;
	for (size_t i = 2; i < n; i++)
		if ((p[i] & 0xc0) != 0x80)
			return 0;
	return n;
}

size_t text_check(const char *text, size_t len)
{
	size_t at = 0;

	while (at < len) {
		size_t n = utf8_len((const unsigned char *)text + at, len - at);
		if (!n)
			break;
		at += n;
	}
	return at;
}

void text_place(const char *text, size_t offset, int *ret_line, int *ret_col)
{
	*ret_line = *ret_col = 1;
	for (size_t i = 0; i < offset; i++) {
		unsigned char c = (unsigned char)text[i];
		if (c == '\n' || (c == '\r' && (i + 1 == offset || text[i + 1] != '\n'))) {
			(*ret_line)++;
			*ret_col = 1;
		} else if ((c & 0xc0) != 0x80 && c != '\r') {
			(*ret_col)++;
		}
	}
}
