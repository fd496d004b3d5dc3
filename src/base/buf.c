#include "base/buf.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void buf_init(struct buf *b, size_t max)
{
	*b = (struct buf){ .max = max };
}

void buf_done(struct buf *b)
{
	free(b->p);
	buf_init(b, b->max);
}

void buf_reset(struct buf *b)
{
	b->len = 0;
	b->failed = 0;
	if (b->p)
		b->p[0] = '\0';
}

static int refuse(struct buf *b, int sys)
{
	b->failed = 1;
	errno = sys;
	return -1;
}

static int room_for(struct buf *b, size_t n)
{
	if (n > b->max || b->len > b->max - n)
		return refuse(b, EMSGSIZE);
	if (b->len + n < b->cap)
		return 0;
	size_t cap = b->cap ? b->cap : 64;
	while (cap <= b->len + n)
		cap *= 2;
	char *p = realloc(b->p, cap);
	if (!p)
		return refuse(b, ENOMEM);
	b->p = p;
	b->cap = cap;
	return 0;
}

int buf_add(struct buf *b, const void *p, size_t n)
{
	if (room_for(b, n) < 0)
		return -1;
	if (n)
		memcpy(b->p + b->len, p, n);
	b->len += n;
	b->p[b->len] = '\0';
	return 0;
}

int buf_adds(struct buf *b, const char *s)
{
	return buf_add(b, s, strlen(s));
}

int buf_addc(struct buf *b, char c)
{
	return buf_add(b, &c, 1);
}

int buf_vprintf(struct buf *b, const char *fmt, va_list ap)
{
	va_list again;

	va_copy(again, ap);
	int n = vsnprintf(NULL, 0, fmt, ap);
	if (n < 0 || room_for(b, (size_t)n) < 0) {
		va_end(again);
		return n < 0 ? refuse(b, EINVAL) : -1;
	}
	vsnprintf(b->p + b->len, (size_t)n + 1, fmt, again);
	va_end(again);
	b->len += (size_t)n;
	return 0;
}

int buf_printf(struct buf *b, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	int rc = buf_vprintf(b, fmt, ap);
	va_end(ap);
	return rc;
}

void buf_drop(struct buf *b, size_t n)
{
	if (!n)
		return;
	b->len -= n;
	memmove(b->p, b->p + n, b->len + 1);
}

char *buf_steal(struct buf *b)
{
	char *p = b->p;

	b->p = NULL;
	buf_done(b);
	return p;
}
