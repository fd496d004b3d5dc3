/* What a supervisor that was killed left behind is stopped before the next one starts anything:
 * there are never two copies of a service. The runtime directory says which marks that run gave
 * out. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "base/units.h"
#include "super/parts.h"

enum { TEXT = 256, PATH_BYTES = 600 };

static void read_text(const char *path, char text[TEXT])
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	ssize_t n = fd < 0 ? -1 : read(fd, text, TEXT - 1);

	text[n > 0 ? n : 0] = '\0';
	text[strcspn(text, "\n")] = '\0';
	if (fd >= 0)
		close(fd);
}

/* "BOOT-ID PID-NAMESPACE MARK": a mark means something in one boot and one namespace only. */
static void identity(char *text, size_t size, uint64_t base)
{
	char boot[TEXT];

	read_text("/proc/sys/kernel/random/boot_id", boot);
	snprintf(text, size, "%.40s %" PRIu64 " %" PRIu64, boot, pid_namespace_inode(), base);
}

static bool same_place(const char *recorded, const char *now)
{
	const char *a = strrchr(recorded, ' '), *b = strrchr(now, ' ');

	return a && b && a - recorded == b - now &&
	       strncmp(recorded, now, (size_t)(a - recorded)) == 0;
}

static bool range_before(const char *recorded, struct mark_range *ret)
{
	const char *a = strrchr(recorded, ' '), *why;
	int64_t base;

	if (!a || whole_parse(a + 1, 1, INT64_MAX, &base, &why) < 0)
		return false;
	/* the recorded number is a hard limit that the range of that run began with */
	return mark_range_of(ret, (uint64_t)base);
}

unsigned super_leftovers(const char *run_dir)
{
	char path[PATH_BYTES], recorded[TEXT], now[TEXT];
	struct mark_range before;

	snprintf(path, sizeof path, "%s/sysg.marks", run_dir);
	read_text(path, recorded);
	identity(now, sizeof now, 0);
	return same_place(recorded, now) && range_before(recorded, &before)
		       ? sweep_leftovers(&before)
		       : 0;
}

void leftovers_stop(struct super *s)
{
	char path[PATH_BYTES], recorded[TEXT], now[TEXT];
	struct mark_range before;

	if (!s->run_dir || !s->marks.usable)
		return;
	snprintf(path, sizeof path, "%s/sysg.marks", s->run_dir);
	identity(now, sizeof now, s->marks.base);
	read_text(path, recorded);
	bool known = range_before(recorded, &before) && before.base != s->marks.base;
	if (known && !s->pre.pid1 && same_place(recorded, now)) {
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

void leftovers_none(struct super *s)
{
	char path[PATH_BYTES];

	if (!s->run_dir || s->survivors)
		return;
	snprintf(path, sizeof path, "%s/sysg.marks", s->run_dir);
	(void)unlink(path);
}
