/* journal.h - what was taken in and is not handed on yet, out of a killed logger's reach. Layer: logger. */
#ifndef LOGGER_JOURNAL_H
#define LOGGER_JOURNAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>
#include <sys/types.h>

#include "logger/sink.h"

/*
 * A memfd that PID 1 makes and holds. The next logger gets the same open file, its offset included.
 *
 * Taking in: the offset is put where the stream's bytes end, an intent names the stream, and
 * splice(2) moves bytes out of the pipe and the offset with them, in one step that no signal divides.
 * A logger that finds an intent knows from the offset what had come.
 *
 * Handing on to a file: an intent says how long the file was, and what will be added. A logger that
 * finds one knows from the file's size, and from what stands there, whether that was done; of a part of
 * it nothing stays.
 *
 * Handing on to a sink: written, then noted. Killed between the two, the last write comes again.
 */
enum {
	JOURNAL_HALF = 80 * 1024, /* bytes: a line without an end and one turn's reading */
	JOURNAL_SLOTS = 8192,     /* streams that have a place; further ones do without */
	JOURNAL_PATH = 4352,
	JOURNAL_HEAD = 64, /* bytes by which a write is known again: time, stream, text */
};

enum slot_sink { SLOT_FILE, SLOT_OUT, SLOT_SINKS };

/* What is in one half of a slot; positions in bytes from its start. */
struct slot_state {
	uint32_t half;
	uint32_t len;              /* taken in */
	uint32_t done[SLOT_SINKS]; /* handed on; of a sink that the stream hasn't: not used */
	uint32_t dropped;          /* lines that SLOT_OUT lost and that it hasn't been told of */
	uint32_t unused;
	int64_t stamp_ns; /* wall time at which the last were taken in */
};

/* Of two states one holds, so that a change of many numbers is one store. */
struct slot {
	int64_t id; /* of the stream, plus 2; 0: free */
	uint32_t which, cur;
	uint32_t touched, unused; /* touched: it may have memory */
	struct slot_state state[2];
};

struct journal;

static inline struct slot_state *slot_now(struct slot *s)
{
	return &s->state[s->cur & 1];
}

/* Takes fd over, unless it fails, and mends what a killed logger left: an intent of taking in. NULL,
 * errno: it can't be used (a limit on file sizes, no memory, another layout). */
struct journal *journal_open(int fd);
struct journal *journal_close(struct journal *j); /* returns NULL; NULL is fine */

/* The slot of a stream: its own one where it had one, else a free one. NULL: none is left. */
struct slot *journal_slot(struct journal *j, int64_t id, int which);
void journal_drop(struct journal *j, struct slot *s); /* it is free, its bytes forgotten */

/* Moves up to want bytes out of the pipe; there is room: slot_now(s)->len + want <= JOURNAL_HALF.
 * The number of bytes, 0: end of file, -1 with errno: EAGAIN, EINTR, or the journal can't be used. */
ssize_t journal_take(struct journal *j, struct slot *s, int pipe, size_t want);
/* Reads n bytes from position "from". -1: the journal can't be used. */
int journal_read(struct journal *j, const struct slot *s, uint32_t from, char *to, size_t n);
/* Makes room: the n bytes at p, which are those from position "from" on, become the first ones.
 * -1: it can't be done, nothing changed. */
int journal_shift(struct journal *j, struct slot *s, uint32_t from, const char *p, size_t n);

/* A write of the n bytes at p to the end of a file, as fstat(2) had it right before. */
struct journal_write {
	const char *path; /* of the unit */
	const struct stat *file;
	const char *p;
	size_t n;
};
/* One that makes the slot's file position "after" is about to be done. */
void journal_intend(
	struct journal *j, struct slot *s, uint32_t after, const struct journal_write *w);
/* The position is noted and the intent gone. */
void journal_done(struct journal *j, struct slot *s, uint32_t after);

/* What a killed logger was about to write, or NULL. */
struct journal_intent {
	char path[JOURNAL_PATH];
	int64_t size, bytes;
	uint64_t dev, ino;
	uint32_t slot; /* number + 1; 0: none */
	uint32_t after;
	uint32_t head_len;
	char head[JOURNAL_HEAD]; /* the first bytes of it */
};
const struct journal_intent *journal_intent(const struct journal *j);
/* done: it had been written. */
void journal_settle(struct journal *j, bool done);

/* The rest of a line that descriptor i + 1 took a part of. */
struct sink_rest *journal_rest(struct journal *j, int i);
/* Gives back the memory of slots that hold nothing. */
void journal_punch(struct journal *j);
/* That, and the pages of the header that this process has; they come back with their content. */
void journal_trim(struct journal *j);

#endif
