/* text.h - is this text, and where does it cease to be. Layer: manifest. */
#ifndef MANIFEST_TEXT_H
#define MANIFEST_TEXT_H

#include <stddef.h>

/* Offset of the first byte that is NUL or not part of a UTF-8 character (RFC 3629); len when all is
 * well. */
size_t text_check(const char *text, size_t len);
/* 1-based line, and column in characters, of an offset. Lines end by LF, CR or CR LF. */
void text_place(const char *text, size_t offset, int *ret_line, int *ret_col);

#endif
