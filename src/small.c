/* For the static binary, parts of libc in the size that is needed here. On vfprintf(3) all of its printf functions are built: the
 * one there brings floating point and wide characters along, 10 KB that nothing here uses; its qsort() and strstr() are 3 KB. */
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/format.h"
#include "base/small.h"

/* The linker finds them by libc's names. */
int sysg_vfprintf(FILE *restrict file, const char *restrict format, va_list ap) __asm__("vfprintf");
void sysg_qsort(void *base, size_t n, size_t size, int (*cmp)(const void *, const void *)) __asm__(
	"qsort");
char *sysg_strstr(const char *text, const char *word) __asm__("strstr");

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

int sysg_vfprintf(FILE *restrict file, const char *restrict format, va_list ap)
{
	struct sink to = { .file = file };
	int n = format_out(put, &to, format, ap);

	if (n < 0 && !to.failed)
		errno = EINVAL;
	return to.failed ? -1 : n;
}

void sysg_qsort(void *base, size_t n, size_t size, int (*cmp)(const void *, const void *))
{
	small_sort(base, n, size, cmp);
}

char *sysg_strstr(const char *text, const char *word)
{
	return small_find(text, word);
}
