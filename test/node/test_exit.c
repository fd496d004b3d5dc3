#include <criterion/criterion.h>
#include <errno.h>
#include <signal.h>
#include <stdlib.h>

#include "base/clock.h"
#include "node/exit.h"

static struct service svc;
static struct unit u;

static void fresh(enum restart_policy policy)
{
	svc = (struct service){ .restart = policy,
		.max_restarts = -1,
		.backoff = { .initial_ns = NS_PER_SEC,
			.max_ns = 300 * NS_PER_SEC,
			.factor = 2,
			.jitter_percent = 10 } };
	svc.success[0] = 1;
	u = (struct unit){ .want_up = true, .exec_ok = true, .started_ns = 100 * NS_PER_SEC };
	u.exit = (struct unit_exit){
		.known = true, .reason = END_EXITED, .ended_ns = 101 * NS_PER_SEC
	};
}

static void ended(int code, int sig)
{
	u.exit.code = sig ? 128 + sig : code;
	u.exit.signal = sig;
	u.exit.reason = sig ? END_SIGNAL : END_EXITED;
}

Test(node_exit, code_nought_is_clean_and_every_other_is_not)
{
	fresh(RESTART_NEVER);
	for (int code = 0; code < 256; code++) {
		ended(code, 0);
		cr_expect_eq(exit_clean(&u, &svc), code == 0, "%d", code);
		cr_expect_eq(exit_clean(&u, NULL), code == 0, "%d", code);
	}
}

Test(node_exit, a_success_code_counts_as_clean_for_the_service_that_lists_it)
{
	fresh(RESTART_NEVER);
	for (int listed = 0; listed < 256; listed++) {
		svc.success[listed / 8] |= (unsigned char)(1 << listed % 8);
		ended(listed, 0);
		cr_expect(exit_clean(&u, &svc), "%d", listed);
		ended((listed + 1) % 256, 0);
		cr_expect_eq(exit_clean(&u, &svc), listed == 255, "%d", listed);
		cr_expect_eq(exit_clean(&u, NULL), u.exit.code == 0);
	}
}

Test(node_exit, a_death_by_signal_is_never_clean_even_where_its_number_is_listed)
{
	fresh(RESTART_NEVER);
	svc.success[143 / 8] |= 1 << 143 % 8;
	ended(0, SIGTERM);
	cr_expect_not(exit_clean(&u, &svc));
	ended(143, 0);
	cr_expect(exit_clean(&u, &svc));
}

Test(node_exit, what_was_ordered_is_clean_whatever_the_code_and_what_was_forced_never_is)
{
	static const struct {
		enum stop_cause cause;
		bool clean;
	} rows[] = { { CAUSE_ORDER, true }, { CAUSE_SHUTDOWN, true }, { CAUSE_DEPENDENCY, true },
		{ CAUSE_TTL, false }, { CAUSE_CASCADE, false }, { CAUSE_UNREADY, false },
		{ CAUSE_UNHEALTHY, false }, { CAUSE_SETUP, false } };

	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		fresh(RESTART_NEVER);
		u.cause = rows[i].cause;
		ended(0, SIGKILL);
		cr_expect_eq(exit_clean(&u, &svc), rows[i].clean, "cause %d", rows[i].cause);
		ended(0, 0);
		cr_expect_eq(exit_clean(&u, &svc), rows[i].clean, "cause %d", rows[i].cause);
	}
}

