/* Which hooks run when, and what waits for them. */
#include "super/hook_run.h"

#include "node/exit.h"

/* --- what the table asks for --- */

enum hook_kind hooks_first(const struct super *s, const struct job *j)
{
	if (!j->judged && hooks_wants(s, j, HOOK_SKIP))
		return HOOK_SKIP;
	return hooks_wants(s, j, HOOK_PRE_START) ? HOOK_PRE_START : HOOK_COUNT;
}

/* Whether it is skipped is asked before the start begins. */
void hooks_prepare(struct super *s, struct unit *u)
{
	struct job *j = job_of(u);
	struct err err;

	if (hooks_first(s, j) == HOOK_SKIP) {
		j->gate = hook_begin(s, j, HOOK_SKIP, &err);
		if (j->gate)
			return;
		hook_warn(j, &err);
		j->judged = true;
	}
	if (hooks_first(s, j) == HOOK_COUNT) {
		post(s, u, EV_HOOK_OK);
		return;
	}
	launch_afresh(u);
	j->prepared = true;
	j->gate = hook_begin(s, j, HOOK_PRE_START, &err);
	if (!j->gate)
		hook_prepare_failed(s, u, 127, 0, &err);
}

void hooks_leave(struct super *s, struct unit *u)
{
	struct job *j = job_of(u);
	struct err err;

	for (struct hook_run *h = s->hooks; h; h = h->next)
		if (h->j == j && h->kind == HOOK_POST_START) /* of a start that is over */
			hook_cut(h);
	if (u->main_alive && u->exec_ok && !j->at_once && hooks_wants(s, j, HOOK_PRE_STOP)) {
		if (s->starts >= STARTS_A_TURN) {
			j->leave_due = s->leaves_due = s->again = true;
			return;
		}
		s->starts++;
		j->gate = hook_begin(s, j, HOOK_PRE_STOP, &err);
		if (j->gate)
			return;
		hook_warn(j, &err);
	}
	post(s, u, EV_HOOK_OK);
}

void hooks_step(struct super *s)
{
	if (!s->leaves_due)
		return;
	s->leaves_due = false;
	list_each(it, &s->tree.services)
	{
		struct unit *u = list_entry(it, struct unit, sibling);
		struct job *j = job_of(u);
		if (!j || !j->leave_due)
			continue;
		j->leave_due = false;
		if (u->state == NODE_LEAVING && !j->gate)
			hooks_leave(s, u);
		if (s->leaves_due)
			break;
	}
	settle(s);
}

void hooks_close(struct super *s, struct unit *u)
{
	struct job *j = job_of(u);
	struct err err;

	j->resolved = j->heard = false;
	j->gate = hook_begin(s, j, HOOK_POST_STOP, &err);
	if (j->gate)
		return;
	hook_warn(j, &err);
	check_gone(s, u);
}

void hooks_drop(struct super *s, struct unit *u)
{
	struct job *j = job_of(u);

	if (j->gate)
		hook_cut(j->gate);
	else
		check_gone(s, u);
}

/* --- those that nothing waits for --- */

static void fire(struct super *s, struct job *j, enum hook_kind kind)
{
	struct err err;
	unsigned n = 0;

	if (!hooks_wants(s, j, kind))
		return;
	for (const struct hook_run *h = s->hooks; h; h = h->next)
		n += h->j == j;
	if (n >= CAP_HOOKS_UNIT) {
		err_set(&err, ERR_UNKNOWN, 0,
			"its %s hook is passed over: %u of its hooks run already", hook_name(kind),
			n);
		hook_warn(j, &err);
	} else if (!hook_begin(s, j, kind, &err)) {
		hook_warn(j, &err);
	}
}

void hooks_up(struct super *s, struct job *j)
{
	j->up_told = true;
	fire(s, j, HOOK_POST_START);
	fire(s, j, HOOK_START_SUCCESS);
	fire(s, j, HOOK_ONSTART);
	if (j->relaunch)
		fire(s, j, HOOK_RESTART_SUCCESS);
}

void hooks_ended(struct super *s, struct job *j)
{
	struct unit *u = j->u;

	if (!j->launched)
		return;
	if (u->was_ready && !j->up_told && !j->candidate) /* up and through in one turn */
		hooks_up(s, j);
	unsigned kinds = j->svc ? exit_hooks(u, j->svc, j->forced || j->survived, j->relaunch) : 0;
	for (int k = 0; k < HOOK_COUNT; k++)
		if (kinds >> k & 1)
			fire(s, j, (enum hook_kind)k);
	j->launched = j->up_told = false;
	j->relaunch = u->state == NODE_WAITING || u->state == NODE_BACKOFF;
}

bool hooks_tell_end(const struct super *s, const struct job *j)
{
	const unsigned of_its_end = 1u << HOOK_STOP_SUCCESS | 1u << HOOK_STOP_ERROR |
				    1u << HOOK_START_ERROR | 1u << HOOK_RESTART_ERROR |
				    1u << HOOK_ONERR;

	for (const struct hook_run *h = s->hooks; h; h = h->next)
		if (h->j == j && of_its_end >> h->kind & 1)
			return true;
	return false;
}

void hooks_kill(struct super *s, struct job *j)
{
	for (struct hook_run *h = s->hooks; h; h = h->next)
		if (h->j == j)
			hook_cut(h);
}

void hooks_leave_job(struct super *s, struct job *j)
{
	hooks_kill(s, j);
	for (struct hook_run *h = s->hooks; h; h = h->next)
		if (h->j == j)
			h->j = NULL;
	j->gate = NULL;
}

void hooks_end(struct super *s)
{
	while (s->hooks)
		hook_free(s->hooks);
}
