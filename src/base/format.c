#include "base/format.h"

#include <limits.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

enum { DIGITS_MAX = 24 };

struct out {
	void (*put)(void *arg, const char *s, size_t n);
	void *arg;
	size_t n, total;
	char piece[FORMAT_PIECE];
};

/* One conversion. */
struct conv {
	bool left, zero;
	char sign;            /* before a number that is not negative: '+', ' ' or 0 */
	char length;          /* 'H' is hh, 'L' is ll, 'l' also j, z, t: as wide here as long */
	int width, precision; /* precision -1: none */
};

static void flush(struct out *o)
{
	if (o->n)
		o->put(o->arg, o->piece, o->n);
	o->n = 0;
}

/* s NULL: n times the byte c. */
static void add(struct out *o, const char *s, char c, size_t n)
{
	o->total += n;
	while (n) {
		size_t k = sizeof o->piece - o->n;
		if (k > n)
			k = n;
		if (s)
			memcpy(o->piece + o->n, s, k);
		else
			memset(o->piece + o->n, c, k);
		s = s ? s + k : NULL;
		o->n += k;
		n -= k;
		if (o->n == sizeof o->piece)
			flush(o);
	}
}

static size_t more(int wanted, size_t have)
{
	return wanted > 0 && (size_t)wanted > have ? (size_t)wanted - have : 0;
}

static void add_text(struct out *o, const struct conv *c, const char *s, size_t n)
{
	size_t pad = more(c->width, n);

	add(o, NULL, ' ', c->left ? 0 : pad);
	add(o, s, 0, n);
	add(o, NULL, ' ', c->left ? pad : 0);
}

static void add_number(struct out *o, const struct conv *c, uintmax_t v, char sign, char kind)
{
	char digits[DIGITS_MAX];
	const char *set = kind == 'X' ? "0123456789ABCDEF" : "0123456789abcdef";
	unsigned base = kind == 'o' ? 8 : kind == 'x' || kind == 'X' ? 16 : 10;
	size_t at = sizeof digits;

	for (; v; v /= base)
		digits[--at] = set[v % base];
	size_t n = sizeof digits - at;
	size_t zeros = more(c->precision < 0 ? 1 : c->precision, n);
	size_t all = n + zeros + (sign != 0), pad = more(c->width, all);
	if (c->zero && !c->left && c->precision < 0) {
		zeros += pad;
		pad = 0;
	}
	add(o, NULL, ' ', c->left ? 0 : pad);
	add(o, NULL, sign, sign != 0);
	add(o, NULL, '0', zeros);
	add(o, digits + at, 0, n);
	add(o, NULL, ' ', c->left ? pad : 0);
}

/* va_list can't be passed on and used again where it is an array, so the walk keeps it in here. */
struct walk {
	const char *at;
	va_list ap;
};

static int number(struct walk *w)
{
	int v = 0;

	if (*w->at == '*') {
		w->at++;
		return va_arg(w->ap, int);
	}
	for (; *w->at >= '0' && *w->at <= '9'; w->at++)
		v = v < INT_MAX / 10 - 1 ? 10 * v + (*w->at - '0') : v;
	return v;
}

static void read_conv(struct walk *w, struct conv *c)
{
	*c = (struct conv){ .precision = -1 };
	for (; *w->at && strchr("-0+ ", *w->at); w->at++) {
		c->left |= *w->at == '-';
		c->zero |= *w->at == '0';
		if (*w->at == '+' || (*w->at == ' ' && !c->sign))
			c->sign = *w->at;
	}
	c->width = number(w);
	if (c->width < 0) {
		c->left = true;
		c->width = c->width == INT_MIN ? INT_MAX : -c->width;
	}
	if (*w->at == '.') {
		w->at++;
		c->precision = number(w);
	}
	for (; *w->at && strchr("hljzt", *w->at); w->at++)
		c->length = (char)(c->length == 'h'   ? 'H'
				   : *w->at == 'h'    ? 'h'
				   : c->length == 'l' ? 'L'
						      : 'l');
}

static intmax_t signed_arg(struct walk *w, char length)
{
	if (length == 'L')
		return va_arg(w->ap, long long);
	if (length == 'l')
		return va_arg(w->ap, long);
	int v = va_arg(w->ap, int);
	return length == 'H' ? (signed char)v : length == 'h' ? (short)v : v;
}

static uintmax_t unsigned_arg(struct walk *w, char length)
{
	if (length == 'L')
		return va_arg(w->ap, unsigned long long);
	if (length == 'l')
		return va_arg(w->ap, unsigned long);
	unsigned v = va_arg(w->ap, unsigned);
	return length == 'H' ? (unsigned char)v : length == 'h' ? (unsigned short)v : v;
}

static int convert(struct out *o, struct walk *w)
{
	struct conv c;
	char byte;
	const char *s;
	intmax_t v;

	read_conv(w, &c);
	switch (*w->at) {
	case 'd':
	case 'i':
		v = signed_arg(w, c.length);
		add_number(o, &c, v < 0 ? -(uintmax_t)v : (uintmax_t)v,
			(char)(v < 0 ? '-' : c.sign), 'd');
		break;
	case 'u':
	case 'x':
	case 'X':
	case 'o':
		add_number(o, &c, unsigned_arg(w, c.length), 0, *w->at);
		break;
	case 'c':
		byte = (char)va_arg(w->ap, int);
		add_text(o, &c, &byte, 1);
		break;
	case 's':
		s = va_arg(w->ap, const char *);
		s = s ? s : "(null)";
		add_text(o, &c, s, c.precision < 0 ? strlen(s) : strnlen(s, (size_t)c.precision));
		break;
	case '%':
		add(o, "%", 0, 1);
		break;
	default:
		return -1;
	}
	w->at++;
	return 0;
}

int format_out(
	void (*put)(void *arg, const char *s, size_t n), void *arg, const char *format, va_list ap)
{
	struct out o = { .put = put, .arg = arg };
	struct walk w = { .at = format };
	int rc = 0;

	va_copy(w.ap, ap);
	while (rc == 0 && *w.at) {
		size_t n = (size_t)(strchrnul(w.at, '%') - w.at);
		add(&o, w.at, 0, n);
		w.at += n;
		if (*w.at == '%') {
			w.at++;
			rc = convert(&o, &w);
		}
	}
	va_end(w.ap);
	flush(&o);
	return rc < 0 || o.total > INT_MAX ? -1 : (int)o.total;
}
