#include "os/runmark.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/types.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/units.h"
#include "os/pid1.h"
#include "os/proc.h"

static void read_text(const char *path, char text[static RUNMARK_TEXT])
{
	autoclose int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	ssize_t n = fd < 0 ? -1 : read(fd, text, RUNMARK_TEXT - 1);

	text[n > 0 ? n : 0] = '\0';
	text[strcspn(text, "\n")] = '\0';
}

void runmark_print(char text[static RUNMARK_TEXT], uint64_t base)
{
	char boot[RUNMARK_TEXT];

	read_text("/proc/sys/kernel/random/boot_id", boot);
	(void)snprintf(text, RUNMARK_TEXT, "%.40s %" PRIu64 " %" PRIu64, boot,
		pid_namespace_inode(), base);
}

static bool same_place(const char *recorded, const char *now)
{
	const char *a = strrchr(recorded, ' '), *b = strrchr(now, ' ');

	return a && b && a - recorded == b - now &&
	       strncmp(recorded, now, (size_t)(a - recorded)) == 0;
}

bool runmark_read(const char *path, struct mark_range *ret, bool *ret_here)
{
	char recorded[RUNMARK_TEXT], now[RUNMARK_TEXT];
	const char *why;
	int64_t base;

	read_text(path, recorded);
	runmark_print(now, 0);
	*ret_here = same_place(recorded, now);
	const char *last = strrchr(recorded, ' ');
	if (!last || whole_parse(last + 1, 1, INT64_MAX, &base, &why) < 0)
		return false;
	/* the recorded number is a hard limit that the range of that run began with */
	return mark_range_of(ret, (uint64_t)base);
}

unsigned runmark_wearers(const struct mark_range *range)
{
	struct proc_iter *it = proc_iter_new();
	struct proc_stat st;
	unsigned n = 0;
	uint64_t mark;

	for (pid_t pid; it && (pid = proc_iter_next(it)) > 0;)
		if (mark_read(pid, &mark) == 0 && mark_in_range(range, mark) &&
			proc_stat_read(pid, &st) == 0 && proc_alive(&st))
			n++;
	proc_iter_free(it);
	return n;
}
