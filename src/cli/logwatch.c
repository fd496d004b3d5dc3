/* How a directory of log files grows, by inotify(7). */
#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/inotify.h>
#include <unistd.h>

#include "base/log.h"
#include "cli/logtree_int.h"

enum { LOOK_MS = 500, GATHER_MS = 10 };

#define NEW_FILES (IN_CREATE | IN_MOVED_TO | IN_DELETE | IN_DELETE_SELF | IN_MOVE_SELF)

static void give_up(struct logtree *t)
{
	if (t->inotify >= 0)
		(void)close(t->inotify);
	t->inotify = -1;
}

/* The files change by events of their directories; the same directory again is the same watch. */
static int watch_dir(struct logwalk *w, const char *path, struct err *err)
{
	(void)err;
	if (inotify_add_watch(w->t->inotify, path, IN_MODIFY | NEW_FILES | IN_ONLYDIR) >= 0)
		return 0;
	if (errno == ENOENT || errno == ENOTDIR)
		return 0; /* gone already */
	log_line(LOG_DBG, "%s can't be watched: %s", path, strerror(errno));
	return -1;
}

static void watch_all(struct logtree *t)
{
	struct logwalk w = { .t = t, .dir = watch_dir };
	struct err err;

	if (t->inotify >= 0 && logtree_walk(&w, "", &err) < 0)
		give_up(t);
}

void logtree_watch(struct logtree *t)
{
	t->inotify = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
	watch_all(t);
}

static bool drain(int fd)
{
	_Alignas(struct inotify_event) char bytes[16 * 1024];
	bool fresh = false;
	ssize_t n;

	while ((n = read(fd, bytes, sizeof bytes)) > 0)
		for (ssize_t i = 0; i < n;) {
			const struct inotify_event *e = (const void *)(bytes + i);

			fresh |= (e->mask & (NEW_FILES | IN_Q_OVERFLOW)) != 0;
			i += (ssize_t)(sizeof *e + e->len);
		}
	return fresh;
}

int logtree_await(struct logtree *t, int out, bool *ret_new)
{
	struct pollfd p[] = { { .fd = t->inotify, .events = POLLIN }, { .fd = out } };
	int rc = poll(p, 2, t->inotify < 0 ? LOOK_MS : -1);

	if (rc > 0 && p[1].revents)
		return -1;
	if (t->inotify < 0) {
		logtree_watch(t);
		*ret_new = true;
		return 0;
	}
	(void)poll(NULL, 0, GATHER_MS); /* a burst is one look */
	*ret_new = drain(t->inotify);
	if (*ret_new)
		watch_all(t); /* a directory may be new, and hold files already: the caller looks at
				 all */
	return 0;
}
