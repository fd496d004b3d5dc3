/* utf8.h - characters of UTF-8. Layer: base (pure). */
#ifndef BASE_UTF8_H
#define BASE_UTF8_H

#include <stddef.h>

/* The length of the character at p (n bytes are left, at least one), 0 when it is none: RFC 3629,
 * section 4. */
size_t utf8_length(const unsigned char *p, size_t n);

#endif
