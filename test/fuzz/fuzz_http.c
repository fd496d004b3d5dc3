/* Requests to `sysg serve`: where a head ends doesn't depend on how it arrives, what is taken has a path that is one, and
 * what goes into a page has no tag. */
#include "cli/http.h"
#include "fuzz.h"

static void whole(const char *bytes, size_t n, size_t length)
{
	for (size_t i = 0; i < n; i++)
		HOLDS(http_head_length(bytes, i) == (i < length || !length ? 0 : length),
			"%zu of %zu", i, n);
}

static void parsed(const char *bytes, size_t length)
{
	char *copy =
		bytes_copy((const uint8_t *)bytes, length); /* nothing behind it is looked at */
	struct http_asked asked;
	int status = http_parse(copy, length, &asked);

	HOLDS(status == 200 || status == 400 || status == 405 || status == 431, "%d", status);
	if (status == 200) {
		HOLDS(asked.path[0] == '/' && strlen(asked.path) < HTTP_PATH_MAX, "no path");
		HOLDS(!strpbrk(asked.path, " ?\r\n"), "%s", asked.path);
	}
	free(copy);
}

static void page(const char *bytes, size_t n)
{
	struct buf out;

	buf_init(&out, 8 * n + 8);
	http_put_escaped(&out, bytes, n);
	HOLDS(!out.failed, "%zu bytes", n);
	for (size_t i = 0; i < out.len; i++)
		HOLDS(!strchr("<>\"'\033\r", out.p[i]) && out.p[i], "%.*s", (int)out.len, out.p);
	buf_done(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *bytes = bytes_copy(data, size);
	size_t length = http_head_length(bytes, size);

	HOLDS(length <= size, "%zu of %zu", length, size);
	if (size <= 512)
		whole(bytes, size, length);
	if (length)
		parsed(bytes, length);
	page(bytes, size);
	free(bytes);
	return 0;
}
