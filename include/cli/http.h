/* http.h - the little of HTTP that `sysg serve` speaks: RFC 9112, a request a connection. Layer: cli (pure). */
#ifndef CLI_HTTP_H
#define CLI_HTTP_H

#include <stdbool.h>
#include <stddef.h>

#include "base/buf.h"

enum { HTTP_HEAD_MAX = 8192, HTTP_PATH_MAX = 256 };

struct http_asked {
	bool head;                /* HEAD: no body is sent */
	char path[HTTP_PATH_MAX]; /* without the query */
};

/* How long the head of a request is, its empty line included; 0: that is not there yet. */
size_t http_head_length(const char *bytes, size_t n);
/* A whole head. Returns 200 with *ret filled; 400 it is none, 405 another method, 431 the path is too long. */
int http_parse(const char *bytes, size_t n, struct http_asked *ret);
/* The head of an answer with a body of that length, after which the connection is closed. */
void http_put_head(struct buf *out, int status, const char *type, size_t length);
/* Text for a page: & < > and both quotes as entities, control bytes but the newline as '?'. */
void http_put_escaped(struct buf *out, const char *text, size_t n);

#endif
