#include "base/log.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"

enum { LINES_A_SECOND = 200 };

static struct {
	int fd, shared;
	enum log_level level;
	int64_t second;
	int in_second;
	unsigned long dropped;
} out = { .fd = STDERR_FILENO, .shared = 1, .level = LOG_WARN };

void log_to(int fd, int shared)
{
	out.fd = fd;
	out.shared = shared;
}

void log_level_set(enum log_level level)
{
	out.level = level;
}

enum log_level log_level_get(void)
{
	return out.level;
}

static const char *const names[] = {
	[LOG_ERR] = "error",
	[LOG_WARN] = "warn",
	[LOG_INFO] = "info",
	[LOG_DBG] = "debug",
};

const char *log_level_name(enum log_level level)
{
	return names[level];
}

int log_level_parse(const char *word, enum log_level *ret)
{
	for (size_t i = 0; i < sizeof names / sizeof *names; i++)
		if (strcmp(word, names[i]) == 0) {
			*ret = (enum log_level)i;
			return 0;
		}
	return -1;
}

static int over_rate(void)
{
	int64_t second = clock_mono_ns() / NS_PER_SEC;

	if (second != out.second) {
		out.second = second;
		out.in_second = 0;
	}
	return ++out.in_second > LINES_A_SECOND;
}

static int send_line(const char *line, size_t n)
{
	struct pollfd p = { .fd = out.fd, .events = POLLOUT };

	if (out.shared && (poll(&p, 1, 0) != 1 || !(p.revents & POLLOUT)))
		return -1;
	return write(out.fd, line, n) == (ssize_t)n ? 0 : -1;
}

void log_line(enum log_level level, const char *fmt, ...)
{
	char line[PIPE_BUF];
	int saved = errno;
	va_list ap;

	if (level > out.level)
		return;
	if (over_rate()) {
		out.dropped++;
		return;
	}
	size_t n = 0;
	if (out.dropped)
		n = (size_t)snprintf(line, sizeof line, "sysg: %lu lines dropped\n", out.dropped);
	n += (size_t)snprintf(line + n, sizeof line - n, "sysg: ");
	va_start(ap, fmt);
	int m = vsnprintf(line + n, sizeof line - n - 1, fmt, ap);
	va_end(ap);
	if (m > 0)
		n += (size_t)m < sizeof line - n - 1 ? (size_t)m : sizeof line - n - 2;
	line[n++] = '\n';
	if (send_line(line, n) < 0)
		out.dropped++;
	else
		out.dropped = 0;
	errno = saved;
}
