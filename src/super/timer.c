#include <stdint.h>

#include "base/clock.h"
#include "super/parts.h"

enum { TIMERS_AT_ONCE = 16 };

void timer_set(struct super *s, struct timer *t, int64_t deadline_ns, timer_fn *fn)
{
	t->fn = fn;
	heap_put(&s->timers, &t->node, deadline_ns);
}

void timer_in(struct super *s, struct timer *t, int64_t ns, timer_fn *fn)
{
	timer_set(s, t, clock_mono_ns() + ns, fn);
}

void timer_del(struct super *s, struct timer *t)
{
	heap_take(&s->timers, &t->node);
}

int64_t timers_next(const struct super *s)
{
	struct heap_node *n = heap_min(&s->timers);

	return n ? n->key : INT64_MAX;
}

bool timers_run(struct super *s, int64_t now_ns)
{
	struct heap_node *n;

	for (int i = 0; (n = heap_min(&s->timers)) && n->key <= now_ns; i++) {
		struct timer *t = container_of(n, struct timer, node);
		if (i == TIMERS_AT_ONCE)
			return true;
		heap_take(&s->timers, n);
		t->fn(s, t);
	}
	return false;
}

void turn_share(struct super *s, int64_t ns)
{
	s->until_ns = clock_mono_ns() + ns;
}

bool turn_spent(const struct super *s)
{
	return clock_mono_ns() >= s->until_ns;
}
