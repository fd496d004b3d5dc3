#include "logger/picture.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "logger/sink.h"

enum { ESCAPE_BYTES = 32 };

struct picture *picture_new(int fd)
{
	struct picture *p = calloc(1, sizeof *p);

	if (p)
		p->fd = fd;
	else
		(void)close(fd);
	return p;
}

struct picture *picture_free(struct picture *p)
{
	if (p && p->fd >= 0)
		(void)close(p->fd);
	free(p);
	return NULL;
}

void picture_receive(struct picture *p)
{
	char text[PICTURE_BYTES];

	while (p->fd >= 0) {
		ssize_t n = recv(p->fd, text, sizeof text, MSG_DONTWAIT);
		if (n < 0 && (errno == EAGAIN || errno == EINTR || errno == ENOMEM))
			return;
		if (n <= 0) {
			(void)close(p->fd);
			p->fd = -1;
			return;
		}
		memcpy(p->text, text, (size_t)n);
		p->n = (size_t)n;
		p->fresh = true;
	}
}

bool picture_waits(const struct picture *p)
{
	return p->n && (p->fresh || !p->shown);
}

/* How wide each line is that goes onto the screen: characters, without escape sequences. */
static void measure(struct picture *p)
{
	unsigned short width = 0;
	bool escape = false;

	p->shown = 0;
	for (size_t i = 0; i < p->n && p->shown < PICTURE_LINES; i++) {
		unsigned char c = (unsigned char)p->text[i];
		if (c == '\n') {
			p->widths[p->shown++] = width;
			width = 0;
		} else if (escape) {
			escape = c < '@' || c == '[';
		} else if (c == '\033') {
			escape = true;
		} else if ((c & 0xc0) != 0x80) {
			width++;
		}
	}
}

/* To the picture's first line, however the terminal has wrapped it since. */
static size_t go_up(const struct picture *p, const struct sink *o, char *to)
{
	struct winsize ws = { .ws_row = 0 };
	unsigned up = 0;

	if (!p->shown)
		return 0;
	(void)ioctl(o->fd, TIOCGWINSZ, &ws);
	unsigned columns = ws.ws_col ? ws.ws_col : 80, lines = ws.ws_row ? ws.ws_row : 24;
	for (int i = 0; i < p->shown; i++)
		up += p->widths[i] ? (p->widths[i] + columns - 1) / columns : 1;
	if (up >= lines)
		up = lines - 1;
	return (size_t)snprintf(to, ESCAPE_BYTES, up ? "\r\033[%uA" : "\r", up);
}

bool picture_show(struct picture *p, struct sink *o)
{
	char out[ESCAPE_BYTES + PICTURE_BYTES];

	if (picture_waits(p) && sink_ready(o)) {
		size_t n = go_up(p, o, out);
		memcpy(out + n, p->text, p->n);
		measure(p);
		p->fresh = false;
		(void)sink_put(o, out, n + p->n);
	}
	return p->fd < 0 && (!picture_waits(p) || o->dead);
}

bool picture_erase(struct picture *p, struct sink *o)
{
	char out[ESCAPE_BYTES + 4];
	size_t n = go_up(p, o, out);

	if (!n)
		return true;
	p->shown = 0;
	n += (size_t)snprintf(out + n, sizeof out - n, "\033[J");
	return sink_put(o, out, n);
}
