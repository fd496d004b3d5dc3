#include "logger/stream.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "base/clock.h"
#include "logger/line.h"

struct stream *stream_new(
	int fd, int64_t id, int number, const char *label, struct stream_sinks *sinks)
{
	size_t n = label ? strnlen(label, FORMAT_LABEL) : 0;
	struct stream *s = calloc(1, sizeof *s + n + 1);

	if (!s)
		return NULL;
	s->fd = fd;
	s->id = id;
	s->number = number;
	s->left = SIZE_MAX;
	if (label) {
		memcpy(s->label, label, n);
		s->format.label = s->label;
	}
	s->format.stream = id < 0 ? "supervisor" : number == 1 ? "stdout" : "stderr";
	s->slot = sinks->journal ? journal_slot(sinks->journal, id, number) : NULL;
	if (!s->slot)
		s->slot = &s->own;
	/* What a killed logger had taken in goes out whether or not more comes. */
	s->waits = slot_now(s->slot)->len != 0;
	return s;
}

static bool journaled(const struct stream *s)
{
	return s->slot != &s->own;
}

static void leave_slot(struct stream *s, struct stream_sinks *sinks)
{
	if (journaled(s) && sinks->journal)
		journal_drop(sinks->journal, s->slot);
	s->slot = &s->own;
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
	return !s->out || s->drop || (!s->waits && !s->out->stuck);
}

bool stream_has_work(const struct stream *s)
{
	if (s->waits)
		return !s->out || !s->out->stuck;
	return s->state == STREAM_LAST;
}

/* The first byte that a sink still has to get. */
static uint32_t low(const struct stream *s)
{
	const struct slot_state *st = slot_now(s->slot);
	uint32_t file = s->file ? st->done[SLOT_FILE] : st->len;
	uint32_t out = s->out ? st->done[SLOT_OUT] : st->len;

	if (!s->file && !s->out)
		return st->done[SLOT_FILE];
	return file < out ? file : out;
}

/* --- to the sinks: p is the first byte of the slot --- */

static void feed_file(
	struct stream *s, struct stream_sinks *sinks, const char *p, const char *stamp)
{
	struct slot_state *st = slot_now(s->slot);
	struct log_from from = { .slot = s->slot, .journaled = journaled(s) };
	bool last = s->state == STREAM_LAST;
	uint32_t at = st->done[SLOT_FILE];
	struct line l;

	for (size_t k; (k = line_next(p + at, st->len - at, last, &l)) > 0;) {
		at += (uint32_t)k;
		from.after = at;
		if (s->file)
			log_file_line(sinks->files, s->file, stamp, s->format.stream, &l, &from);
		else if (s->id >= 0 && s->out)
			tails_add(&sinks->tails, s->id, &l);
	}
	if (sinks->files)
		log_files_flush(sinks->files);
	if (!s->file)
		st->done[SLOT_FILE] = at;
}

/* As many lines as one write should have; returns the bytes, *ret_lines how many. What was dropped
 * before them is told first. */
static size_t make_chunk(struct stream *s, struct stream_sinks *sinks, const char *p,
	const char *stamp, size_t *ret_lines)
{
	const struct slot_state *st = slot_now(s->slot);
	size_t n = 0, limit = sink_chunk(s->out), k;
	uint32_t at = st->done[SLOT_OUT];
	char note[64];
	struct line l;

	*ret_lines = 0;
	if (st->dropped) {
		k = (size_t)snprintf(note, sizeof note, "%u lines dropped", st->dropped);
		n = format_line(
			sinks->chunk, &s->format, stamp, &(struct line){ .p = note, .n = k });
		*ret_lines = 1;
	}
	while ((k = line_next(p + at, st->len - at, s->state == STREAM_LAST, &l)) > 0) {
		size_t len = format_line(sinks->chunk + n, &s->format, stamp, &l);
		if (n && n + len > limit)
			break;
		n += len;
		at += (uint32_t)k;
		++*ret_lines;
		if (n >= limit)
			break;
	}
	return n;
}

