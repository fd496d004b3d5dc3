#include "logger/journal.h"

#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/clock.h"

#define MAGIC UINT64_C(0x737973676a6e6c31)

enum { PAGE = 4096, INTENT_MOST = 1 << 20 };

/* The start of the memfd. The data of the slots lie behind it, two halves each. */
struct head {
	uint64_t magic;
	uint32_t used;    /* slots from here on were never used; never more than there are */
	uint32_t in_slot; /* number + 1 of the slot that is being filled; 0: none */
	struct journal_intent intent;
	struct sink_rest rest[2];
	struct slot slots[JOURNAL_SLOTS];
};

enum { HEAD_BYTES = (sizeof(struct head) + PAGE - 1) / PAGE * PAGE };

struct journal {
	int fd;
	struct head *head;
};

/* A killed process loses no store that it made; only the compiler may change their order. */
static void in_order(void)
{
	atomic_signal_fence(memory_order_seq_cst);
}

static off_t place_of(const struct journal *j, const struct slot *s, uint32_t half)
{
	size_t number = (size_t)(s - j->head->slots);

	return (off_t)(HEAD_BYTES + (2 * number + half) * (size_t)JOURNAL_HALF);
}

/* What came before the kill is where the file's offset stands. */
static void mend(struct journal *j)
{
	struct head *h = j->head;
	off_t now = lseek(j->fd, 0, SEEK_CUR);

	if (!h->in_slot || h->in_slot > h->used)
		return;
	struct slot *s = &h->slots[h->in_slot - 1];
	struct slot_state *st = slot_now(s);
	off_t taken = now - place_of(j, s, st->half);
	if (taken > (off_t)st->len && taken <= (off_t)JOURNAL_HALF) {
		st->stamp_ns = clock_wall_ns();
		st->len = (uint32_t)taken;
	}
	in_order();
	h->in_slot = 0;
}

static bool is_sound(const struct slot *s)
{
	const struct slot_state *st = &s->state[s->cur & 1];

	return st->half <= 1 && st->len <= JOURNAL_HALF && st->done[SLOT_FILE] <= st->len &&
	       st->done[SLOT_OUT] <= st->len;
}

/* A process with our user and capabilities can write into the memfd. Whatever stands in it must not
 * end each logger that reads it: what makes no sense is as if it weren't there. */
static void mistrust(struct journal *j)
{
	struct head *h = j->head;
	struct journal_intent *t = &h->intent;

	if (h->used > JOURNAL_SLOTS)
		h->used = JOURNAL_SLOTS;
	for (uint32_t i = 0; i < h->used; i++)
		if (h->slots[i].id && !is_sound(&h->slots[i]))
			h->slots[i].id = 0;
	if (!t->slot)
		return;
	if (t->slot > h->used || t->after > slot_now(&h->slots[t->slot - 1])->len || t->size < 0 ||
		t->bytes < 0 || t->bytes > INTENT_MOST || t->head_len > JOURNAL_HEAD ||
		!memchr(t->path, '\0', sizeof t->path))
		t->slot = 0;
}

struct journal *journal_open(int fd)
{
	struct journal *j = calloc(1, sizeof *j);
	struct stat st;

	if (!j)
		return NULL;
	if (fstat(fd, &st) < 0 || (st.st_size < HEAD_BYTES && ftruncate(fd, HEAD_BYTES) < 0)) {
		free(j);
		return NULL;
	}
	void *at = mmap(NULL, HEAD_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (at == MAP_FAILED) {
		free(j);
		return NULL;
	}
	j->fd = fd;
	j->head = at;
	if (j->head->magic && j->head->magic != MAGIC) {
		(void)munmap(at, HEAD_BYTES);
		free(j);
		errno = EINVAL;
		return NULL;
	}
	j->head->magic = MAGIC;
	mistrust(j);
	mend(j);
	return j;
}

struct journal *journal_close(struct journal *j)
{
	if (!j)
		return NULL;
	(void)munmap(j->head, HEAD_BYTES);
	(void)close(j->fd);
	free(j);
	return NULL;
}

struct slot *journal_slot(struct journal *j, int64_t id, int which)
{
	struct head *h = j->head;
	struct slot *found = NULL;

