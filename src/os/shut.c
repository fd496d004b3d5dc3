#include "os/shut.h"

#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

/* The kernel's own layout: libc's readdir would allocate. */
struct dirent64 {
	uint64_t ino;
	int64_t off;
	unsigned short len;
	unsigned char type;
	char name[];
};

static int span(int from, int to)
{
	return from > to ? 0 : (int)syscall(SYS_close_range, (unsigned)from, (unsigned)to, 0);
}

/* /proc lists by number, so closing one that was listed passes over none. */
static void one_by_one(int low, int a, int b)
{
	_Alignas(struct dirent64) char bytes[2048];
	int dir = open("/proc/self/fd", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (dir < 0)
		return;
	for (long n; (n = syscall(SYS_getdents64, dir, bytes, sizeof bytes)) > 0;)
		for (long at = 0; at < n;) {
			const struct dirent64 *e = (const void *)(bytes + at);
			int fd = *e->name == '.' ? -1 : (int)strtol(e->name, NULL, 10);
			at += e->len;
			if (fd >= low && fd != a && fd != b && fd != dir)
				close(fd);
		}
	close(dir);
}

void shut_from(int low, const int keep[2])
{
	int a = keep[0] < keep[1] ? keep[0] : keep[1], b = keep[0] < keep[1] ? keep[1] : keep[0];

	a = a < low ? low - 1 : a;
	b = b < low ? low - 1 : b;
	if (span(low, a - 1) < 0 || span(a + 1, b - 1) < 0 || span(b + 1, INT32_MAX) < 0)
		one_by_one(low, a, b);
}