Test(node_exit, every_policy_with_every_end_and_every_cause_goes_on_as_the_contract_says)
{
	static const struct {
		enum restart_policy policy;
		enum stop_cause cause;
		int code;
		enum node_event want;
	} rows[] = {
		{ RESTART_NEVER, CAUSE_NONE, 0, EV_GONE_DONE },
		{ RESTART_NEVER, CAUSE_NONE, 1, EV_GONE_FAIL },
		{ RESTART_NEVER, CAUSE_ORDER, 1, EV_GONE_RESTART },
		{ RESTART_NEVER, CAUSE_DEPENDENCY, 1, EV_GONE_RESTART },
		{ RESTART_NEVER, CAUSE_UNREADY, 0, EV_GONE_FAIL },
		{ RESTART_NEVER, CAUSE_UNHEALTHY, 0, EV_GONE_FAIL },
		{ RESTART_NEVER, CAUSE_SETUP, 0, EV_GONE_FAIL },
		{ RESTART_ON_FAILURE, CAUSE_NONE, 0, EV_GONE_DONE },
		{ RESTART_ON_FAILURE, CAUSE_NONE, 1, EV_GONE_AGAIN },
		{ RESTART_ON_FAILURE, CAUSE_ORDER, 0, EV_GONE_RESTART },
		{ RESTART_ON_FAILURE, CAUSE_DEPENDENCY, 0, EV_GONE_RESTART },
		{ RESTART_ON_FAILURE, CAUSE_UNREADY, 0, EV_GONE_AGAIN },
		{ RESTART_ON_FAILURE, CAUSE_UNHEALTHY, 0, EV_GONE_AGAIN },
		{ RESTART_ON_FAILURE, CAUSE_SETUP, 0, EV_GONE_AGAIN },
		{ RESTART_ALWAYS, CAUSE_NONE, 0, EV_GONE_AGAIN },
		{ RESTART_ALWAYS, CAUSE_NONE, 1, EV_GONE_AGAIN },
		{ RESTART_ALWAYS, CAUSE_ORDER, 0, EV_GONE_RESTART },
		{ RESTART_ALWAYS, CAUSE_UNREADY, 0, EV_GONE_AGAIN },
		{ RESTART_ALWAYS, CAUSE_UNHEALTHY, 0, EV_GONE_AGAIN },
	};

	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		fresh(rows[i].policy);
		u.cause = rows[i].cause;
		ended(rows[i].code, 0);
		cr_expect_eq(exit_resolve(&u, &svc), rows[i].want, "row %d: got %s", (int)i,
			node_event_name(exit_resolve(&u, &svc)));
	}
}

Test(node_exit, what_is_not_wanted_up_stays_down_whatever_else)
{
	for (int policy = RESTART_ON_FAILURE; policy <= RESTART_NEVER; policy++)
		for (int cause = CAUSE_NONE; cause <= CAUSE_SETUP; cause++)
			for (int code = 0; code < 2; code++) {
				fresh((enum restart_policy)policy);
				u.want_up = false;
				u.cause = (enum stop_cause)cause;
				ended(code, 0);
				cr_expect_eq(exit_resolve(&u, &svc), EV_GONE_DOWN);
				cr_expect_eq(exit_resolve(&u, NULL), EV_GONE_DOWN);
			}
}

/* --- spawned children --- */

static struct unit service;

/* One that is started again by this rule, most times within a minute. */
static void spawned(enum on_exit again, int most)
{
	fresh(RESTART_ALWAYS);
	service = (struct unit){ .terms = spawn_terms_default };
	service.terms.restart_max = most;
	u.root = &service;
	u.again = again;
	u.born = true;
}

Test(node_exit, a_spawned_child_without_a_rule_is_never_started_again)
{
	for (int code = 0; code < 2; code++) {
		spawned(ON_EXIT_NONE, 5);
		ended(code, 0);
		cr_expect_eq(exit_resolve(&u, NULL), code ? EV_GONE_FAIL : EV_GONE_DONE);
		cr_expect_not(exit_again(&u));
	}
}