	for (uint32_t i = 0; i < h->used; i++) {
		struct slot *s = &h->slots[i];
		if (s->id == id + 2 && s->which == (uint32_t)which)
			return s;
		if (!s->id && !found)
			found = s;
	}
	if (!found && h->used < JOURNAL_SLOTS)
		found = &h->slots[h->used++];
	if (!found)
		return NULL;
	memset(found, 0, sizeof *found);
	found->which = (uint32_t)which;
	in_order();
	found->id = id + 2;
	return found;
}

static void punch(struct journal *j, struct slot *s)
{
	(void)fallocate(j->fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, place_of(j, s, 0),
		2 * (off_t)JOURNAL_HALF);
	s->touched = 0;
}

void journal_drop(struct journal *j, struct slot *s)
{
	s->id = 0;
	punch(j, s);
}

ssize_t journal_take(struct journal *j, struct slot *s, int pipe, size_t want)
{
	struct slot_state *st = slot_now(s);

	s->touched = 1;
	if (lseek(j->fd, place_of(j, s, st->half) + (off_t)st->len, SEEK_SET) < 0)
		return -1;
	in_order();
	j->head->in_slot = (uint32_t)(s - j->head->slots) + 1;
	in_order();
	ssize_t n = splice(pipe, NULL, j->fd, NULL, want, SPLICE_F_NONBLOCK | SPLICE_F_MOVE);
	int why = errno;
	if (n > 0) {
		st->stamp_ns = clock_wall_ns();
		st->len += (uint32_t)n;
	}
	in_order();
	j->head->in_slot = 0;
	errno = why;
	return n;
}

int journal_read(struct journal *j, const struct slot *s, uint32_t from, char *to, size_t n)
{
	off_t at = place_of(j, s, s->state[s->cur & 1].half) + (off_t)from;

	for (size_t done = 0; done < n;) {
		ssize_t k = pread(j->fd, to + done, n - done, at + (off_t)done);
		if (k < 0 && errno == EINTR)
			continue;
		if (k <= 0)
			return -1;
		done += (size_t)k;
	}
	return 0;
}

/* The half that is not in use gets the bytes, and then the other state holds. */
int journal_shift(struct journal *j, struct slot *s, uint32_t from, const char *p, size_t n)
{
	const struct slot_state *st = slot_now(s);
	struct slot_state next = *st;

	next.half = n ? !st->half : st->half;
	next.len = (uint32_t)n;
	for (int i = 0; i < SLOT_SINKS; i++)
		next.done[i] = st->done[i] > from ? st->done[i] - from : 0;
	off_t at = place_of(j, s, next.half);
	for (size_t done = 0; done < n;) {
		ssize_t k = pwrite(j->fd, p + done, n - done, at + (off_t)done);
		if (k < 0 && errno == EINTR)
			continue;
		if (k <= 0)
			return -1;
		done += (size_t)k;
	}
	s->state[!(s->cur & 1)] = next;
	in_order();
	s->cur = !(s->cur & 1);
	return 0;
}

void journal_intend(
	struct journal *j, struct slot *s, uint32_t after, const struct journal_write *w)
{
	struct journal_intent *t = &j->head->intent;
	size_t len = strnlen(w->path, sizeof t->path - 1);

	memcpy(t->path, w->path, len);
	t->path[len] = '\0';
	t->head_len = (uint32_t)(w->n < JOURNAL_HEAD ? w->n : JOURNAL_HEAD);
	memcpy(t->head, w->p, t->head_len);
	t->size = w->file->st_size;
	t->bytes = (int64_t)w->n;
	t->dev = w->file->st_dev;
	t->ino = w->file->st_ino;
	t->after = after;
	in_order();
	t->slot = (uint32_t)(s - j->head->slots) + 1;
	in_order();
}

void journal_done(struct journal *j, struct slot *s, uint32_t after)
{
	in_order();
	slot_now(s)->done[SLOT_FILE] = after;
	in_order();
	j->head->intent.slot = 0;
	in_order();
}

const struct journal_intent *journal_intent(const struct journal *j)
{
	const struct journal_intent *t = &j->head->intent;

	return t->slot && t->slot <= JOURNAL_SLOTS ? t : NULL;
}

void journal_settle(struct journal *j, bool done)
{
	const struct journal_intent *t = journal_intent(j);

	if (t && done)
		slot_now(&j->head->slots[t->slot - 1])->done[SLOT_FILE] = t->after;
	in_order();
	j->head->intent.slot = 0;
}

struct sink_rest *journal_rest(struct journal *j, int i)
{
	return &j->head->rest[i];
}

void journal_punch(struct journal *j)
{
	struct head *h = j->head;

	for (uint32_t i = 0; i < h->used; i++)
		if (h->slots[i].id && h->slots[i].touched && !slot_now(&h->slots[i])->len)
			punch(j, &h->slots[i]);
}

void journal_trim(struct journal *j)
{
	journal_punch(j);
	/* Of this process only: the memfd keeps them. */
	(void)madvise(j->head, HEAD_BYTES, MADV_DONTNEED);
}
