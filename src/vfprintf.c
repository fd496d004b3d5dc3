/* libc's vfprintf(3), on which all of its printf functions are built, for the static binary: the one there brings floating
 * point and wide characters along, 10 KB that nothing here uses. */
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>

#include "base/format.h"

struct sink {
	FILE *file;
	bool failed;
};

static void put(void *arg, const char *s, size_t n)
{
	struct sink *to = arg;

	if (!to->failed && fwrite(s, 1, n, to->file) != n)
		to->failed = true;
}

__attribute__((used)) int vfprintf(FILE *restrict file, const char *restrict format, va_list ap)
{
	struct sink to = { .file = file };
	int n = format_out(put, &to, format, ap);

	if (n < 0 && !to.failed)
		errno = EINVAL;
	return to.failed ? -1 : n;
}
