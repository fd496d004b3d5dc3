#include "cli/out.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"

static bool colourless, undrawn, agent_reads;

int out_flush(struct buf *b)
{
	size_t done = 0;
	int failed = b->failed;

	while (done < b->len) {
		ssize_t n = write(STDOUT_FILENO, b->p + done, b->len - done);
		struct pollfd p = { .fd = STDOUT_FILENO, .events = POLLOUT };

		if (n >= 0)
			done += (size_t)n;
		else if (errno == EAGAIN)
			(void)poll(&p, 1, -1);
		else if (errno != EINTR)
			break;
	}
	int sys = done < b->len ? errno : 0;
	if (sys && sys != EPIPE) /* whoever read it had enough: `| head` */
		log_line(LOG_ERR, "stdout: %s", strerror(sys));
	else if (!sys && failed)
		log_line(LOG_ERR, "the output is too large");
	buf_reset(b);
	errno = sys;
	return failed || sys ? -1 : 0;
}

void out_plain(bool no_colour, bool no_drawing)
{
	const char *none = getenv("NO_COLOR"), *agent = getenv("SYSTEMG_AGENT");

	undrawn = no_drawing;
	agent_reads = agent && strcmp(agent, "1") == 0;
	colourless = no_colour || no_drawing || (none && *none) || agent_reads;
}

bool out_colour(int fd)
{
	return !colourless && isatty(fd);
}

bool out_live(int fd)
{
	const char *term = getenv("TERM");

	return !undrawn && !agent_reads && term && *term && strcmp(term, "dumb") != 0 && isatty(fd);
}

/* No setlocale(): the names of the locale are enough to know what the terminal takes. */
bool out_drawing(void)
{
	static const char *const names[] = { "LC_ALL", "LC_CTYPE", "LANG" };

	if (undrawn)
		return false;
	for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
		const char *value = getenv(names[i]);

		if (value && *value)
			return strcasestr(value, "utf-8") || strcasestr(value, "utf8");
	}
	return true;
}

void out_clean(struct buf *b, const char *text)
{
	for (; *text; text++) {
		unsigned char c = (unsigned char)*text;

		(void)buf_addc(b, (char)(c < 0x20 || c == 0x7f ? '?' : *text));
	}
}
