/* tcp and url: our own exchange with an address, or one in a process of its own with a name. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "probe/exchange.h"
#include "probe/kind.h"

/* The fork's own end, were ours too busy to see the attempt's. */
#define SLACK_NS (100 * NS_PER_MS)

struct verdict {
	enum step step;
	struct err err;
};

static void decide(struct probe *p, enum step step, const struct err *err)
{
	if (step == STEP_YES)
		probe_outcome(p, NULL);
	else if (step == STEP_NO)
		probe_outcome(p, err);
	else
		probe_postpone(p);
}

/* --- an address --- */

static void end_exchange(struct probe *p)
{
	if (!p->exchange)
		return;
	if (p->exchange->fd >= 0)
		loop_del(probe_loop(p), &p->w);
	p->w.fd = -1;
	exchange_end(p->exchange);
	free(p->exchange);
	p->exchange = NULL;
}

static void ready(struct loop *l, struct watch *w, uint32_t events);

/* After each step anew: it may be another socket, waited for in another way. */
static void after(struct probe *p, enum step step, const struct err *err)
{
	if (step == STEP_WAIT) {
		p->w = (struct watch){
			.fd = p->exchange->fd, .events = p->exchange->events, .fn = ready
		};
		if (loop_add(probe_loop(p), &p->w) == 0)
			return;
		step = STEP_SHORT;
	}
	p->w.fd = -1;
	end_exchange(p);
	decide(p, step, err);
}

static void ready(struct loop *l, struct watch *w, uint32_t events)
{
	struct probe *p = container_of(w, struct probe, w);
	struct err err;

	(void)events;
	loop_del(l, w);
	w->fd = -1;
	after(p, exchange_go(p->exchange, &err), &err);
}

static void begin_exchange(struct probe *p)
{
	struct err err;

	p->exchange = malloc(sizeof *p->exchange);
	if (!p->exchange) {
		probe_postpone(p);
		return;
	}
	after(p, exchange_begin(p->exchange, p->check, NULL, &err), &err);
}

/* --- a name, or another network --- */

static void by_fork(const void *arg, int fd)
{
	struct verdict v;

	memset(&v, 0, sizeof v);
	v.step = exchange_by_name(arg, &v.err);
	(void)!write(fd, &v, sizeof v);
}

static void answered(struct loop *l, struct watch *w, uint32_t events)
{
	struct probe *p = container_of(w, struct probe, w);
	struct verdict v = { .step = STEP_SHORT };

	(void)l;
	(void)events;
	(void)ask_answer(w->fd, &v, sizeof v);
	probe_drop_watch(p);
	p->asked = false;
	if (p->trying)
		decide(p, v.step, &v.err);
}

static void begin(struct probe *p)
{
	if (p->check->named || p->host.fence)
		probe_ask(p, by_fork, p->check, p->check->attempt_timeout_ns + SLACK_NS, answered);
	else
		begin_exchange(p);
}

/* What a fork still asks is waited for; see probe_ask(). */
static void end(struct probe *p)
{
	end_exchange(p);
}

const struct probe_kind probe_kind_net = { begin, end };