Test(node_exit, each_rule_starts_again_what_it_says)
{
	static const struct {
		enum on_exit again;
		int code, sig;
		enum node_event want;
	} rows[] = {
		{ ON_EXIT_RESTART, 0, 0, EV_GONE_AGAIN },
		{ ON_EXIT_RESTART, 1, 0, EV_GONE_AGAIN },
		{ ON_EXIT_RESTART, 0, SIGKILL, EV_GONE_AGAIN },
		{ ON_EXIT_RESTART_ON_FAILURE, 0, 0, EV_GONE_DONE },
		{ ON_EXIT_RESTART_ON_FAILURE, 1, 0, EV_GONE_AGAIN },
		{ ON_EXIT_RESTART_ON_FAILURE, 0, SIGSEGV, EV_GONE_AGAIN },
	};

	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		spawned(rows[i].again, 5);
		ended(rows[i].code, rows[i].sig);
		cr_expect_eq(exit_resolve(&u, NULL), rows[i].want, "row %d", (int)i);
		u.want_up = false;
		cr_expect_eq(exit_resolve(&u, NULL), EV_GONE_DOWN, "ordered; row %d", (int)i);
	}
}

Test(node_exit, one_whose_end_was_told_is_not_started_again)
{
	spawned(ON_EXIT_RESTART, 5);
	u.notice_number = 1;
	cr_expect_not(exit_again(&u));
}

Test(node_exit, a_first_start_that_failed_is_not_tried_again)
{
	spawned(ON_EXIT_RESTART, 5);
	u.born = u.exec_ok = false;
	u.exit.reason = END_EXEC_FAILED;
	u.trouble = (struct err){ .code = ERR_EXEC_FAILED, .sys = EAGAIN };
	cr_expect_eq(exit_resolve(&u, NULL), EV_GONE_FAIL);
	u.born = true;
	cr_expect_eq(exit_resolve(&u, NULL), EV_GONE_AGAIN, "a later one is a failure");
	u.trouble.sys = ENOENT;
	cr_expect_eq(exit_resolve(&u, NULL), EV_GONE_FAIL, "but not where the program is gone");
	cr_expect_not(exit_again(&u));
}

/* Runs for so long, ends, and waits for its delay; false: it gave up. */
static bool runs(int64_t ns, int64_t *ret_delay)
{
	u.exit.ended_ns = u.started_ns + ns;
	ended(1, 0);
	if (exit_resolve(&u, NULL) != EV_GONE_AGAIN)
		return false;
	*ret_delay = exit_delay(&u);
	u.started_ns = u.exit.ended_ns + *ret_delay;
	return true;
}

Test(node_exit, a_child_is_started_again_as_often_as_the_budget_says_and_no_more)
{
	int64_t delay;

	for (int most = 1; most < 8; most++) {
		spawned(ON_EXIT_RESTART, most);
		for (int i = 0; i < most; i++)
			cr_expect(runs(0, &delay), "%d of %d", i, most);
		cr_expect_not(runs(0, &delay), "%d", most);
		cr_expect(exit_again(&u));
		cr_expect_eq(u.restarts, (unsigned)most);
	}
}

Test(node_exit, the_budget_is_a_new_one_once_the_window_is_over)
{
	for (int less = 0; less < 2; less++) {
		int64_t delay;
		spawned(ON_EXIT_RESTART, 2);
		u.exit.ended_ns = u.started_ns;
		cr_assert(runs(0, &delay));
		int64_t first = u.exit.ended_ns;
		cr_assert(runs(0, &delay));
		cr_expect_eq(runs(first + 60 * NS_PER_SEC - less - u.started_ns, &delay), !less);
	}
}

Test(node_exit, the_delay_of_a_child_doubles_from_a_tenth_of_a_second_to_a_minute)
{
	int64_t want = 100 * NS_PER_MS, delay;

	spawned(ON_EXIT_RESTART, 1000);
	for (int i = 0; i < 30; i++) {
		cr_assert(runs(0, &delay));
		cr_expect_eq(delay, want, "the %dth", i);
		want = 2 * want > 60 * NS_PER_SEC ? 60 * NS_PER_SEC : 2 * want;
	}
}

Test(node_exit, a_run_of_five_delays_begins_the_delay_again)
{
	for (int less = 0; less < 2; less++) {
		int64_t delay;
		spawned(ON_EXIT_RESTART, 1000);
		for (int i = 0; i < 3; i++)
			cr_assert(runs(0, &delay));
		cr_assert(runs(5 * delay - less, &delay));
		cr_expect_eq(delay, less ? 800 * NS_PER_MS : 100 * NS_PER_MS);
	}
}