/* Notes that the out is done with so many lines. */
static void pass(struct stream *s, const char *p, size_t lines)
{
	struct slot_state *st = slot_now(s->slot);
	uint32_t at = st->done[SLOT_OUT];
	struct line l;

	if (st->dropped && lines) {
		st->dropped = 0;
		lines--;
	}
	for (; lines; lines--)
		at += (uint32_t)line_next(p + at, st->len - at, s->state == STREAM_LAST, &l);
	st->done[SLOT_OUT] = at;
}

static void feed_out(struct stream *s, struct stream_sinks *sinks, const char *p, const char *stamp)
{
	size_t lines, n;

	s->waits = true;
	while (sink_ready(s->out)) {
		n = make_chunk(s, sinks, p, stamp, &lines);
		s->waits = n != 0;
		if (!n)
			return;
		pass(s, p, sink_write(s->out, sinks->chunk, n));
	}
	s->waits = make_chunk(s, sinks, p, stamp, &lines) != 0;
}

/* A stuck out must not hold up a stream that may lose lines: its whole ones are lost to the out. */
static void drop_lines(struct stream *s, const char *p)
{
	struct slot_state *st = slot_now(s->slot);
	uint32_t at = st->done[SLOT_OUT];
	struct line l;

	for (size_t k; (k = line_next(p + at, st->len - at, s->state == STREAM_LAST, &l)) > 0;) {
		at += (uint32_t)k;
		st->dropped++;
	}
	st->done[SLOT_OUT] = at;
}

/* --- from the pipe --- */

/* Without memory the bytes can't wait: whole lines are lost, and counted; of a line without an end
 * what is there is written as a piece of it. */
static void make_do(struct stream *s, struct stream_sinks *sinks, const char *p, size_t n)
{
	struct log_from from = { .slot = &s->own };
	char stamp[32];
	struct line l;

	for (size_t k; (k = line_next(p, n, false, &l)) > 0; p += k, n -= k)
		sinks->dropped++;
	s->own.state[0] = (struct slot_state){ .dropped = slot_now(&s->own)->dropped };
	s->own.cur = 0;
	if (!n || !s->file)
		return;
	l = (struct line){ .p = p, .n = n, .cut = true };
	log_file_line(sinks->files, s->file, clock_print(stamp, clock_wall_ns()), s->format.stream,
		&l, &from);
	log_files_flush(sinks->files);
}

/* The journal is of no more use: what is in the stream's slot goes on in memory. p: its bytes from
 * position "from" on. */
static void break_away(struct stream *s, struct stream_sinks *sinks, uint32_t from, const char *p)
{
	int why = errno;
	struct slot_state *st = &s->own.state[0];

	*st = *slot_now(s->slot);
	s->own.cur = 0;
	leave_slot(s, sinks);
	st->len -= from;
	for (int i = 0; i < SLOT_SINKS; i++)
		st->done[i] = st->done[i] > from ? st->done[i] - from : 0;
	sinks->broke = why;
	free(s->kept);
	s->kept = NULL;
	if (!st->len)
		return;
	s->kept = malloc(st->len);
	if (s->kept)
		memcpy(s->kept, p, st->len);
	else
		make_do(s, sinks, p, st->len);
}

/* What is not handed on, to the scratch; the bytes before it stay unset. -1: it is lost. */
static int load(struct stream *s, struct stream_sinks *sinks)
{
	struct slot_state *st = slot_now(s->slot);
	uint32_t from = low(s);

	if (from == st->len)
		return 0;
	if (!journaled(s)) {
		memcpy(sinks->scratch + from, s->kept + from, st->len - from);
		return 0;
	}
	if (journal_read(sinks->journal, s->slot, from, sinks->scratch + from, st->len - from) == 0)
		return 0;
	sinks->dropped++;
	*st = (struct slot_state){ .half = st->half };
	return -1;
}

