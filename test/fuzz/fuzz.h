/* fuzz.h - what the fuzz targets share: a sentence that must hold, bytes as texts, and words. */
#ifndef TEST_FUZZ_FUZZ_H
#define TEST_FUZZ_FUZZ_H

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* A sentence that must hold of every input. */
#define HOLDS(condition, ...)                                                                      \
	do {                                                                                       \
		if (!(condition)) {                                                                \
			fprintf(stderr, "%s:%d: does not hold: %s: ", __FILE__, __LINE__,          \
				#condition);                                                       \
			fprintf(stderr, __VA_ARGS__);                                              \
			fputc('\n', stderr);                                                       \
			abort();                                                                   \
		}                                                                                  \
	} while (0)

/* A copy on the heap with nothing behind it, so that the sanitizer sees each byte read past it. */
static inline char *bytes_copy(const uint8_t *data, size_t size)
{
	char *p = malloc(size ? size : 1);

	HOLDS(p, "no memory");
	memcpy(p, size ? data : (const uint8_t *)"", size);
	return p;
}

/* The same as a string, which ends at the first NUL. */
static inline char *text_copy(const uint8_t *data, size_t size)
{
	char *p = size ? strndup((const char *)data, size) : strdup("");

	HOLDS(p, "no memory");
	return p;
}

/* Of a failure: a listed code, and a message that fits and says something. */
static inline void err_holds(const struct err *err)
{
	HOLDS(err->code != ERR_OK && err_known((int)err->code), "code %d", (int)err->code);
	HOLDS(memchr(err->msg, '\0', sizeof err->msg) && err->msg[0], "the message");
	HOLDS(memchr(err->help, '\0', sizeof err->help), "the help");
}

/* Words with a NUL between them, as an array that ends with NULL. The words are at most max. */
struct words {
	char *bytes;
	char *v[65];
	int n;
};

static inline void words_split(struct words *w, const uint8_t *data, size_t size)
{
	char *p = w->bytes = malloc(size + 1);

	HOLDS(p, "no memory");
	memcpy(p, data, size);
	p[size] = '\0';
	w->n = 0;
	for (char *end = p + size; p < end && w->n < 64; p += strlen(p) + 1)
		w->v[w->n++] = p;
	w->v[w->n] = NULL;
}

#endif
