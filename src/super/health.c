/* From what a check says to what becomes of its unit. */
#include <errno.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/units.h"
#include "os/fence.h"
#include "super/checks.h"
#include "super/health.h"
#include "super/notify.h"

/* With on_unhealthy: ignore what it is known to be changes, and nothing else happens. */
static void told_unhealthy(struct super *s, struct unit *u)
{
	u->unhealthy = true;
	s->deps_dirty = true;
}

static void told_healthy(struct super *s, struct unit *u)
{
	char path[UNIT_PATH_MAX];

	u->unhealthy = false;
	u->trouble.code = ERR_OK;
	s->deps_dirty = true;
	event_add(s, EVENT_READY, u, ERR_OK, "healthy again");
	log_line(LOG_INFO, "%s is healthy again", unit_path(u, path, sizeof path));
}

static void became_ready(struct super *s, struct unit *u)
{
	char after[32];

	u->was_ready = true;
	u->trouble.code = ERR_OK;
	event_add(s, EVENT_READY, u, ERR_OK, "after=%s",
		duration_print(after, sizeof after, clock_mono_ns() - u->started_ns));
	post(s, u, EV_PROBE_UP);
}

static void went_wrong(struct super *s, struct unit *u, const struct err *err, bool was_ready)
{
	u->trouble = *err;
	notify_explain(job_of(u), &u->trouble);
	err = &u->trouble;
	event_add(s, EVENT_UNHEALTHY, u, err->code, "%s", err->msg);
	trouble_say(s, u);
	if (was_ready && job_check(job_of(u))->ignore) {
		told_unhealthy(s, u);
		return;
	}
	u->cause = was_ready ? CAUSE_UNHEALTHY : CAUSE_UNREADY;
	post(s, u, EV_PROBE_DOWN);
}

static void probe_says(void *arg, enum probe_news news, const struct err *err)
{
	struct job *j = arg;
	char path[UNIT_PATH_MAX];

	switch (news) {
	case PROBE_READY:
		if (j->u->unhealthy)
			told_healthy(j->s, j->u);
		else
			became_ready(j->s, j->u);
		break;
	case PROBE_NEVER_READY:
	case PROBE_FAILING:
		went_wrong(j->s, j->u, err, news == PROBE_FAILING);
		break;
	case PROBE_PUT_OFF:
		log_line(LOG_WARN,
			"%s: no process or descriptor is left for its health check; it is put off",
			unit_path(j->u, path, sizeof path));
		break;
	}
}

static int beside(void *arg)
{
	const struct job *j = arg;

	errno = ESRCH;
	return j->u->main_alive ? fence_beside(fence_of(j), j->u->pid) : -1;
}

int health_watch(struct job *j, const struct health_check *check,
	void (*says)(void *job, enum probe_news news, const struct err *err), struct err *err)
{
	struct probe_host host = { .arg = j,
		.says = says,
		.run = check_start,
		.cut = check_cut,
		.clock = j->s->probes,
		.fence = fence_apart(fence_of(j)) ? fence_of(j) : NULL,
		.beside = beside };

	(void)probe_free(j->probe);
	j->probe = probe_new(check, j->cwd, &host, err);
	return j->probe ? 0 : -1;
}

void health_begin(struct super *s, struct unit *u)
{
	struct job *j = job_of(u);
	struct err err;

	if (unit_spawned(u) || job_check(j)->kind <= CHECK_ALIVE) {
		j->probe = probe_free(j->probe);
		u->was_ready = true;
		post(s, u, EV_PROBE_UP);
		return;
	}
	if (health_watch(j, job_check(j), probe_says, &err) < 0)
		went_wrong(s, u, &err, false);
	else if (notify_ready(j)) /* it was faster than we */
		probe_tell(j->probe);
}
