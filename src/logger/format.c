#include "logger/format.h"

#include <string.h>

#include "base/utf8.h"

static char *put(char *to, const char *p, size_t n)
{
	memcpy(to, p, n);
	return to + n;
}

static char *puts_(char *to, const char *s)
{
	return put(to, s, strlen(s));
}

static char *escape(char *to, unsigned char c)
{
	static const char letters[] = "\"\"\\\\\nn\tt\rr\bb\ff", hex[] = "0123456789abcdef";

	*to++ = '\\';
	for (const char *l = letters; *l; l += 2)
		if (c == (unsigned char)*l) {
			*to++ = l[1];
			return to;
		}
	to = put(to, "u00", 3);
	*to++ = hex[c >> 4];
	*to++ = hex[c & 15];
	return to;
}

static char *quoted(char *to, const char *text, size_t n)
{
	const unsigned char *p = (const unsigned char *)text;

	for (size_t i = 0; i < n;) {
		size_t len = utf8_length(p + i, n - i);
		if (!len ||
			(len == 1 && (p[i] < 0x20 || p[i] == '"' || p[i] == '\\' || p[i] == 0x7f)))
			to = escape(to, p[i++]);
		else
			for (; len; len--)
				*to++ = (char)p[i++];
	}
	return to;
}

static size_t json_line(char *to, const struct format *f, const char *stamp, const struct line *l)
{
	char *p = puts_(to, "{\"ts\":\"");

	p = puts_(p, stamp);
	p = puts_(p, "\",\"stream\":\"");
	p = puts_(p, f->stream);
	p = puts_(p, "\",\"service\":\"");
	if (f->label)
		p = quoted(p, f->label, strnlen(f->label, FORMAT_LABEL));
	p = puts_(p, "\",\"line\":\"");
	p = quoted(p, l->p, l->n);
	if (l->cut)
		p = puts_(p, LINE_CUT_MARK);
	p = puts_(p, "\"}\n");
	return (size_t)(p - to);
}

size_t format_line(char *to, const struct format *f, const char *stamp, const struct line *l)
{
	char *p = to;

	if (f->json)
		return json_line(to, f, stamp, l);
	if (f->label) {
		p = put(p, f->label, strnlen(f->label, FORMAT_LABEL));
		p = put(p, " | ", 3);
	}
	return (size_t)(p - to) + line_put(p, l);
}
