/* jsonread.h - one line of JSON to the fields of a request. Layer: cli (pure). */
#ifndef CLI_JSONREAD_H
#define CLI_JSONREAD_H

#include <stddef.h>

#include "base/buf.h"
#include "base/err.h"

/* Strict RFC 8259: one object, of whose members each is a field: a string, a whole number, true (1), false or null
 * (left out), or an array of those (the field repeated); "body" and "body_base64" are the body. What goes deeper,
 * is no UTF-8, or has a NUL in a field is refused. Adds the fields, op= first, to request (not ended) and the bytes
 * to body. -1: ERR_BAD_REQUEST, or ERR_TOO_LARGE past a cap of theirs. */
int json_read_request(
	const char *line, size_t n, struct buf *request, struct buf *body, struct err *err);

/* RFC 4648, section 4. Decoding: -1 where it is not of that form. */
void base64_put(struct buf *b, const void *bytes, size_t n);
int base64_get(struct buf *b, const char *text, size_t n);

#endif
