#include "manifest/text.h"

#include "base/utf8.h"

size_t text_check(const char *text, size_t len)
{
	size_t at = 0;

	while (at < len) {
		size_t n = text[at] ? utf8_length((const unsigned char *)text + at, len - at) : 0;
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
