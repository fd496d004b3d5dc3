/* filewatch.h - is there a file, without hanging on the file system that it is on. Layer: os. */
#ifndef OS_FILEWATCH_H
#define OS_FILEWATCH_H

#include <stdbool.h>

/* What a throwaway fork finds out; see os/ask.h. */
struct file_answer {
	bool exists;
	bool local; /* its directory is on a local file system: from now on file_look() may be
		       called directly */
};
/* An ask_fn: arg is the path. */
void file_answer_into(const void *path, int fd);
bool file_exists(const char *path);
/* Is its directory on a local file system? For a fork: statfs(2) hangs where that hangs. */
bool path_is_local(const char *path);
/* The same without following a link at the end of path, for one whose directory is local: 1 there,
 * 0 not, -1 it is a link, which only a fork may follow. */
int file_look(const char *path);

int inotify_open(void); /* non-blocking, close-on-exec; -1 with errno */
/* Watches the directory of path for things that appear in it. A watch descriptor; -1 with errno. */
int inotify_watch_dir_of(int fd, const char *path);
void inotify_unwatch(int fd, int wd);
/* Watches the directory of path for things that go from it. As above. */
int inotify_watch_gone(int fd, const char *path);
void inotify_drain(
	int fd); /* forgets the events that came; where more come meanwhile, fd is readable again */
enum { INOTIFY_LOST = -2, INOTIFY_MOST = 64 };
/* The watch descriptors of the next events, at most 64; INOTIFY_LOST: some were lost, look at
 * everything. ret_wds holds INOTIFY_MOST. How many; 0: none. What is left makes fd readable again.
 */
int inotify_read(int fd, int *ret_wds, int max);

#endif
