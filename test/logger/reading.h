/* reading.h - what a logger says and writes, for the tests of the whole process. */
#ifndef TEST_LOGGER_READING_H
#define TEST_LOGGER_READING_H

#include <stdbool.h>
#include <sys/stat.h>

#include "child.h"

static char content[4 << 20], message[4096];

/* The next message from the logger as "op=eof id=1 "; NULL: none within ms. */
static inline const char *told(int ms)
{
	struct pollfd p = { .fd = lg.ctl, .events = POLLIN };

	if (poll(&p, 1, ms) != 1)
		return NULL;
	ssize_t n = recv(lg.ctl, message, sizeof message - 1, 0);
	if (n <= 0)
		return NULL;
	for (ssize_t i = 0; i < n; i++)
		if (!message[i])
			message[i] = ' ';
	while (n > 0 && message[n - 1] == ' ')
		n--;
	message[n] = '\0';
	return message;
}

static inline void expect_told(const char *what)
{
	const char *got = told(5000);

	cr_expect_not_null(got, "nothing came where \"%s\" was due", what);
	if (got)
		cr_expect_str_eq(got, what);
}

static inline void send_finish(void)
{
	static const char finish[] = "op=finish\0";

	cr_assert_eq(send(lg.ctl, finish, sizeof finish, 0), (ssize_t)sizeof finish);
}

static inline int exit_status(void)
{
	int status = -1;

	cr_expect_eq(waitpid(lg.pid, &status, 0), lg.pid);
	lg.pid = 0;
	return status;
}

static inline void finish(void)
{
	send_finish();
	expect_told("ok=1 done=1");
	cr_expect_eq(exit_status(), 0);
}

/* Waits until what the logger has shown is noted, too: its answer comes after that. */
static inline void settled(void)
{
	static const char tail[] = "op=tail\0number=1\0id=0\0since=0\0path=none\0";

	cr_assert_eq(send(lg.ctl, tail, sizeof tail, 0), (ssize_t)sizeof tail);
	expect_told("op=tail number=1");
}

/* Everything that is there now. */
static inline const char *drain(int fd)
{
	size_t n = 0;

	fcntl(fd, F_SETFL, O_NONBLOCK);
	for (ssize_t k; (k = read(fd, content + n, sizeof content - 1 - n)) > 0;)
		n += (size_t)k;
	content[n] = '\0';
	return content;
}

/* Reads until want is the end of what came. */
static inline const char *drain_until(int fd, const char *want)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };
	size_t n = 0;

	content[0] = '\0';
	while (n < strlen(want) || strcmp(content + n - strlen(want), want)) {
		cr_assert_eq(poll(&p, 1, 5000), 1, "after \"%s\"", content);
		ssize_t k = read(fd, content + n, sizeof content - 1 - n);
		cr_assert_gt(k, 0);
		n += (size_t)k;
		content[n] = '\0';
	}
	return content;
}

static inline const char *file_text(const char *rel)
{
	int fd = open(in_dir(rel), O_RDONLY);

	content[0] = '\0';
	if (fd < 0)
		return content;
	drain(fd);
	close(fd);
	return content;
}

static inline int64_t size_of(const char *rel)
{
	struct stat st;

	return stat(in_dir(rel), &st) < 0 ? -1 : st.st_size;
}

static inline bool wait_size(const char *rel, int64_t at_least)
{
	for (int i = 0; i < 500; i++, usleep(10000))
		if (size_of(rel) >= at_least)
			return true;
	return false;
}

/* Fills a pipe until its reader is needed; returns the bytes it took within the time of one
 * refusal. */
static inline size_t fill(int fd)
{
	static const char line[] =
		"0123456789012345678901234567890123456789012345678901234567890\n";
	struct pollfd p = { .fd = fd, .events = POLLOUT };
	size_t n = 0;

	fcntl(fd, F_SETFL, O_NONBLOCK);
	while (poll(&p, 1, 200) == 1) {
		ssize_t k = write(fd, line, sizeof line - 1);
		cr_assert_gt(k, 0);
		n += (size_t)k;
		cr_assert_lt(n, 64 << 20, "it never waits");
	}
	return n;
}

#endif
