#include "node/exit.h"

#include <errno.h>
#include <limits.h>

#include "base/clock.h"

/* Of spawned children. */
#define DELAY_FIRST_NS (100 * NS_PER_MS)
#define DELAY_MOST_NS  (60 * NS_PER_SEC)
enum { RUN_DELAYS = 5 }; /* a run of so many delays counts as having come up */

static bool ordered(const struct unit *u)
{
	return u->cause == CAUSE_ORDER || u->cause == CAUSE_SHUTDOWN ||
	       u->cause == CAUSE_DEPENDENCY;
}

bool exit_clean(const struct unit *u, const struct service *svc)
{
	if (ordered(u))
		return true;
	if (u->cause != CAUSE_NONE || u->unprepared || u->exit.signal ||
		u->exit.reason == END_EXEC_FAILED)
		return false;
	if (!svc)
		return u->exit.code == 0;
	return svc->success[u->exit.code / 8 % 32] >> u->exit.code % 8 & 1;
}

/* A run this long counts as having come up: the count of restarts in a row begins again. */
static bool stayed_up(const struct unit *u)
{
	return u->exec_ok && u->exit.ended_ns - u->started_ns >= RESTART_RESET_NS;
}

/* Trying again can't help where the program isn't there or can't be executed (spec "Start-up
 * order"), where its limits can't be set, nor where the kernel lacks or refuses what it is to be confined by. */
static bool hopeless(const struct unit *u)
{
	if (u->trouble.code == ERR_RLIMIT)
		return true;
	if (u->exit.reason != END_EXEC_FAILED)
		return false;
	switch (u->trouble.sys) {
	case ENOENT:
	case EACCES:
	case ENOEXEC:
	case ENOTDIR:
	case E2BIG:
	case EPERM: /* of this and the next two: what its confinement wants can't be had here */
	case EINVAL:
	case ENOSYS:
	case EOPNOTSUPP:
		return true;
	default:
		return false;
	}
}

static enum node_event again_or_fail(const struct unit *u, const struct service *svc)
{
	unsigned in_a_row = stayed_up(u) ? 0 : u->in_a_row;

	if (svc->max_restarts >= 0 && in_a_row >= svc->max_restarts)
		return EV_GONE_FAIL;
	return EV_GONE_AGAIN;
}

unsigned exit_hooks(const struct unit *u, const struct service *svc, bool forced, bool again)
{
	if (ordered(u))
		return u->exec_ok ? 1u << (forced ? HOOK_STOP_ERROR : HOOK_STOP_SUCCESS) : 0;
	if (exit_clean(u, svc))
		return 1u << HOOK_STOP_SUCCESS;
	if (u->was_ready)
		return 1u << HOOK_STOP_ERROR | 1u << HOOK_ONERR;
	return 1u << HOOK_START_ERROR | 1u << HOOK_ONERR | (again ? 1u << HOOK_RESTART_ERROR : 0);
}

bool exit_again(const struct unit *u)
{
	return u->born && !u->notice_number /* it was told as ended, for a survivor */ &&
	       !hopeless(u) &&
	       (u->again == ON_EXIT_RESTART ||
		       (u->again == ON_EXIT_RESTART_ON_FAILURE && !exit_clean(u, NULL)));
}

static bool window_over(const struct unit *u)
{
	return !u->in_a_row || u->exit.ended_ns - u->window_ns >= u->root->terms.restart_window_ns;
}

static enum node_event child_resolve(const struct unit *u)
{
	if (exit_again(u))
		return window_over(u) || u->in_a_row < u->root->terms.restart_max ? EV_GONE_AGAIN
										  : EV_GONE_FAIL;
	return exit_clean(u, NULL) ? EV_GONE_DONE : EV_GONE_FAIL;
}

/* A service that ends at once may be started again some thousand times a second, and for months. */
static void count_restart(struct unit *u)
{
	u->in_a_row += u->in_a_row != UINT_MAX;
	u->restarts += u->restarts != UINT_MAX;
}

int64_t exit_delay(struct unit *u)
{
	if (window_over(u)) {
		u->window_ns = u->exit.ended_ns;
		u->in_a_row = 0;
	}
	count_restart(u);
	if (!u->backoff_ns ||
		(u->exec_ok && u->exit.ended_ns - u->started_ns >= RUN_DELAYS * u->backoff_ns))
		u->backoff_ns = DELAY_FIRST_NS;
	else
		u->backoff_ns =
			u->backoff_ns < DELAY_MOST_NS / 2 ? 2 * u->backoff_ns : DELAY_MOST_NS;
	return u->backoff_ns;
}

enum node_event exit_resolve(const struct unit *u, const struct service *svc)
{
	if (!u->want_up)
		return EV_GONE_DOWN;
	if (!svc)
		return child_resolve(u);
	if (ordered(u))
		return EV_GONE_RESTART;
	if (hopeless(u))
		return EV_GONE_FAIL;
	if (exit_clean(u, svc))
		return svc->restart == RESTART_ALWAYS ? again_or_fail(u, svc) : EV_GONE_DONE;
	return svc->restart == RESTART_NEVER ? EV_GONE_FAIL : again_or_fail(u, svc);
}

int64_t exit_backoff(struct unit *u, const struct backoff *b, uint64_t random)
{
	if (stayed_up(u)) {
		u->in_a_row = 0;
		u->backoff_ns = 0;
	}
	count_restart(u);
	if (u->in_a_row == 1 || u->backoff_ns <= 0)
		u->backoff_ns = b->initial_ns;
	else if (u->backoff_ns > b->max_ns / b->factor)
		u->backoff_ns = b->max_ns;
	else
		u->backoff_ns *= b->factor;
	if (u->backoff_ns > b->max_ns)
		u->backoff_ns = b->max_ns;
	/* +-jitter: a point of [-span, span]; in thousandths, so that an hour times a percentage
	 * does not overflow */
	int64_t span = u->backoff_ns / 100 * b->jitter_percent;
	return u->backoff_ns + (span ? (int64_t)(random % (uint64_t)(2 * span + 1)) - span : 0);
}
