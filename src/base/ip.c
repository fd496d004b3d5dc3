#include "base/ip.h"

#include <string.h>

/* Up to most digits of base 10 or 16. Returns how many there are; 0: none, or too many. */
static size_t digits(const char *text, size_t n, unsigned base, size_t most, unsigned *ret)
{
	static const char names[] = "0123456789abcdefABCDEF";
	size_t i = 0;

	for (*ret = 0; i < n; i++) {
		const char *at = memchr(names, text[i], base > 10 ? sizeof names - 1 : 10);
		if (!at)
			break;
		*ret = *ret * base + (unsigned)(at - names) - (at >= names + 16 ? 6 : 0);
	}
	return i > most ? 0 : i;
}

static bool four(const char *text, size_t n, unsigned char ret[4])
{
	for (int i = 0; i < 4; i++) {
		unsigned v;
		size_t got = digits(text, n, 10, 3, &v);
		if (!got || v > 255 || (got > 1 && *text == '0'))
			return false;
		ret[i] = (unsigned char)v;
		text += got;
		n -= got;
		if (i < 3 && (!n-- || *text++ != '.'))
			return false;
	}
	return n == 0;
}

/* Groups with a colon between them, the last two of which may be an IPv4 address. Returns how many bytes they are, -1: they
 * are none. */
static int groups(const char *text, size_t n, unsigned char ret[16])
{
	for (int at = 0; at < 16; at += 2) {
		unsigned v;
		size_t got = digits(text, n, 16, 4, &v);
		if (at <= 12 && four(text, n, ret + at))
			return at + 4;
		if (!got)
			return -1;
		ret[at] = (unsigned char)(v >> 8);
		ret[at + 1] = (unsigned char)v;
		if (got == n)
			return at + 2;
		if (text[got] != ':')
			return -1;
		text += got + 1;
		n -= got + 1;
	}
	return -1;
}

bool ip_parse(const char *text, size_t n, struct ip *ret)
{
	const char *gap = NULL;
	int before, after = 0;

	*ret = (struct ip){ .len = 4 };
	if (four(text, n, ret->bytes))
		return true;
	ret->len = 16;
	for (size_t i = 1; i < n && !gap; i++)
		gap = text[i] == ':' && text[i - 1] == ':' ? text + i - 1 : NULL;
	if (!gap)
		return groups(text, n, ret->bytes) == 16;
	unsigned char tail[16];
	size_t rest = n - (size_t)(gap + 2 - text);
	before = gap > text ? groups(text, (size_t)(gap - text), ret->bytes) : 0;
	after = rest ? groups(gap + 2, rest, tail) : 0;
	/* what follows the numbers of an IPv4 address is nothing; the gap is one group at least */
	if (before < 0 || after < 0 || before + after > 14 ||
		memchr(text, '.', (size_t)(gap - text)))
		return false;
	memset(ret->bytes + before, 0, sizeof ret->bytes - (size_t)before);
	memcpy(ret->bytes + 16 - after, tail, (size_t)after);
	return true;
}
