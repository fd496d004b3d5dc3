/* What the tests of the manifest share: load a text, look at what was found. */
#ifndef TEST_MANIFEST_LOADING_H
#define TEST_MANIFEST_LOADING_H

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "manifest/manifest.h"

/* A manifest with one service "a"; lines of the service begin in column 5, the first at line 4. */
#define SVC(lines) "services:\n  a:\n    command: x\n" lines

static char *const loading_environ[] = { "HOME=/root", "EMPTY=", "PORT=8080", "SECS=7s",
	"TRICK=${HOME}", NULL };
static struct manifest_source loading_source = {
	.path = "/app/systemg.yaml", .environ = loading_environ, .may_switch_user = true
};
static struct findings found;

static struct manifest *load_bytes(const char *text, size_t len)
{
	/* On the heap and without a NUL behind it, so that ASan sees a read past the end. */
	char *copy = malloc(len ? len : 1);

	if (len)
		memcpy(copy, text, len);
	loading_source.text = copy;
	loading_source.len = len;
	findings_done(&found);
	struct manifest *m = manifest_load(&loading_source, &found);
	free(copy);
	return m;
}

static struct manifest *load(const char *text)
{
	return load_bytes(text, strlen(text));
}

/* Loads without any finding. */
static inline struct manifest *good(const char *text)
{
	struct manifest *m = load(text);

	cr_assert(m && found.n == 0, "%s\n%s", found.n ? found.v[0].err.msg : "not loaded", text);
	return m;
}

/* Is refused with exactly one finding: this one. */
static inline void refused_at(
	const char *text, enum err_code code, int line, int col, const char *words)
{
	struct manifest *m = load(text);

	cr_expect_null(m, "accepted:\n%s", text);
	cr_expect_eq(found.n, 1, "%zu findings, expected: %s\n%s", found.n, words, text);
	if (found.n) {
		const struct err *e = &found.v[0].err;
		cr_expect_eq(e->code, code, "SG%04d: %s\n%s", e->code, e->msg, text);
		cr_expect(e->line == line && e->col == col, "at %d:%d: %s\n%s", e->line, e->col,
			e->msg, text);
		cr_expect(strstr(e->msg, words) || strstr(e->help, words), "%s (%s), expected: %s",
			e->msg, e->help, words);
		cr_expect(!line || *e->help, "no remedy: %s", e->msg);
	}
	manifest_free(m);
	findings_done(&found);
}

/* A line of a service that is refused at this column of line 4. */
static inline void line_refused(const char *line, enum err_code code, int col, const char *words)
{
	char text[4096];

	snprintf(text, sizeof text, SVC("    %s\n"), line);
	refused_at(text, code, 4, col, words);
}

/* Services "a" with such a line; free it. */
static inline struct manifest *line_good(const char *line)
{
	char text[4096];

	snprintf(text, sizeof text, SVC("    %s\n"), line);
	return good(text);
}

/* Service "a" with such a line has this value in that field. */
#define line_means(line, field, value)                                                             \
	do {                                                                                       \
		struct manifest *loaded = line_good(line);                                         \
		cr_expect_eq(loaded->services[0].field, value, "%s", line);                        \
		manifest_free(loaded);                                                             \
	} while (0)
#define line_means_text(line, field, value)                                                        \
	do {                                                                                       \
		struct manifest *loaded = line_good(line);                                         \
		cr_expect_str_eq(loaded->services[0].field, value, "%s", line);                    \
		manifest_free(loaded);                                                             \
	} while (0)

#endif
