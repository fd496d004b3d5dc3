/* format.h - the part of printf(3) that this program uses, a tenth of libc's in size. Layer: base. */
#ifndef BASE_FORMAT_H
#define BASE_FORMAT_H

#include <stdarg.h>
#include <stddef.h>

/* Hands the text to put() in pieces of at most FORMAT_PIECE bytes. Knows d i u x X o c s % with - 0 + blank, width, precision
 * and hh h l ll j z t. The number of bytes, or -1: another conversion, or more than INT_MAX bytes. */
enum { FORMAT_PIECE = 256 };
int format_out(
	void (*put)(void *arg, const char *s, size_t n), void *arg, const char *format, va_list ap);

#endif
