/* What a unit printed last: asked of the logger, which has it; PID 1 reads no log. */
#include <inttypes.h>
#include <stdlib.h>

#include "base/clock.h"
#include "super/logproc.h"
#include "super/parts.h"

#define ANSWER_NS (200 * NS_PER_MS) /* who waits for the lines goes on without them after it */

struct logtail {
	struct list link;
	struct unit *u;
	logtail_fn *fn;
	uint64_t number;
	struct timer timer;
};

static void answer(struct super *s, struct logtail *t, const char *text, size_t n)
{
	struct unit *u = t->u;
	logtail_fn *fn = t->fn;

	list_del(&t->link);
	timer_del(s, &t->timer);
	free(t);
	fn(s, u, n ? text : NULL, n);
}

static void time_is_up(struct super *s, struct timer *timer)
{
	answer(s, container_of(timer, struct logtail, timer), NULL, 0);
}

/* False: nobody will answer. */
static bool ask(struct super *s, const struct logtail *t)
{
	const struct job *j = job_of(t->u);
	char path[UNIT_PATH_MAX];
	struct buf b;

	if (!s->logproc || !j || !j->log_id)
		return false;
	buf_init(&b, CAP_PACKET);
	packet_put(&b, "op", "tail");
	packet_put_int(&b, "number", (int64_t)t->number);
	packet_put_int(&b, "id", (int64_t)j->log_id);
	packet_put_int(&b, "since", j->log_since_ns);
	packet_put(&b, "path", unit_log_path(t->u, path, sizeof path));
	return logproc_send(s->logproc, &b) == 0;
}

void logproc_tail(struct super *s, struct unit *u, logtail_fn *fn)
{
	struct logtail *t = calloc(1, sizeof *t);

	if (!t) {
		fn(s, u, NULL, 0);
		return;
	}
	t->u = u;
	t->fn = fn;
	t->number = ++s->last_tail;
	list_init(&t->link);
	list_add_tail(&s->tails, &t->link);
	int64_t wait = ask(s, t) ? ANSWER_NS : 0;
	timer_in(s, &t->timer, wait, time_is_up);
}

void logtail_answer(struct super *s, const struct packet *p)
{
	struct err err;
	int64_t number = -1;

	if (packet_int(p, "number", 0, INT64_MAX, &number, &err) < 0)
		return;
	list_each(it, &s->tails)
	{
		struct logtail *t = list_entry(it, struct logtail, link);
		if ((int64_t)t->number != number)
			continue;
		answer(s, t, p->body, p->body_len);
		return;
	}
}

void logproc_forget_unit(struct super *s, const struct unit *u)
{
	list_each(it, &s->tails)
	{
		struct logtail *t = list_entry(it, struct logtail, link);
		if (t->u != u)
			continue;
		list_del(&t->link);
		timer_del(s, &t->timer);
		free(t);
	}
}

void logtail_drop_all(struct super *s)
{
	while (!list_empty(&s->tails))
		logproc_forget_unit(s, list_entry(s->tails.next, struct logtail, link)->u);
}