Test(node_exit, a_set_up_that_took_five_delays_is_no_run)
{
	int64_t delay;

	spawned(ON_EXIT_RESTART, 1000);
	cr_assert(runs(0, &delay));
	u.exec_ok = false;
	u.trouble.code = ERR_OK;
	cr_assert(runs(60 * NS_PER_SEC, &delay));
	cr_expect_eq(delay, 200 * NS_PER_MS);
}

/* --- services --- */

static unsigned starts_until_it_gives_up(unsigned most)
{
	unsigned starts = 1;

	while (starts < most && exit_resolve(&u, &svc) == EV_GONE_AGAIN) {
		exit_backoff(&u, &svc.backoff, 0);
		starts++;
	}
	return starts;
}

Test(node_exit, n_restarts_are_n_and_one_starts)
{
	for (int n = 0; n < 8; n++) {
		fresh(RESTART_ON_FAILURE);
		svc.max_restarts = n;
		ended(1, 0);
		cr_expect_eq(starts_until_it_gives_up(100), (unsigned)n + 1);
		cr_expect_eq(exit_resolve(&u, &svc), EV_GONE_FAIL);
		cr_expect_eq(u.restarts, (unsigned)n);
	}
}

Test(node_exit, max_restarts_holds_for_clean_ends_under_always_too)
{
	fresh(RESTART_ALWAYS);
	svc.max_restarts = 2;
	ended(0, 0);
	cr_expect_eq(starts_until_it_gives_up(100), 3);
}

Test(node_exit, without_max_restarts_it_never_gives_up)
{
	fresh(RESTART_ON_FAILURE);
	ended(1, 0);
	cr_expect_eq(starts_until_it_gives_up(10000), 10000);
}

Test(node_exit, sixty_seconds_up_begin_the_count_and_the_delay_again)
{
	for (int less = 0; less < 2; less++) {
		fresh(RESTART_ON_FAILURE);
		svc.backoff.jitter_percent = 0;
		svc.max_restarts = 3;
		ended(1, 0);
		starts_until_it_gives_up(100);
		cr_expect_eq(u.backoff_ns, 4 * NS_PER_SEC);
		u.exit.ended_ns = u.started_ns + 60 * NS_PER_SEC - less;
		cr_expect_eq(exit_resolve(&u, &svc), less ? EV_GONE_FAIL : EV_GONE_AGAIN);
		cr_expect_eq(exit_backoff(&u, &svc.backoff, 0), less ? 8 * NS_PER_SEC : NS_PER_SEC);
		cr_expect_eq(u.in_a_row, less ? 4 : 1);
		cr_expect_eq(u.restarts, 4, "all of them are counted");
	}
}

Test(node_exit, a_set_up_that_took_long_is_no_time_up)
{
	fresh(RESTART_ON_FAILURE);
	svc.max_restarts = 1;
	u.in_a_row = 1;
	u.exec_ok = false;
	u.exit.ended_ns = u.started_ns + 600 * NS_PER_SEC;
	ended(1, 0);
	cr_expect_eq(exit_resolve(&u, &svc), EV_GONE_FAIL);
}

Test(node_exit, the_delay_doubles_up_to_its_most_and_stays_there)
{
	fresh(RESTART_ON_FAILURE);
	svc.backoff.jitter_percent = 0;
	int64_t want = NS_PER_SEC;
	for (int i = 0; i < 200; i++) {
		cr_expect_eq(exit_backoff(&u, &svc.backoff, 12345), want, "the %dth", i);
		want = 2 * want > 300 * NS_PER_SEC ? 300 * NS_PER_SEC : 2 * want;
	}
}

