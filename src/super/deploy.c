/* Rolling deployments, one service after another: which step follows is node/deploy.c's. */
#include <stdlib.h>

#include "base/clock.h"
#include "super/change.h"
#include "super/hooks.h"
#include "super/roll.h"

#define LOOK_NS (250 * NS_PER_MS) /* up for so long without a check is ready */

/* Whoever looks comes again with the next turn. */
static void wake(struct super *s, struct timer *t)
{
	(void)s;
	(void)t;
}

enum roll_news roll_until(struct roll *r, int64_t deadline_ns)
{
	if (clock_mono_ns() >= deadline_ns)
		return ROLL_GOOD;
	timer_set(r->s, &r->timer, deadline_ns, wake);
	return ROLL_NOT_YET;
}

/* --- what came of a step --- */

static bool unloads(const struct change *ch, const struct roll *r)
{
	return ch->what == DO_UNLOAD && service_meant(&r->s->m->services[r->index], ch->names[0]);
}

/* Its project is to be stopped, once nothing is under way. */
static bool is_unloaded(const struct roll *r)
{
	list_each(it, &r->s->changes)
	{
		const struct change *ch = list_entry(it, const struct change, link);
		if (unloads(ch, r))
			return true;
	}
	return false;
}

static bool is_off(struct roll *r)
{
	bool dep = r->old->cause == CAUSE_DEPENDENCY;

	r->off = r->s->phase != PHASE_RUN || !r->old->want_up || dep || is_unloaded(r);
	if (r->off)
		(void)err_set(&r->why, dep ? ERR_DEP_FAILED : ERR_START_FAILED, 0,
			dep ? "what it depends on went down" : "it was stopped meanwhile");
	return r->off;
}

/* A copy like this one was tried just before. */
static enum roll_news look_wait(struct roll *r)
{
	const struct service *svc = &r->s->m->services[r->index];

	if (is_off(r))
		return ROLL_OFF;
	if (r->why.code != ERR_OK)
		return ROLL_BAD;
	int rc = deps_allow(r->s, svc, &r->why);
	return rc < 0 ? ROLL_BAD : rc ? ROLL_GOOD : ROLL_NOT_YET;
}

/* Why it is no candidate any more. */
static enum roll_news went_wrong(struct roll *r)
{
	const struct unit *u = r->next;

	r->why = u->trouble;
	if (r->why.code != ERR_OK)
		return ROLL_BAD;
	if (u->exit.known)
		trouble_of_end(u, &r->why);
	else
		(void)err_set(&r->why, ERR_UNKNOWN, 0, "it was stopped");
	if (u->exit.known)
		r->why.code = ERR_IMMEDIATE_EXIT;
	return ROLL_BAD;
}

static enum roll_news stands(struct roll *r)
{
	const struct unit *u = r->next;

	if (r->why.code != ERR_OK) /* it could not be made */
		return ROLL_BAD;
	switch (u->state) {
	case NODE_READY:
		return u->unhealthy ? went_wrong(r) : u->main_alive ? ROLL_GOOD : ROLL_NOT_YET;
	case NODE_WAITING:
	case NODE_PREPARING:
	case NODE_STARTING:
	case NODE_RUNNING:
		return ROLL_NOT_YET;
	default:
		return went_wrong(r);
	}
}

static enum roll_news look_rise(struct roll *r)
{
	enum roll_news news = is_off(r) ? ROLL_OFF : stands(r);

	if (news == ROLL_GOOD && job_check(job_of(r->next))->kind <= CHECK_ALIVE)
		return roll_until(r, r->next->started_ns + LOOK_NS);
	return news;
}

/* Of the switch, and of its verification, which goes on in the grace period. */
static enum roll_news look_asked(struct roll *r)
{
	enum roll_news news = is_off(r) ? ROLL_OFF : stands(r);

	return news == ROLL_GOOD ? r->asked : news;
}

static enum roll_news look_grace(struct roll *r)
{
	enum roll_news news = look_asked(r);

	return news == ROLL_GOOD ? roll_until(r, r->until_ns) : news;
}

/* With its children, what tells of its end, and the lines that it printed last. */
static enum roll_news look_gone(struct roll *r)
{
	struct unit *u = r->goes;

