#include "node/event.h"

#include <stdlib.h>
#include <string.h>

#include "base/caps.h"

enum { RING_MIN = 4096 };

static const char *const words[] = {
#define X(name, word, meaning) word,
	EVENT_WORDS(X)
#undef X
};

/* A record in the ring: this, then the path, then the detail. */
struct head {
	int64_t wall_ns;
	uint64_t id;
	uint16_t word, code, path_len, detail_len;
};

const char *event_word(enum event_word w)
{
	return (unsigned)w < EVENT_COUNT ? words[w] : "unknown";
}

void event_ring_done(struct event_ring *r)
{
	free(r->bytes);
	*r = (struct event_ring){ 0 };
}

/* --- bytes; a position counts from the beginning of all --- */

static void put_at(const struct event_ring *r, uint64_t at, const void *p, size_t n)
{
	size_t from = (size_t)(at & (r->cap - 1)), first = r->cap - from < n ? r->cap - from : n;

	memcpy(r->bytes + from, p, first);
	if (n > first)
		memcpy(r->bytes, (const char *)p + first, n - first);
}

static void get_at(const struct event_ring *r, uint64_t at, void *p, size_t n)
{
	size_t from = (size_t)(at & (r->cap - 1)), first = r->cap - from < n ? r->cap - from : n;

	memcpy(p, r->bytes + from, first);
	if (n > first)
		memcpy((char *)p + first, r->bytes, n - first);
}

static size_t size_of(const struct head *h)
{
	return sizeof *h + h->path_len + h->detail_len;
}

/* Twice the room; what is in it keeps its positions. */
static int grow(struct event_ring *r)
{
	struct event_ring more = *r;

	more.cap = r->cap ? 2 * r->cap : RING_MIN;
	if (more.cap > CAP_EVENTS || !(more.bytes = malloc(more.cap)))
		return -1;
	for (uint64_t at = r->tail; at < r->head;) {
		size_t from = (size_t)(at & (r->cap - 1)), n = r->cap - from;

		if (n > r->head - at)
			n = (size_t)(r->head - at);
		put_at(&more, at, r->bytes + from, n);
		at += n;
	}
	free(r->bytes);
	*r = more;
	return 0;
}

static void drop_oldest(struct event_ring *r)
{
	struct head h;

	get_at(r, r->tail, &h, sizeof h);
	r->tail += size_of(&h);
	r->first++;
}

/* Without memory to grow, the oldest give way earlier. */
static int make_room(struct event_ring *r, size_t n)
{
	while (r->cap - (size_t)(r->head - r->tail) < n && grow(r) == 0)
		;
	if (r->cap < n)
		return -1;
	while (r->cap - (size_t)(r->head - r->tail) < n)
		drop_oldest(r);
	return 0;
}

/* --- records --- */

int event_put(struct event_ring *r, struct event_row *row)
{
	struct head h = {
		.wall_ns = row->wall_ns,
		.id = row->id,
		.word = (uint16_t)row->word,
		.code = (uint16_t)row->code,
		.path_len = (uint16_t)strnlen(row->path, EVENT_PATH_MAX),
		.detail_len = (uint16_t)strnlen(row->detail, EVENT_DETAIL_MAX),
	};

	if (!r->first)
		r->first = 1;
	if (make_room(r, size_of(&h)) < 0)
		return -1;
	put_at(r, r->head, &h, sizeof h);
	put_at(r, r->head + sizeof h, row->path, h.path_len);
	put_at(r, r->head + sizeof h + h.path_len, row->detail, h.detail_len);
	r->head += size_of(&h);
	row->seq = ++r->last;
	return 0;
}

/* Where the record behind number `seen` begins. */
static uint64_t find(const struct event_ring *r, uint64_t seen)
{
	uint64_t at = r->tail;
	struct head h;

	for (uint64_t seq = r->first; seq <= seen; seq++) {
		get_at(r, at, &h, sizeof h);
		at += size_of(&h);
	}
	return at;
}

bool event_next(const struct event_ring *r, struct event_cursor *c, struct event_row *ret,
	struct event_text *text, uint64_t *ret_lost)
{
	struct head h;

	*ret_lost = 0;
	if (c->seen >= r->last)
		return false;
	if (c->seen + 1 < r->first) {
		*ret_lost = r->first - 1 - c->seen;
		c->seen = r->first - 1;
		c->at = r->tail;
	}
	if (c->at < r->tail || !c->at)
		c->at = find(r, c->seen);
	get_at(r, c->at, &h, sizeof h);
	get_at(r, c->at + sizeof h, text->path, h.path_len);
	get_at(r, c->at + sizeof h + h.path_len, text->detail, h.detail_len);
	text->path[h.path_len] = text->detail[h.detail_len] = '\0';
	c->at += size_of(&h);
	*ret = (struct event_row){
		.seq = ++c->seen,
		.wall_ns = h.wall_ns,
		.word = (enum event_word)h.word,
		.code = (enum err_code)h.code,
		.id = h.id,
		.path = text->path,
		.detail = text->detail,
	};
	return true;
}

bool event_below(const struct event_row *row, uint64_t id, const char *path)
{
	size_t n = strlen(path);

	return row->id >= id && strncmp(row->path, path, n) == 0 &&
	       (row->path[n] == '/' || row->path[n] == '\0');
}