Test(node_exit, any_factor_and_any_most_is_kept_without_overflow)
{
	static const struct backoff rows[] = {
		{ 1, INT64_MAX / 2, 2, 0 },
		{ 1, INT64_MAX / 2, 1000000, 100 },
		{ INT64_MAX / 2, INT64_MAX / 2, 2, 100 },
		{ NS_PER_SEC, NS_PER_SEC, 1, 10 },
		{ 0, NS_PER_SEC, 2, 10 },
		{ 5 * NS_PER_SEC, NS_PER_SEC, 2, 0 },
		{ 0, 0, 1, 100 },
	};

	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		fresh(RESTART_ON_FAILURE);
		for (int k = 0; k < 200; k++) {
			int64_t d = exit_backoff(&u, &rows[i], UINT64_MAX - (uint64_t)k);
			cr_assert_geq(d, 0, "row %d", (int)i);
			cr_assert_leq(u.backoff_ns, rows[i].max_ns, "row %d", (int)i);
		}
	}
}

Test(node_exit, a_factor_of_one_keeps_the_delay)
{
	fresh(RESTART_ON_FAILURE);
	svc.backoff.factor = 1;
	svc.backoff.jitter_percent = 0;
	for (int i = 0; i < 10; i++)
		cr_expect_eq(exit_backoff(&u, &svc.backoff, 0), NS_PER_SEC);
}

Test(node_exit, jitter_reaches_both_of_its_bounds_and_no_further)
{
	int64_t least = INT64_MAX, most = 0;

	srand(1);
	for (int i = 0; i < 20000; i++) {
		fresh(RESTART_ON_FAILURE);
		uint64_t r = (uint64_t)rand() << 40 ^ (uint64_t)rand() << 20 ^ (uint64_t)rand();
		int64_t d = exit_backoff(&u, &svc.backoff, r);
		cr_assert(d >= 900 * NS_PER_MS && d <= 1100 * NS_PER_MS, "%lld", (long long)d);
		cr_assert_eq(u.backoff_ns, NS_PER_SEC, "the jitter must not add up");
		least = d < least ? d : least;
		most = d > most ? d : most;
	}
	cr_expect_lt(least, 905 * NS_PER_MS);
	cr_expect_gt(most, 1095 * NS_PER_MS);
	fresh(RESTART_ON_FAILURE);
	cr_expect_eq(exit_backoff(&u, &svc.backoff, 0), 900 * NS_PER_MS);
	fresh(RESTART_ON_FAILURE);
	cr_expect_eq(exit_backoff(&u, &svc.backoff, 200 * NS_PER_MS), 1100 * NS_PER_MS);
	fresh(RESTART_ON_FAILURE);
	cr_expect_eq(exit_backoff(&u, &svc.backoff, 200 * NS_PER_MS + 1), 900 * NS_PER_MS);
}

Test(node_exit, a_program_that_is_not_there_or_can_not_be_executed_is_not_tried_again)
{
	static const int hopeless[] = { ENOENT, EACCES, ENOEXEC, ENOSYS, EOPNOTSUPP };
	static const int may_pass[] = { ENOMEM, EAGAIN, ETXTBSY, EMFILE, EIO, ETIMEDOUT };

	for (int policy = RESTART_ON_FAILURE; policy <= RESTART_ALWAYS; policy++) {
		for (size_t i = 0; i < sizeof hopeless / sizeof *hopeless; i++) {
			fresh((enum restart_policy)policy);
			u.exec_ok = false;
			u.exit.reason = END_EXEC_FAILED;
			u.trouble = (struct err){ .code = ERR_EXEC_FAILED, .sys = hopeless[i] };
			cr_expect_eq(exit_resolve(&u, &svc), EV_GONE_FAIL);
		}
		for (size_t i = 0; i < sizeof may_pass / sizeof *may_pass; i++) {
			fresh((enum restart_policy)policy);
			u.exec_ok = false;
			u.exit.reason = END_EXEC_FAILED;
			u.trouble = (struct err){ .code = ERR_EXEC_FAILED, .sys = may_pass[i] };
			cr_expect_eq(
				exit_resolve(&u, &svc), EV_GONE_AGAIN, "errno %d", may_pass[i]);
		}
	}
}

