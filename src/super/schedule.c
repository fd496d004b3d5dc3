/* Cron units: one timer of the wall clock for all of them, which a jump of that clock wakes, too. */
#include "super/schedule.h"

#include <stdlib.h>
#include <string.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "base/clock.h"
#include "super/change.h"

static struct schedule *all;

/* Of a file (text NULL: of none). */
static int share(const char *text, size_t n, struct schedule **ret, struct err *err)
{
	struct schedule *sc = n || !text ? all : NULL;

	while (sc && (sc->n != n || (n && memcmp(sc->bytes, text, n) != 0)))
		sc = sc->next;
	if (!sc) {
		if (!(sc = calloc(1, sizeof *sc + n)))
			return err_no_memory(err);
		if (n)
			memcpy(sc->bytes, text, n);
		if (text && zone_parse(sc->bytes, n, &sc->zone, err) < 0) {
			free(sc);
			return -1;
		}
		sc->n = n;
		sc->next = all;
		all = sc;
	}
	sc->refs++;
	*ret = sc;
	return 0;
}

void schedule_unref(struct schedule *sc)
{
	struct schedule **at = &all;

	if (!sc || --sc->refs)
		return;
	while (*at != sc)
		at = &(*at)->next;
	*at = sc->next;
	free(sc);
}

int schedule_of_service(const struct service *svc, const struct bundle *files,
	struct schedule **ret, struct err *err)
{
	const struct cron_spec *cron = &svc->cron;
	const char *text = NULL;
	size_t n = 0;

	if (!cron->expression)
		return 0;
	if ((!cron->zone_file || bundle_find(files, cron->zone_file, &text, &n, err) == 0) &&
		share(text, n, ret, err) == 0)
		return 0;
	(void)err_wrap(err, "timezone %s", cron->timezone);
	return err_help(err, "install tzdata in the image, or write timezone: UTC");
}

int schedule_refuses(const struct service *svc, struct err *err)
{
	if (!svc || !svc->cron.expression)
		return 0;
	return err_set(
		err, ERR_CRON, 0, "%s: cron units run only when their schedule fires", svc->name);
}

static int64_t now_s(void)
{
	return clock_wall_ns() / NS_PER_SEC;
}

void schedule_begin(struct super *s, struct job *j)
{
	/* With another definition, or the same: a time of this very second that did not come yet is to come. */
	int64_t now = now_s(), from = j->cron_on && j->cron.done < now ? now - 1 : now;

	j->cron_on = j->schedule;
	if (!j->cron_on)
		return;
	cron_begin(&j->cron, &j->svc->cron.at, &j->schedule->zone, from);
	s->cron_due = true;
}

bool schedule_start(struct super *s, struct job *j)
{
	bool on = j->schedule && !j->svc->skip;

	if (on && !j->cron_on)
		schedule_begin(s, j);
	return on;
}

static void run(struct super *s, struct job *j)
{
	j->u->trouble.code = ERR_OK;
	order_now(s, j->u);
}

void schedule_rest(struct super *s, struct job *j)
{
	if (!j->cron_again || s->phase != PHASE_RUN || unit_is_up(j->u))
		return;
	j->cron_again = false;
	run(s, j);
}

/* What still runs, or waits to, is in the way. */
static void fire(struct super *s, struct job *j)
{
	enum cron_overlap overlap = j->svc->cron.overlap;

	if (!unit_is_up(j->u)) {
		run(s, j);
		return;
	}
	if (overlap == CRON_SKIP) {
		event_add(s, EVENT_SKIPPED, j->u, ERR_OK, "reason=overlap");
		return;
	}
	if (overlap == CRON_KILL)
		order_stop(s, j->u, CAUSE_ORDER);
	j->cron_on = j->cron_again = true; /* that order ended both */
}

static void woken(struct loop *l, struct watch *w, uint32_t events)
{
	uint64_t times;

	(void)l;
	(void)events;
	/* ECANCELED: the clock was set. Both are looked at in the same way. */
	(void)!read(w->fd, &times, sizeof times);
	container_of(w, struct super, cron)->cron_due = true;
}

static void try_again(struct super *s, struct timer *t)
{
	(void)t;
	s->cron_due = true;
}

/* Where there can be no such timer it is looked each second, as when the clock is set in this moment. */
static void wake_at(struct super *s, int64_t next)
{
	struct itimerspec at = { .it_value = { .tv_sec = next } };

	if (s->cron.fd < 0) {
		s->cron = (struct watch){ .fd = timerfd_create(
						  CLOCK_REALTIME, TFD_CLOEXEC | TFD_NONBLOCK),
			.events = LOOP_IN,
			.fn = woken };
		if (s->cron.fd >= 0 && loop_add(s->loop, &s->cron) < 0) {
			close(s->cron.fd);
			s->cron.fd = -1;
		}
	}
	if (timerfd_settime(s->cron.fd, TFD_TIMER_ABSTIME | TFD_TIMER_CANCEL_ON_SET, &at, NULL) < 0)
		timer_in(s, &s->cron_retry, NS_PER_SEC, try_again);
}

void schedules_step(struct super *s)
{
	int64_t next = CRON_NEVER, now = now_s();

	if (!s->cron_due)
		return;
	s->cron_due = false;
	for (size_t i = 0; s->phase == PHASE_RUN && i < s->m->nservices; i++) {
		struct job *j = s->unit_of[i] ? job_of(s->unit_of[i]) : NULL;
		if (!j || !j->cron_on)
			continue;
		if (cron_due(&j->cron, &j->svc->cron.at, &j->schedule->zone, now))
			fire(s, j);
		if (j->cron.next < next)
			next = j->cron.next;
	}
	if (next != CRON_NEVER)
		wake_at(s, next);
}
