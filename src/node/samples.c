#include "node/samples.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

struct samples *samples_new(unsigned room)
{
	struct samples *s = calloc(1, sizeof *s + room * sizeof *s->v);

	if (s)
		s->room = room;
	return s;
}

static struct sample merged(struct sample a, struct sample b)
{
	if (a.kib == SAMPLE_NONE)
		return b;
	if (b.kib == SAMPLE_NONE)
		return a;
	a.cpu = (uint32_t)(((uint64_t)a.cpu + b.cpu) / 2);
	if (b.cpu_most > a.cpu_most)
		a.cpu_most = b.cpu_most;
	if (b.kib > a.kib)
		a.kib = b.kib;
	return a;
}

/* Of an odd number the oldest stays alone. */
static void thin_out(struct samples *s)
{
	unsigned to = s->n % 2;

	for (unsigned from = to; from < s->n; from += 2)
		s->v[to++] = merged(s->v[from], s->v[from + 1]);
	s->n = to;
	s->thin++;
}

struct samples *samples_resize(struct samples *s, unsigned room)
{
	while (s->n > room)
		thin_out(s);
	if (s->room > room)
		s->room = room; /* where the rest can't be given back it is not used */
	struct samples *other = realloc(s, sizeof *s + room * sizeof *s->v);
	if (other)
		other->room = room;
	return other;
}

static int64_t span_ns(const struct samples *s, const struct pace *p)
{
	return (int64_t)((uint64_t)s->n << s->thin) * p->interval_ns;
}

static void drop_oldest(struct samples *s)
{
	memmove(s->v, s->v + 1, --s->n * sizeof *s->v);
}

static void put(struct samples *s, const struct pace *p, struct sample one)
{
	if (!s->parts && s->n == s->room && span_ns(s, p) < p->retention_ns)
		thin_out(s);
	if (!s->parts)
		s->next = (struct sample){ .kib = SAMPLE_NONE };
	if (one.kib != SAMPLE_NONE) {
		s->sum += one.cpu;
		s->known++;
		s->next = merged(s->next, one);
	}
	if (++s->parts < 1U << s->thin)
		return;
	if (s->known)
		s->next.cpu = (uint32_t)(s->sum / s->known);
	while (s->n && (s->n == s->room || span_ns(s, p) >= p->retention_ns))
		drop_oldest(s);
	s->v[s->n++] = s->next;
	s->parts = s->known = 0;
	s->sum = 0;
}

static uint32_t bounded(int64_t value)
{
	return value < 0 ? 0 : value < SAMPLE_NONE ? (uint32_t)value : SAMPLE_NONE - 1;
}

void samples_add(
	struct samples *s, const struct pace *p, int64_t now_ns, int64_t cpu_ns, int64_t bytes)
{
	int64_t passed = now_ns - s->at_ns, used = cpu_ns - s->cpu_ns;
	bool first = !s->at_ns;

	s->at_ns = now_ns;
	s->cpu_ns = cpu_ns;
	if (first || passed <= 0)
		return;
	int64_t missed = (passed + p->interval_ns / 2) / p->interval_ns - 1;
	if (missed * p->interval_ns >= p->retention_ns)
		s->n = s->parts = s->known = s->thin = 0, s->sum = 0, missed = 0;
	for (; missed > 0; missed--)
		put(s, p, (struct sample){ .kib = SAMPLE_NONE });
	uint32_t cpu = bounded(used / (passed / 1000 + 1));
	put(s, p, (struct sample){ cpu, cpu, bounded(bytes / 1024) });
}

unsigned samples_sum(
	const struct samples *s, uint32_t *ret_last, uint32_t *ret_average, uint32_t *ret_most)
{
	uint64_t sum = 0;
	unsigned n = 0;

	*ret_last = *ret_average = *ret_most = 0;
	for (unsigned i = 0; i < s->n; i++) {
		if (s->v[i].kib == SAMPLE_NONE)
			continue;
		n++;
		sum += *ret_last = s->v[i].cpu;
		if (s->v[i].cpu_most > *ret_most)
			*ret_most = s->v[i].cpu_most;
	}
	if (n)
		*ret_average = (uint32_t)(sum / n);
	return n;
}
