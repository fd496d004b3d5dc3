#include "logger/tail.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"

/* Twice what is asked for, so that it is moved together only once in TAIL_BYTES. */
struct tail_ring {
	int64_t id;
	uint64_t used;
	size_t n;
	char bytes[2 * TAIL_BYTES];
};

enum { STAMP = 27 }; /* of clock_print() */

/* The last whole lines of n bytes that end with a newline, at most TAIL_BYTES. */
static const char *last_lines(const char *p, size_t n, size_t *ret_n)
{
	if (n > TAIL_BYTES) {
		const char *from = p + n - TAIL_BYTES;
		/* The byte before tells whether a line begins right there. */
		const char *end = memchr(from - 1, '\n', TAIL_BYTES + 1);
		n -= (size_t)(end + 1 - p);
		p = end + 1;
	}
	*ret_n = n;
	return n ? p : NULL;
}

void tails_done(struct tails *t)
{
	for (size_t i = 0; i < TAIL_RINGS; i++) {
		free(t->v[i]);
		t->v[i] = NULL;
	}
}

static struct tail_ring *find(struct tails *t, int64_t id)
{
	for (size_t i = 0; i < TAIL_RINGS; i++)
		if (t->v[i] && t->v[i]->id == id)
			return t->v[i];
	return NULL;
}

/* Of a launch that has none yet: a new one, or that of the longest silent. NULL: no memory. */
static struct tail_ring *make(struct tails *t, int64_t id)
{
	struct tail_ring **at = NULL;

	for (size_t i = 0; i < TAIL_RINGS; i++) {
		if (!t->v[i]) {
			at = &t->v[i];
			break;
		}
		if (!at || t->v[i]->used < (*at)->used)
			at = &t->v[i];
	}
	if (!*at)
		*at = malloc(sizeof **at);
	if (*at) {
		(*at)->id = id;
		(*at)->n = 0;
	}
	return *at;
}

void tails_add(struct tails *t, int64_t id, const struct line *l)
{
	struct tail_ring *r = find(t, id);
	struct line one = *l;

	if (!r && !(r = make(t, id)))
		return;
	r->used = ++t->tick;
	if (one.n > TAIL_BYTES - LINE_ROOM(0)) {
		one.n = TAIL_BYTES - LINE_ROOM(0);
		one.cut = true;
	}
	if (r->n + LINE_ROOM(one.n) > sizeof r->bytes) {
		size_t n;
		const char *kept = last_lines(r->bytes, r->n, &n);
		if (kept)
			memmove(r->bytes, kept, n);
		r->n = n;
	}
	r->n += line_put(r->bytes + r->n, &one);
}

const char *tails_get(struct tails *t, int64_t id, size_t *ret_n)
{
	struct tail_ring *r = find(t, id);

	*ret_n = 0;
	return r ? last_lines(r->bytes, r->n, ret_n) : NULL;
}

/* Takes time and stream off each line of n bytes, and drops those before since, and a piece of one
 * at the start. Returns the bytes left. */
static size_t strip(char *p, size_t n, const char *since)
{
	char *to = p, *end;

	for (char *at = p; (end = memchr(at, '\n', n - (size_t)(at - p))); at = end + 1) {
		const char *text = at + STAMP + 1;
		if (end < text || at[STAMP] != ' ' || memcmp(at, since, STAMP) < 0)
			continue;
		text = memchr(text, ' ', (size_t)(end - text));
		if (!text)
			continue;
		size_t len = (size_t)(end - text); /* with the newline, without the blank */
		if (len > TAIL_BYTES)
			len = TAIL_BYTES;
		memmove(to, text + 1, len - 1);
		to[len - 1] = '\n';
		to += len;
	}
	return (size_t)(to - p);
}

const char *tail_of_file(
	struct log_files *fs, const char *path, int64_t since_ns, char *mem, size_t *ret_n)
{
	char since[32];
	size_t n = 0;

	clock_print(since, since_ns);
	for (int generation = 1; generation >= 0; generation--)
		n += strip(mem + n, log_file_end(fs, path, generation, mem + n, TAIL_READ), since);
	return last_lines(mem, n, ret_n);
}
