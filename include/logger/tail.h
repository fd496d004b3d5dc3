/* tail.h - the last lines of one launch of a unit, for whoever reports its end. Layer: logger. */
#ifndef LOGGER_TAIL_H
#define LOGGER_TAIL_H

#include <stddef.h>
#include <stdint.h>

#include "logger/file.h"

enum {
	TAIL_BYTES = 4096,     /* of the answer */
	TAIL_READ = 16 * 1024, /* of a file's end that are looked at */
	TAIL_MEMORY = 2 * TAIL_READ,
	TAIL_RINGS = 64, /* launches without a file whose last lines are kept; the one that was
			    silent longest is forgotten for another */
};

struct tail_ring;

/* The lines of launches that go to no file. Zero-initialised: none. */
struct tails {
	struct tail_ring *v[TAIL_RINGS];
	uint64_t tick;
};

void tails_done(struct tails *t);
/* Without memory the line is not kept. */
void tails_add(struct tails *t, int64_t id, const struct line *l);
/* At most TAIL_BYTES of whole lines, valid until the next call; NULL: none. */
const char *tails_get(struct tails *t, int64_t id, size_t *ret_n);

/* The same from LOGDIR/PATH.log and the one that was rotated last: lines that were taken in at
 * since_ns (wall time) or later, as the unit wrote them. mem: TAIL_MEMORY bytes that the result
 * lies in. */
const char *tail_of_file(
	struct log_files *fs, const char *path, int64_t since_ns, char *mem, size_t *ret_n);

#endif
