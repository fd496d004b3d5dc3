/* lines.h - what a program printed last, made fit to be shown. Layer: base (pure). */
#ifndef BASE_LINES_H
#define BASE_LINES_H

#include <stdbool.h>
#include <stddef.h>

/* Copies n bytes, control bytes and bytes that are no UTF-8 as '?', at most size - 1 of them, whole
 * characters, and a NUL. Returns the length. */
size_t line_clean(char *to, size_t size, const char *text, size_t n);

/* The last lines of text on one: " | " between them, cleaned, empty ones left out. What does not
 * fit into size - 1 bytes is cut off in front. Returns the length. */
size_t lines_join(char *to, size_t size, const char *text, size_t n);

/* The next line: *at begins at 0 and moves on. false: there is none. *ret is not NUL-terminated. */
bool lines_next(const char *text, size_t n, size_t *at, const char **ret, size_t *ret_len);
/* Where the last `most` lines begin. */
size_t lines_last(const char *text, size_t n, unsigned most);

/* Did it say that it can't bind, as the address is in use? *ret_port: the port that stands in that
 * line, or 0. */
bool lines_bind_error(const char *text, size_t n, int *ret_port);

#endif
