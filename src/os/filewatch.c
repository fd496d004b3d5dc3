#include "os/filewatch.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#ifndef XFS_SUPER_MAGIC
#define XFS_SUPER_MAGIC 0x58465342
#endif
#ifndef F2FS_SUPER_MAGIC
#define F2FS_SUPER_MAGIC 0xF2F52010
#endif
#ifndef ZFS_SUPER_MAGIC
#define ZFS_SUPER_MAGIC 0x2fc12fc1
#endif

enum { DRAIN_READS = 16 };

static void dir_of(const char *path, char *ret, size_t size)
{
	const char *slash = strrchr(path, '/');

	if (!slash)
		snprintf(ret, size, ".");
	else
		snprintf(ret, size, "%.*s", slash == path ? 1 : (int)(slash - path), path);
}

bool path_is_local(const char *path)
{
	static const uint32_t types[] = { TMPFS_MAGIC, RAMFS_MAGIC, OVERLAYFS_SUPER_MAGIC,
		EXT4_SUPER_MAGIC, XFS_SUPER_MAGIC, BTRFS_SUPER_MAGIC, F2FS_SUPER_MAGIC,
		ZFS_SUPER_MAGIC, SQUASHFS_MAGIC };
	char dir[4096];
	struct statfs st;

	dir_of(path, dir, sizeof dir);
	if (statfs(dir, &st) < 0)
		return false;
	for (size_t i = 0; i < sizeof types / sizeof *types; i++)
		if ((uint32_t)st.f_type == types[i])
			return true;
	return false;
}

/* A link may lead anywhere, also off the file system that its directory is on. */
int file_look(const char *path)
{
	struct stat st;

	if (lstat(path, &st) < 0)
		return 0;
	return S_ISLNK(st.st_mode) ? -1 : 1;
}

bool file_exists(const char *path)
{
	return access(path, F_OK) == 0;
}

void file_answer_into(const void *path, int fd)
{
	struct file_answer a = { .local = path_is_local(path) && file_look(path) >= 0,
		.exists = file_exists(path) };

	(void)!write(fd, &a, sizeof a);
}

int inotify_open(void)
{
	return inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
}

int inotify_watch_dir_of(int fd, const char *path)
{
	char dir[4096];

	dir_of(path, dir, sizeof dir);
	return inotify_add_watch(fd, dir, IN_CREATE | IN_MOVED_TO | IN_ATTRIB | IN_ONLYDIR);
}

void inotify_unwatch(int fd, int wd)
{
	(void)inotify_rm_watch(fd, wd);
}

/* One read a call: whoever makes files faster than they are looked at can't keep us here. */
int inotify_read(int fd, int *ret_wds, int max)
{
	_Alignas(struct inotify_event) char bytes[1024];
	ssize_t n = read(fd, bytes, sizeof bytes);
	int got = 0;

	for (ssize_t at = 0; at < n && got < max;) {
		const struct inotify_event *e = (const void *)(bytes + at);
		at += (ssize_t)(sizeof *e + e->len);
		ret_wds[got++] = e->mask & IN_Q_OVERFLOW ? INOTIFY_LOST : e->wd;
	}
	return got;
}

int inotify_watch_gone(int fd, const char *path)
{
	char dir[4096];

	dir_of(path, dir, sizeof dir);
	return inotify_add_watch(fd, dir,
		IN_DELETE | IN_MOVED_FROM | IN_MOVED_TO | IN_DELETE_SELF | IN_MOVE_SELF |
			IN_ONLYDIR);
}

void inotify_drain(int fd)
{
	char buf[4096];

	for (int i = 0; i < DRAIN_READS && read(fd, buf, sizeof buf) > 0; i++)
		continue;
}
