/* What a supervisor that was killed left behind is stopped before the next one starts anything:
 * there are never two copies of a service. The runtime directory says which marks that run gave
 * out. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "os/runmark.h"
#include "super/parts.h"

enum { PATH_BYTES = 600 };

unsigned super_leftovers(const char *run_dir)
{
	char path[PATH_BYTES];
	struct mark_range before;
	bool here;

	snprintf(path, sizeof path, "%s/sysg.marks", run_dir);
	return runmark_read(path, &before, &here) && here ? sweep_leftovers(&before) : 0;
}

void leftovers_stop(struct super *s)
{
	char path[PATH_BYTES], now[RUNMARK_TEXT];
	struct mark_range before;
	bool here;

	if (!s->run_dir || !s->marks.usable)
		return;
	snprintf(path, sizeof path, "%s/sysg.marks", s->run_dir);
	runmark_print(now, s->marks.base);
	bool known = runmark_read(path, &before, &here) && before.base != s->marks.base;
	if (known && !s->pre.pid1 && here) {
		unsigned left = sweep_leftovers(&before);
		event_add(s, EVENT_LEFTOVERS, NULL, left ? ERR_SURVIVORS : ERR_OK,
			"of a supervisor that was killed: left=%u", left);
		if (left)
			log_line(LOG_ERR,
				"error[SG0713]: %u processes of a supervisor that was killed can't "
				"be stopped",
				left);
	}
	if (known)
		groups_before(s, &before);
	int fd = open(
		path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, 0600);
	size_t n = strlen(now);
	if (fd < 0 || write(fd, now, n) != (ssize_t)n)
		log_line(LOG_WARN, "%s can't be written: %s", path, strerror(errno));
	if (fd >= 0)
		close(fd);
}
