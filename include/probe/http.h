/* http.h - the little of HTTP that a health check speaks. Layer: probe (pure). */
#ifndef PROBE_HTTP_H
#define PROBE_HTTP_H

#include <stddef.h>

enum {
	HTTP_LINE_MAX = 512, /* bytes of a status line, its end included */
	HTTP_REQUEST_MAX =
		2048 + 640, /* of a request: a URL of 2048 bytes, and its host once more */
};

/* A GET into buf of HTTP_REQUEST_MAX bytes; its length. Source: RFC 9112 3. */
size_t http_request(char *buf, const char *authority, const char *path);
/* The status of a whole status line of n bytes, 100 to 999; -1: that is none. RFC 9112 4. */
int http_status(const char *line, size_t n);
/* "503 Service Unavailable" into buf. Returns buf. */
char *http_words(char *buf, size_t size, int status);

#endif
