/* Groups of units that are gone. A group can't be removed while something in it is still on its way out,
 * though nothing of it is seen any more: it is tried again, later and later, and at the end of the run. */
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "super/parts.h"

enum { TRIES = 12, FIRST_MS = 20, END_ROUNDS = 50, END_MS = 2, PREFIX = 48 };

/* Two containers may have been given one cgroup, and both are PID 1: the random bits of the run keep
 * them apart. */
static void prefix_of(uint64_t base, char text[PREFIX])
{
	(void)snprintf(text, PREFIX, "sysg.%" PRIx64 ".", base >> 20);
}

char *job_cgroup_name(const struct job *j, char name[64])
{
	char prefix[PREFIX];

	prefix_of(j->s->marks.base, prefix);
	(void)snprintf(name, 64, "%s%d.%" PRIu64, prefix, (int)getpid(), j->u->id);
	return name;
}

static void again(struct super *s, struct timer *t);

/* 20 ms, 40 ms, ... 41 s; what is left then waits for the end of the run, so that an idle init isn't
 * woken for ever by a process that somebody else put there. */
static void later(struct super *s)
{
	if (s->group_tries < TRIES)
		timer_set(s, &s->group_timer,
			clock_mono_ns() + ((int64_t)FIRST_MS << s->group_tries++) * NS_PER_MS,
			again);
}

static void again(struct super *s, struct timer *t)
{
	(void)t;
	if (cgroup_retry(s->cgroup))
		later(s);
	else
		s->group_tries = 0;
}

void group_drop(struct super *s, const char *name)
{
	cgroup_drop(s->cgroup, name);
	s->group_tries = 0;
	again(s, &s->group_timer);
}

void groups_before(struct super *s, const struct mark_range *before)
{
	char prefix[PREFIX];

	if (!s->cgroup || before->base == s->marks.base)
		return;
	prefix_of(before->base, prefix);
	if (cgroup_clear(s->cgroup, prefix))
		later(s);
}

/* Everything was killed: the kernel needs a moment at most. */
void groups_end(struct super *s)
{
	char prefix[PREFIX];
	unsigned left = 0;

	if (!s->cgroup)
		return;
	timer_del(s, &s->group_timer);
	prefix_of(s->marks.base, prefix);
	for (int i = 0; i < END_ROUNDS; i++) {
		/* Without random bits the prefix could be another init's too. */
		left = s->marks.usable ? cgroup_clear(s->cgroup, prefix) : 0;
		left += cgroup_retry(s->cgroup);
		if (!left)
			return;
		(void)poll(NULL, 0, END_MS);
	}
	log_line(LOG_WARN, "a cgroup of ours can't be removed: %u left", left);
}
