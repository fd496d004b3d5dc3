/* A cron expression, a NUL, the bytes of a zone file: when it runs next, in that zone. */
#include "fuzz.h"
#include "node/cron.h"

static void span_holds(const struct zone *z, int64_t t)
{
	struct zone_span s = zone_at(z, t);

	HOLDS(s.from <= t && t < s.to, "%lld", (long long)t);
	HOLDS(s.offset > -26 * 3600 && s.offset < 26 * 3600, "%d", (int)s.offset);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const uint8_t *nul = memchr(data, 0, size);
	size_t n = nul ? (size_t)(nul - data) : size, left = nul ? size - n - 1 : 0;
	char *text = text_copy(data, n), *bytes = bytes_copy(nul ? nul + 1 : data, left);
	struct cron_expr c;
	struct zone z;
	struct err err;
	bool zone = zone_parse(bytes, left, &z, &err) == 0;

	if (!zone)
		err_holds(&err);
	for (int64_t t = 0; t < INT64_C(1) << 35; t = 2 * t + 1711846800)
		span_holds(&z, t);
	if (cron_parse(text, &c, &err) < 0) {
		err_holds(&err);
	} else {
		for (int64_t t = 1711846800, i = 0; i < 20; i++) {
			int64_t next = cron_next(&c, &z, t);
			HOLDS(next > t && next != CRON_NEVER, "%s after %lld", text, (long long)t);
			t = next;
		}
	}
	free(text);
	free(bytes);
	return 0;
}
