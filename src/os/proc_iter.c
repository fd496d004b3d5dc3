#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "os/proc.h"

/* As getdents64(2) fills it; the C library's readdir would allocate 32 KiB and read all of that at
 * once. */
struct dirent_head {
	uint64_t ino;
	int64_t off;
	unsigned short reclen;
	unsigned char type;
	char name[];
};

struct proc_iter {
	int fd;
	size_t at, len;
	_Alignas(8) char buf[4096];
};

struct proc_iter *proc_iter_at(const char *path)
{
	struct proc_iter *it = malloc(sizeof *it);

	if (!it)
		return NULL;
	it->at = it->len = 0;
	it->fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (it->fd < 0) {
		free(it);
		return NULL;
	}
	return it;
}

struct proc_iter *proc_iter_new(void)
{
	return proc_iter_at("/proc");
}

pid_t proc_iter_next(struct proc_iter *it)
{
	for (;;) {
		if (it->at == it->len) {
			long n = syscall(SYS_getdents64, it->fd, it->buf, sizeof it->buf);
			if (n <= 0)
				return 0;
			it->at = 0;
			it->len = (size_t)n;
		}
		const struct dirent_head *d = (const void *)(it->buf + it->at);
		it->at += d->reclen;
		if (d->name[0] >= '1' && d->name[0] <= '9')
			return (pid_t)strtol(d->name, NULL, 10);
	}
}

struct proc_iter *proc_iter_free(struct proc_iter *it)
{
	if (it)
		close(it->fd);
	free(it);
	return NULL;
}