/* What both sinks have got makes room. */
static void shift(struct stream *s, struct stream_sinks *sinks)
{
	struct slot_state *st = slot_now(s->slot);
	uint32_t from = low(s), n = st->len - from;

	if (!from || (journaled(s) && n && st->len + STREAM_TURN <= JOURNAL_HALF))
		return;
	if (!journaled(s)) {
		for (int i = 0; i < SLOT_SINKS; i++)
			st->done[i] = st->done[i] > from ? st->done[i] - from : 0;
		st->len = n;
	} else if (journal_shift(sinks->journal, s->slot, from, sinks->scratch + from, n) < 0) {
		break_away(s, sinks, from, sinks->scratch + from);
	}
}

/* Of a stream without a slot: what is left in the scratch from position "from" on is kept. */
static void keep(struct stream *s, struct stream_sinks *sinks, uint32_t from)
{
	uint32_t n = s->own.state[s->own.cur].len;

	free(s->kept);
	s->kept = NULL;
	if (!n)
		return;
	s->kept = malloc(n);
	if (s->kept) {
		memcpy(s->kept, sinks->scratch + from, n);
		return;
	}
	s->waits = false;
	make_do(s, sinks, sinks->scratch + from, n);
}

static ssize_t read_or_splice(struct stream *s, struct stream_sinks *sinks, size_t want)
{
	struct slot_state *st = slot_now(s->slot);

	if (journaled(s)) {
		ssize_t n = journal_take(sinks->journal, s->slot, s->fd, want);
		if (n >= 0 || errno == EAGAIN || errno == EINTR)
			return n;
		uint32_t from = low(s);
		break_away(s, sinks, from, sinks->scratch + from);
		st = slot_now(s->slot);
		memmove(sinks->scratch, sinks->scratch + from, st->len);
	}
	ssize_t n = read(s->fd, sinks->scratch + st->len, want);
	if (n > 0) {
		st->len += (uint32_t)n;
		st->stamp_ns = clock_wall_ns();
	}
	return n;
}

/* 0, or -1 when there is nothing to read now. The scratch has what was taken in before. */
static int take_in(struct stream *s, struct stream_sinks *sinks)
{
	uint32_t before = slot_now(s->slot)->len;
	size_t room = JOURNAL_HALF - before, want = s->left < STREAM_TURN ? s->left : STREAM_TURN;

	if (want > room)
		want = room;
	if (!want)
		return -1;
	ssize_t n = read_or_splice(s, sinks, want);
	if (n < 0 && (errno == EINTR || (errno == EAGAIN && s->left == SIZE_MAX)))
		return -1;
	if (n <= 0) {
		s->state = STREAM_LAST;
		return 0;
	}
	if (s->left != SIZE_MAX && !(s->left -= (size_t)n))
		s->state = STREAM_LAST;
	if (journaled(s))
		return journal_read(
			sinks->journal, s->slot, before, sinks->scratch + before, (size_t)n);
	return 0;
}

void stream_serve(struct stream *s, struct stream_sinks *sinks)
{
	char stamp[32];

	if (load(s, sinks) < 0)
		return;
	if (s->drop && s->waits && s->out && s->out->stuck)
		drop_lines(s, sinks->scratch);
	if (s->state == STREAM_OPEN && (!s->waits || s->drop))
		(void)take_in(s, sinks);
	clock_print(stamp, slot_now(s->slot)->stamp_ns);
	feed_file(s, sinks, sinks->scratch, stamp);
	s->waits = false;
	if (s->out)
		feed_out(s, sinks, sinks->scratch, stamp);
	uint32_t from = low(s);
	shift(s, sinks);
	if (!journaled(s))
		keep(s, sinks, from);
	if (s->state != STREAM_LAST || s->waits)
		return;
	leave_slot(s, sinks);
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
