#include "logger/stream.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "base/clock.h"
#include "logger/line.h"

struct stream *stream_new(int fd, int64_t id, int number, const char *label)
{
	size_t n = label ? strnlen(label, STREAM_LABEL) : 0;
	struct stream *s = calloc(1, sizeof *s + n + 1);

	if (!s)
		return NULL;
	s->fd = fd;
	s->id = id;
	s->number = number;
	s->left = SIZE_MAX;
	if (label) {
		memcpy(s->label_bytes, label, n);
		s->label = s->label_bytes;
	}
	return s;
}

static void end(struct stream *s)
{
	if (s->fd >= 0)
		(void)close(s->fd);
	s->fd = -1;
	s->state = STREAM_ENDED;
}

struct stream *stream_free(struct stream *s, struct stream_sinks *sinks)
{
	end(s);
	if (s->file)
		log_file_put(sinks->files, s->file);
	free(s->kept);
	free(s);
	return NULL;
}

bool stream_may_read(const struct stream *s)
{
	return !s->out || !s->out->len;
}

static bool has_room(struct stream *s)
{
	if (!s->out || sink_room(s->out))
		return true;
	sink_flush(s->out);
	return sink_room(s->out);
}

static const char *stream_name(const struct stream *s)
{
	if (s->id < 0)
		return "supervisor";
	return s->number == 1 ? "stdout" : "stderr";
}

static void emit(
	struct stream *s, struct stream_sinks *sinks, const char *stamp, const struct line *l)
{
	if (s->file)
		log_file_line(sinks->files, s->file, stamp, stream_name(s), l);
	else if (s->id >= 0)
		tails_add(&sinks->tails, s->id, l);
	if (s->out)
		sink_line(s->out, s->label, l);
}

/* Returns how many bytes are done with: all but a line without an end, or (then it is held) until
 * the out has no more room. */
static size_t hand_on(struct stream *s, struct stream_sinks *sinks, const char *p, size_t n)
{
	bool last = s->state == STREAM_LAST;
	size_t used = 0, k;
	char stamp[32];
	struct line l;

	if (n)
		clock_print(stamp, clock_wall_ns());
	s->held = false;
	while ((k = line_next(p + used, n - used, last, &l)) > 0) {
		s->held = !has_room(s);
		if (s->held)
			break;
		emit(s, sinks, stamp, &l);
		used += k;
	}
	if (sinks->files)
		log_files_flush(sinks->files);
	if (s->out)
		sink_flush(s->out);
	return used;
}

/* Without memory the bytes can't wait: whole lines are lost, and counted; of a line without an end
 * what is there is written as a piece of it. */
static void make_do(struct stream *s, struct stream_sinks *sinks, const char *p, size_t n)
{
	struct line l;
	char stamp[32];

	for (size_t k; (k = line_next(p, n, false, &l)) > 0; p += k, n -= k)
		sinks->dropped++;
	if (!n)
		return;
	if (!has_room(s)) {
		sinks->dropped++;
		return;
	}
	l = (struct line){ .p = p, .n = n, .cut = true };
	emit(s, sinks, clock_print(stamp, clock_wall_ns()), &l);
}

static void keep(struct stream *s, struct stream_sinks *sinks, const char *p, size_t n)
{
	s->nkept = 0;
	if (!n)
		return;
	s->kept = malloc(n);
	if (!s->kept) {
		s->held = false;
		make_do(s, sinks, p, n);
		return;
	}
	memcpy(s->kept, p, n);
	s->nkept = n;
}

/* 0, or -1 when there is nothing to read now. */
static int take_in(struct stream *s, char *to, size_t *ret_n)
{
	size_t want = s->left < STREAM_TURN ? s->left : STREAM_TURN;
	ssize_t n = want ? read(s->fd, to, want) : 0;

	*ret_n = 0;
	if (n < 0 && errno == EINTR)
		return -1;
	if (n < 0 && errno == EAGAIN && s->left == SIZE_MAX)
		return -1;
	if (n <= 0) {
		s->state = STREAM_LAST;
		return 0;
	}
	*ret_n = (size_t)n;
	if (s->left != SIZE_MAX && !(s->left -= (size_t)n))
		s->state = STREAM_LAST;
	return 0;
}

void stream_serve(struct stream *s, struct stream_sinks *sinks)
{
	size_t n = s->nkept, more = 0;

	if (!s->held && s->state == STREAM_OPEN && take_in(s, sinks->scratch + n, &more) < 0)
		return;
	if (n)
		memcpy(sinks->scratch, s->kept, n);
	free(s->kept);
	s->kept = NULL;
	n += more;
	size_t used = hand_on(s, sinks, sinks->scratch, n);
	keep(s, sinks, sinks->scratch + used, n - used);
	if (s->state == STREAM_LAST && !s->nkept)
		end(s);
}

void stream_finish(struct stream *s)
{
	int n = 0;

	if (s->state != STREAM_OPEN)
		return;
	if (ioctl(s->fd, FIONREAD, &n) < 0 || n <= 0)
		s->state = STREAM_LAST;
	else
		s->left = (size_t)n;
}
