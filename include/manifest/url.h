/* url.h - the parts of an http address that a health check asks for. Layer: manifest. */
#ifndef MANIFEST_URL_H
#define MANIFEST_URL_H

#include <stddef.h>

enum { URL_MAX = 2048 }; /* bytes of one */

/* All point into the text. Source: RFC 9110 4.2, RFC 3986 3. */
struct url {
	const char
		*authority; /* "localhost:8080": the host as written, with its port where one is */
	size_t authority_len;
	const char *host; /* without brackets */
	size_t host_len;
	int port;
	const char *path; /* "/ready?full=1", "?full=1" or "", up to the end of the text */
};

/* 0; or -1 with *why a static phrase and *help what to write instead. */
int url_parse(const char *s, struct url *ret, const char **why, const char **help);

#endif
