/* The termination log: one line about a container that fails, where its runtime looks for it. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/lines.h"
#include "base/units.h"
#include "os/shut.h"
#include "super/parts.h"

#define TERMLOG "/dev/termination-log"
enum { TERMLOG_BYTES = 4096, BOOT_WAIT_MS = 300 };

/* The fork that writes: its end of the pipe closes with it. */
struct termlog {
	struct watch w;
	bool done;
};

/* In the fork: a file system that hangs holds up nobody else. */
static void write_it(const char *text, size_t n, int keep)
{
	struct stat st;

	shut_from(3, (const int[]){ keep, keep });
	int fd = open(TERMLOG, O_WRONLY | O_NONBLOCK | O_NOFOLLOW | O_CLOEXEC | O_NOCTTY);
	if (fd >= 0 && fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && ftruncate(fd, 0) == 0)
		(void)!write(fd, text, n);
	_exit(0);
}

/* A supervisor inside of another's unit is not the container: its end is none of the runtime's
 * matters. */
static bool is_the_container(void)
{
	return !getenv("SYSG_ID");
}

/* The read end of a pipe that closes once it is written, or -1. */
static int begin(const char *text, size_t n)
{
	int p[2];

	if (!is_the_container() || pipe2(p, O_CLOEXEC | O_NONBLOCK) < 0)
		return -1;
	pid_t pid = fork();
	if (pid == 0)
		write_it(text, n, p[1]);
	close(p[1]);
	if (pid > 0)
		return p[0];
	close(p[0]);
	return -1;
}

void super_termlog(const char *what)
{
	char text[TERMLOG_BYTES];
	size_t n = line_clean(text, sizeof text - 1, what, strlen(what));

	text[n++] = '\n';
	int fd = begin(text, n);
	struct pollfd p = { .fd = fd, .events = POLLIN };
	if (fd < 0)
		return;
	(void)poll(&p, 1, BOOT_WAIT_MS);
	close(fd);
}

/* "web: code 3 after 2 restarts: last line | of all", a newline behind it. */
static size_t compose(const struct super *s, const struct unit *u, char text[TERMLOG_BYTES])
{
	char path[UNIT_PATH_MAX];
	const char *said;
	size_t n = 0, words;

	if (s->survivors || !u) {
		n = (size_t)snprintf(text, TERMLOG_BYTES,
			"sysg: exit %d: %u processes could not be killed", s->code, s->survivors);
	} else if (u->trouble.code == ERR_EXEC_FAILED) {
		n = (size_t)snprintf(text, TERMLOG_BYTES, "%.200s: SG%04d: %s, %u restarts",
			unit_path(u, path, sizeof path), (int)u->trouble.code, u->trouble.msg,
			u->restarts);
	} else {
		n = (size_t)snprintf(text, TERMLOG_BYTES, "%.200s: %s%s %d, %u restarts",
			unit_path(u, path, sizeof path), u->exit.known ? "" : "never ran, ",
			u->exit.signal ? "signal" : "code",
			u->exit.signal ? u->exit.signal : unit_exit_code(u), u->restarts);
	}
	said = u ? trouble_lines(u, &words) : NULL;
	if (said && n + 4 < TERMLOG_BYTES) {
		text[n++] = ':';
		text[n++] = ' ';
		n += lines_join(text + n, TERMLOG_BYTES - n - 1, said, words);
	}
	text[n++] = '\n';
	return n;
}

static void written(struct loop *l, struct watch *w, uint32_t events)
{
	struct termlog *t = container_of(w, struct termlog, w);

	(void)events;
	loop_close(l, w);
	t->done = true;
}

void termlog_begin(struct super *s)
{
	char text[TERMLOG_BYTES];

	if (!s->code || s->termlog || s->opts->detached)
		return;
	const struct unit *u = tree_by_id(&s->tree, s->blamed);
	size_t n = compose(s, u, text);
	struct termlog *t = calloc(1, sizeof *t);
	int fd = t ? begin(text, n) : -1;
	if (fd < 0) {
		free(t);
		return;
	}
	t->w = (struct watch){ .fd = fd, .events = LOOP_IN, .fn = written };
	s->termlog = t;
	if (loop_add(s->loop, &t->w) < 0) {
		close(fd);
		t->w.fd = -1; /* its end can't be seen: it has what is left of the time */
	}
}

bool termlog_done(const struct super *s)
{
	return !s->termlog || s->termlog->done;
}

void termlog_free(struct super *s)
{
	if (s->termlog)
		loop_close(s->loop, &s->termlog->w);
	free(s->termlog);
	s->termlog = NULL;
}