	if (roll_keeps(r))
		return ROLL_NOT_YET;
	if (!u || (!unit_lives(u) && !hooks_tell_end(r->s, job_of(u)) && !trouble_pending(u)))
		return ROLL_GOOD;
	return job_of(u)->survived ? ROLL_BAD : ROLL_NOT_YET;
}

static enum roll_news (*const look[ROLL_STEP_COUNT])(struct roll *r) = {
	[ROLL_WAIT] = look_wait,
	[ROLL_RISE] = look_rise,
	[ROLL_SWITCH] = look_asked,
	[ROLL_VERIFY] = look_asked,
	[ROLL_GRACE] = look_grace,
	[ROLL_LEAVE] = look_gone,
	[ROLL_BACK] = roll_look_back,
	[ROLL_DROP] = look_gone,
	[ROLL_STUCK] = look_gone,
};

/* --- all of them --- */

int roll_add(struct super *s, size_t index, struct definition *d, struct err *err)
{
	struct roll *r = calloc(1, sizeof *r);

	if (!r) {
		(void)define_free(s, d);
		return err_no_memory(err);
	}
	r->keep.fd = -1;
	r->s = s;
	r->def = d;
	r->index = index;
	r->old = s->unit_of[index];
	r->was = r->old->id;
	list_add_tail(&s->rolls, &r->link);
	return 0;
}

static struct roll *current(const struct super *s)
{
	list_each(it, &s->rolls) if (list_entry(it, struct roll, link)->step !=
				     ROLL_STUCK) return list_entry(it, struct roll, link);
	return NULL;
}

bool rolls_busy(const struct super *s)
{
	return current(s) != NULL;
}

bool rolls_hold(const struct super *s, const struct change *ch)
{
	bool of_it = false;

	list_each(it, &s->rolls)
	{
		of_it |= unloads(ch, list_entry(it, struct roll, link));
	}
	return ch->what == DO_UNLOAD ? of_it : rolls_busy(s);
}

/* True: something changed. r may be gone. */
static bool advance(struct roll *r)
{
	struct super *s = r->s;
	enum roll_step next = roll_next(r->step, look[r->step](r));

	if (next == r->step)
		return false;
	r->step = next;
	if (roll_begin[next])
		roll_begin[next](r);
	settle(s);
	return true;
}

void rolls_step(struct super *s)
{
	struct roll *r;

	list_each(it, &s->rolls)
	{
		r = list_entry(it, struct roll, link);
		if (r->step == ROLL_STUCK || (r->step == ROLL_WAIT && is_off(r)))
			(void)advance(r);
	}
	while ((r = current(s)) && advance(r))
		;
}

struct unit *roll_twin(const struct super *s, const struct unit *u)
{
	list_each(it, &s->rolls)
	{
		const struct roll *r = list_entry(it, struct roll, link);
		if (r->next && u == s->unit_of[r->index])
			return u == r->old ? r->next : r->old;
	}
	return NULL;
}

struct unit *roll_heir(const struct super *s, const struct unit *u)
{
	list_each(it, &s->rolls)
	{
		const struct roll *r = list_entry(it, struct roll, link);
		if (r->step == ROLL_LEAVE && u == r->old)
			return r->next;
	}
	return NULL;
}

int rolls_may_move(const struct super *s, const ssize_t *to, struct err *err)
{
	list_each(it, &s->rolls)
	{
		const struct roll *r = list_entry(it, struct roll, link);
		if (to[r->index] >= 0)
			continue;
		if (r->step != ROLL_STUCK) /* rolls_hold() lets no such change begin */
			return err_set(err, ERR_BUSY, 0, "%s is being replaced", r->old->name);
		*err = r->goes->trouble;
		return err_wrap(err, "%s", r->goes->name);
	}
	return 0;
}

void rolls_move(struct super *s, const ssize_t *to)
{
	list_each(it, &s->rolls)
	{
		struct roll *r = list_entry(it, struct roll, link);
		struct unit *of_it[] = { r->old, r->next, r->goes };

		r->index = (size_t)to[r->index];
		for (size_t i = 0; i < sizeof of_it / sizeof *of_it; i++)
			if (of_it[i])
				of_it[i]->service = (ssize_t)r->index;
	}
}

void rolls_end(struct super *s)
{
	list_each(it, &s->rolls) roll_free(list_entry(it, struct roll, link));
}
