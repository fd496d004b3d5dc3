/* What happened, taken down for `sysg events`. */
#include <stdarg.h>
#include <stdio.h>

#include "base/clock.h"
#include "super/ops.h"

/* What a unit that asks again and again is refused must not drive out everybody's records. */
enum { REFUSED_A_SECOND = 20 };

static bool too_many_refused(struct super *s)
{
	int64_t second = clock_mono_ns() / NS_PER_SEC;

	if (second != s->refused_second) {
		s->refused_second = second;
		s->refused_n = 0;
	}
	return ++s->refused_n > REFUSED_A_SECOND;
}

void event_add(struct super *s, enum event_word word, const struct unit *u, enum err_code code,
	const char *fmt, ...)
{
	char path[UNIT_PATH_MAX] = "", detail[EVENT_DETAIL_MAX + 1];
	va_list ap;

	if (word == EVENT_REFUSED && too_many_refused(s)) {
		s->journal_dropped++;
		return;
	}
	va_start(ap, fmt);
	(void)vsnprintf(detail, sizeof detail, fmt, ap);
	va_end(ap);
	struct event_row row = {
		.wall_ns = clock_wall_ns(),
		.word = word,
		.code = code,
		.id = u ? u->id : 0,
		.path = u ? unit_path(u, path, sizeof path) : path,
		.detail = detail,
	};
	if (event_put(&s->journal, &row) < 0)
		s->journal_dropped++;
	s->journal_fresh = true;
}

void events_tell(struct super *s)
{
	if (!s->journal_fresh)
		return;
	s->journal_fresh = false;
	list_each(it, &s->conns)
	{
		struct conn *c = list_entry(it, struct conn, link);
		if (c->wait != WAIT_EVENTS || !conn_room(c))
			continue;
		op_events_more(c);
		if (it_next == &s->conns || !turn_spent(s))
			continue;
		list_del(&s->conns); /* the next one is the first to be told in the next turn */
		list_add_tail(it_next, &s->conns);
		s->journal_fresh = s->again = true;
		return;
	}
}
