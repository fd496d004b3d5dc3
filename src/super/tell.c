/* A unit reached a state that somebody may wait for: the table's TELL. */
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/units.h"
#include "node/exit.h"
#include "super/deploy.h"
#include "super/hooks.h"
#include "super/kids.h"
#include "super/message.h"
#include "super/schedule.h"
#include "super/will.h"

static int code_of(const struct unit *u)
{
	if (u->exit.reason == END_EXEC_FAILED)
		return u->trouble.sys == 2 ? 127 : 126; /* ENOENT: not found */
	if (!u->exit.known)
		return 1;
	return u->exit.code ? u->exit.code : 0;
}

int unit_exit_code(const struct unit *u)
{
	return code_of(u);
}

bool unit_essential(const struct super *s, const struct unit *u)
{
	const struct service *svc = unit_spawned(u) ? NULL : job_of(u)->svc;
	const char *from = s->m->exit_code_from;

	return svc && (svc->essential || (from && strcmp(from, svc->name) == 0));
}

/* The container goes with an essential service that ended for good, clean or not, other than by
 * order. */
static void essential_ended(struct super *s, struct unit *u)
{
	char path[UNIT_PATH_MAX];

	if (!unit_essential(s, u) || s->phase != PHASE_RUN ||
		(u->state != NODE_DONE && u->state != NODE_FAILED))
		return;
	shutdown_decide(s, code_of(u), u);
	log_line(s->opts->one_command ? LOG_INFO : LOG_WARN,
		"essential service %s ended with %d; shutting down",
		unit_path(u, path, sizeof path), code_of(u));
	shutdown_begin(s, "an essential service ended");
}

static void gave_up(struct super *s, struct unit *u)
{
	err_set(&u->trouble, ERR_GAVE_UP, 0, "gave up after %u restarts; the last exit: %s %d",
		u->in_a_row, u->exit.signal ? "signal" : "code",
		u->exit.signal ? u->exit.signal : u->exit.code);
	u->exit.reason = END_GAVE_UP;
	event_add(s, EVENT_FAILED, u, u->trouble.code, "%s", u->trouble.msg);
}

static void failed(struct super *s, struct unit *u, const struct job *j)
{
	u->failed_ns = clock_mono_ns();
	if (u->exit.reason == END_EXEC_FAILED) {
		trouble_say(s, u);
		return;
	}
	if (u->trouble.code == ERR_DEP_FAILED)
		return; /* said where it was seen */
	if (!u->exit.known || s->opts->one_command)
		return; /* a plain command's own exit needs no words of ours */
	if (j->svc->restart != RESTART_NEVER) {
		gave_up(s, u);
		trouble_say(s, u);
		return;
	}
	if (u->trouble.code == ERR_OK)
		trouble_ended(u);
	event_add(s, EVENT_FAILED, u, u->trouble.code, "%s", u->trouble.msg);
	if (!u->unprepared && !j->trouble_said) /* else that was said when it was seen */
		trouble_say(s, u);
}

void tell(struct super *s, struct unit *u)
{
	struct job *j = job_of(u);
	char path[UNIT_PATH_MAX];

	if (!node_state_at_rest(u->state)) {
		log_line(LOG_INFO, "%s is %s, pid %d", unit_path(u, path, sizeof path),
			node_state_status(u->state), (int)u->pid);
		serve_unit_told(s, u);
		if (u->state == NODE_READY && !j->candidate)
			hooks_up(s, j);
		return;
	}
	hooks_ended(s, j);
	job_at_rest(s, j);
	if (u->live_children && ((node_state_over(u->state) && u->state != NODE_IDLE) ||
					(unit_spawned(u) && u->state != NODE_BACKOFF)))
		kids_hand_over(s, u);
	if (u->state == NODE_FAILED && j->svc)
		failed(s, u, j);
	else if (u->state == NODE_FAILED && exit_again(u))
		gave_up(s, u);
	if (j->will_due && u->state != NODE_BACKOFF && u->state != NODE_WAITING && !u->keeps_kids &&
		(u->born || !unit_spawned(u))) {
		j->will_due = false;
		wills_say(s, u);
	}
	if (unit_spawned(u)) {
		if (u->state != NODE_BACKOFF)
			job_end(s, u);
		return;
	}
	if (node_state_over(u->state)) {
		message_move(s, u, roll_heir(s, u));
		if (unit_rests(u))
			message_unit_over(s, u);
		queue_forget(s, u);
		log_line(LOG_INFO, "%s is %s", unit_path(u, path, sizeof path),
			node_state_status(u->state));
	}
	serve_unit_told(s, u);
	essential_ended(s, u);
	schedule_rest(s, j);
}
