/* The slots of blue_green: traffic is switched over and back, that is verified, and the slot is kept. */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "os/ask.h"
#include "os/whole.h"
#include "super/health.h"
#include "super/hook_run.h"
#include "super/roll.h"

#define KEEP_NS (5 * NS_PER_SEC)

static const struct blue_green *blue_of(const struct roll *r)
{
	return job_of(r->next)->svc->deployment.blue;
}

static struct roll *roll_of(const struct job *j)
{
	list_each(it, &j->s->rolls)
	{
		struct roll *r = list_entry(it, struct roll, link);
		if (r->next == j->u)
			return r;
	}
	return NULL;
}

static void bad(struct roll *r, const struct err *why)
{
	r->asked = ROLL_BAD;
	if (r->why.code == ERR_OK)
		r->why = *why;
}

/* --- the switch, and back --- */

static void run_switch(struct roll *r, int slot)
{
	struct err err;

	r->asked = ROLL_NOT_YET;
	r->hook = hook_begin(r->s, job_of(r->next), (enum hook_kind)(HOOK_SWITCH_A + slot), &err);
	r->switched |= r->hook != NULL;
	if (r->hook)
		return;
	hook_warn(job_of(r->next), &err);
	err.code = ERR_DEPLOYMENT;
	bad(r, &err);
}

void roll_hook_over(struct hook_run *h, bool good, const struct err *why)
{
	struct roll *r = roll_of(h->j);
	struct err err = *why;

	if (!r || r->hook != h)
		return;
	r->hook = NULL;
	r->asked = ROLL_GOOD;
	err.code = ERR_DEPLOYMENT;
	if (!good)
		bad(r, &err);
}

void roll_switch(struct roll *r)
{
	r->asked = ROLL_GOOD;
	if (blue_of(r))
		run_switch(r, job_of(r->next)->slot);
}

/* What runs of a switch ends first. */
void roll_switch_back(struct roll *r)
{
	if (r->hook)
		hook_cut(r->hook);
	r->back = r->switched && r->s->phase == PHASE_RUN;
	r->until_ns = 0;
}

enum roll_news roll_look_back(struct roll *r)
{
	if (r->hook)
		return ROLL_NOT_YET;
	if (r->back) {
		r->back = false;
		r->until_ns = -1;
		run_switch(r, !job_of(r->next)->slot);
		return r->hook ? ROLL_NOT_YET : ROLL_GOOD;
	}
	/* As the way there: what was handed to it still comes to its end. */
	if (!r->until_ns || r->off || !r->next->main_alive)
		return ROLL_GOOD;
	if (r->until_ns < 0)
		r->until_ns = clock_mono_ns() + job_of(r->next)->svc->deployment.grace_ns;
	return roll_until(r, r->until_ns);
}

/* --- is it switched? --- */

static void verified(void *arg, enum probe_news news, const struct err *err)
{
	struct roll *r = roll_of(arg);

	if (!r || news == PROBE_PUT_OFF)
		return;
	if (news == PROBE_READY)
		r->asked = ROLL_GOOD;
	else
		bad(r, err);
}

/* It goes on being asked until the old one is stopped. */
void roll_verify(struct roll *r)
{
	struct job *j = job_of(r->next);
	const struct blue_green *b = blue_of(r);
	struct err err;

	r->asked = ROLL_GOOD;
	if (!b || b->verify[j->slot].kind == CHECK_NONE)
		return;
	r->asked = ROLL_NOT_YET;
	if (health_watch(j, &b->verify[j->slot], verified, &err) < 0)
		bad(r, &err);
}

/* --- which slot it has, for the next supervisor --- */

/* In the fork, which has a copy of all of us. */
static void write_slot(const void *arg, int fd)
{
	const struct job *j = arg;
	const struct blue_green *b = j->svc->deployment.blue;
	int sys = whole_write(b->state_path, b->slots[j->slot]) < 0 ? errno : 0;

	(void)!write(fd, &sys, sizeof sys);
}

void roll_keep_end(struct roll *r)
{
	loop_close(r->s->loop, &r->keep);
}

/* sys: why it isn't; 0: it is. */
static void keep_over(struct roll *r, int sys)
{
	const struct service *svc = job_of(r->next)->svc;

	roll_keep_end(r);
	if (sys)
		log_line(LOG_WARN, "%s: its slot can't be written to %s: %s", svc->name,
			svc->deployment.blue->state_path, strerror(sys));
}

/* A file system that hangs holds its fork, too: that is not waited for. */
bool roll_keeps(struct roll *r)
{
	if (r->keep.fd < 0)
		return false;
	if (roll_until(r, r->until_ns) == ROLL_NOT_YET)
		return true;
	keep_over(r, ETIMEDOUT);
	return false;
}

static void slot_written(struct loop *l, struct watch *w, uint32_t events)
{
	struct roll *r = container_of(w, struct roll, keep);
	int sys = ETIMEDOUT;

	(void)l;
	(void)events;
	if (ask_answer(w->fd, &sys, sizeof sys) < 0 && errno == EAGAIN)
		return;
	keep_over(r, sys);
}

void roll_keep(struct roll *r)
{
	const struct blue_green *b = blue_of(r);

	if (!b || !b->state_path)
		return;
	r->until_ns = clock_mono_ns() + KEEP_NS;
	r->keep = (struct watch){ .fd = ask_fork(write_slot, job_of(r->next), -1, KEEP_NS),
		.events = LOOP_IN,
		.fn = slot_written };
	if (r->keep.fd < 0 || loop_add(r->s->loop, &r->keep) < 0)
		keep_over(r, errno);
}
