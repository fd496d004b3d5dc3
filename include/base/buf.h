/* buf.h - bytes with an obligatory cap. Layer: base. */
#ifndef BASE_BUF_H
#define BASE_BUF_H

#include <stdarg.h>
#include <stddef.h>

/* Owner: whoever did buf_init(); buf_done() releases. p is NUL-terminated whenever it is not NULL.
 */
struct buf {
	char *p;
	size_t len, cap;
	size_t max; /* len never exceeds this; an append that would is refused whole */
	int failed; /* sticky: an append was refused (cap or memory) since buf_init() */
};

void buf_init(struct buf *b, size_t max);
void buf_done(struct buf *b);  /* frees; the buffer may be used again, empty */
void buf_reset(struct buf *b); /* len = 0, failed = 0; memory kept */

/* Each returns 0, or -1 (errno EMSGSIZE past max, ENOMEM) with the content unchanged and failed
 * set. */
int buf_add(struct buf *b, const void *p, size_t n);
int buf_adds(struct buf *b, const char *s);
int buf_addc(struct buf *b, char c);
int buf_printf(struct buf *b, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
int buf_vprintf(struct buf *b, const char *fmt, va_list ap);

/* Drops the first n bytes (n <= len). */
void buf_drop(struct buf *b, size_t n);
/* Hands the bytes on (malloc'd, NUL-terminated; NULL if nothing was ever added); the buffer is
 * empty after. */
char *buf_steal(struct buf *b);

#endif