Test(node_exit, an_exec_that_failed_is_not_clean_whatever_its_code)
{
	fresh(RESTART_NEVER);
	u.exit.reason = END_EXEC_FAILED;
	u.exit.code = 0;
	cr_expect_not(exit_clean(&u, &svc));
	cr_expect_not(exit_clean(&u, NULL));
}

Test(node_exit, an_errno_from_an_earlier_trouble_does_not_make_an_exit_hopeless)
{
	fresh(RESTART_ON_FAILURE);
	u.trouble.sys = ENOENT;
	ended(1, 0);
	cr_expect_eq(exit_resolve(&u, &svc), EV_GONE_AGAIN);
}

/* --- hooks --- */

#define BIT(kind) (1u << HOOK_##kind)

Test(node_exit, the_hooks_of_an_end_follow_from_how_it_came)
{
	static const struct {
		enum stop_cause cause;
		bool exec_ok, was_ready, forced, again;
		int code;
		unsigned want;
	} rows[] = {
		{ CAUSE_ORDER, true, true, false, false, 1, BIT(STOP_SUCCESS) },
		{ CAUSE_SHUTDOWN, true, true, false, true, 1, BIT(STOP_SUCCESS) },
		{ CAUSE_DEPENDENCY, true, true, true, false, 0, BIT(STOP_ERROR) },
		{ CAUSE_ORDER, true, false, false, false, 0, BIT(STOP_SUCCESS) },
		{ CAUSE_ORDER, false, false, false, true, 0, 0 },
		{ CAUSE_NONE, true, true, false, true, 0, BIT(STOP_SUCCESS) },
		{ CAUSE_NONE, true, true, false, true, 1, BIT(STOP_ERROR) | BIT(ONERR) },
		{ CAUSE_NONE, true, false, false, false, 1, BIT(START_ERROR) | BIT(ONERR) },
		{ CAUSE_NONE, true, false, false, true, 1,
			BIT(START_ERROR) | BIT(ONERR) | BIT(RESTART_ERROR) },
		{ CAUSE_UNREADY, true, false, true, false, 0, BIT(START_ERROR) | BIT(ONERR) },
		{ CAUSE_UNHEALTHY, true, true, false, false, 0, BIT(STOP_ERROR) | BIT(ONERR) },
		{ CAUSE_SETUP, false, false, true, false, 0, BIT(START_ERROR) | BIT(ONERR) },
	};

	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		fresh(RESTART_ALWAYS);
		u.cause = rows[i].cause;
		u.exec_ok = rows[i].exec_ok;
		u.was_ready = rows[i].was_ready;
		ended(rows[i].code, 0);
		cr_expect_eq(exit_hooks(&u, &svc, rows[i].forced, rows[i].again), rows[i].want,
			"row %d: %x", (int)i, exit_hooks(&u, &svc, rows[i].forced, rows[i].again));
	}
}

Test(node_exit, a_start_that_its_hook_failed_is_never_clean_and_goes_on_by_its_policy)
{
	static const enum node_event want[] = { [RESTART_NEVER] = EV_GONE_FAIL,
		[RESTART_ON_FAILURE] = EV_GONE_AGAIN,
		[RESTART_ALWAYS] = EV_GONE_AGAIN };

	for (int policy = 0; policy < 3; policy++)
		for (int code = 0; code < 4;
			code++) { /* 0: it was killed at its timeout too late */
			fresh((enum restart_policy)policy);
			svc.success[0] = 0xff;
			u.exec_ok = false;
			u.unprepared = true;
			ended(code, 0);
			cr_expect_not(exit_clean(&u, &svc), "%d", code);
			cr_expect_eq(exit_resolve(&u, &svc), want[policy]);
			u.want_up = false;
			cr_expect_eq(exit_resolve(&u, &svc), EV_GONE_DOWN);
		}
}
