/* The delays of restarts over a year of crashes, by a clock of the test's own. */
#include <criterion/criterion.h>
#include <limits.h>

#include "base/clock.h"
#include "node/exit.h"

#define MINUTE    (60 * NS_PER_SEC)
#define DAY       (24 * 60 * MINUTE)
#define YEAR      (365 * DAY)
#define TEN_YEARS (3660 * DAY) /* the longest duration of a manifest */
enum { BUCKETS = 20 };

__extension__ typedef __int128 wide;

static struct service svc;
static struct unit u;
static uint64_t seed;

static uint64_t any(void)
{
	uint64_t z = (seed += 0x9e3779b97f4a7c15);

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
	z = (z ^ z >> 27) * 0x94d049bb133111eb;
	return z ^ z >> 31;
}

static int64_t between(int64_t least, int64_t most)
{
	return least + (int64_t)(any() % (uint64_t)(most - least + 1));
}

/* Mostly it crashes soon, now and then it runs for a while, one nanosecond around the minute included. */
static int64_t uptime(void)
{
	switch (any() % 16) {
	case 0:
		return between(MINUTE, DAY);
	case 1:
		return MINUTE;
	case 2:
		return MINUTE - 1;
	case 3:
		return 0;
	case 4:
		return between(30 * NS_PER_SEC, MINUTE - 1);
	default:
		return between(0, 3 * NS_PER_SEC);
	}
}

/* What the page says, without a bound of 64 bits: initial * factor^n, at most max. */
static int64_t ideal(const struct backoff *b, unsigned n)
{
	wide d = b->initial_ns;

	while (n-- && d < b->max_ns)
		d *= b->factor;
	return (int64_t)(d > b->max_ns ? b->max_ns : d);
}

struct year {
	unsigned long starts, resets, grown, at_most;
	unsigned long bucket[BUCKETS]; /* where in [-jitter, jitter] the delays are */
	double drift;                  /* the sum of (delay - ideal) / span */
};

static void begin(const struct backoff *b, int64_t now)
{
	svc = (struct service){ .restart = RESTART_ON_FAILURE, .max_restarts = -1, .backoff = *b };
	svc.success[0] = 1;
	u = (struct unit){ .want_up = true, .exec_ok = true, .started_ns = now };
	u.exit = (struct unit_exit){ .known = true, .reason = END_EXITED, .code = 1 };
	seed = 42;
}

static void took(struct year *y, const struct backoff *b, int64_t want, int64_t delay)
{
	int64_t span = want / 100 * b->jitter_percent;

	cr_assert(delay >= want - span && delay <= want + span, "%lld is not %lld +- %lld",
		(long long)delay, (long long)want, (long long)span);
	if (!span)
		return;
	double at = (double)(delay - want) / (double)span;
	int i = (int)((at + 1) / 2 * BUCKETS);
	y->bucket[i < BUCKETS ? i : BUCKETS - 1]++;
	y->drift += at;
}

/* At least `starts` of them. Returns what there was. */
static struct year lives(const struct backoff *b, int64_t since, int64_t ns, unsigned long starts)
{
	struct year y = { 0 };
	unsigned in_a_row = 0;
	int64_t waited = 0, ran = 0;

	begin(b, since);
	while (u.started_ns - since < ns || y.starts < starts) {
		int64_t up = uptime();
		if (u.started_ns > INT64_MAX - 3 * TEN_YEARS)
			break; /* no clock will be there */
		u.exit.ended_ns = u.started_ns + up;
		cr_assert_eq(exit_resolve(&u, &svc), EV_GONE_AGAIN);
		if (up >= MINUTE)
			in_a_row = 0;
		int64_t want = ideal(b, in_a_row), delay = exit_backoff(&u, b, any());
		in_a_row++;
		took(&y, b, want, delay);
		cr_assert_eq(u.in_a_row, in_a_row);
		cr_assert_eq(u.backoff_ns, want, "the jitter adds up");
		y.starts++;
		y.resets += up >= MINUTE;
		y.grown += want > b->initial_ns;
		y.at_most += want == b->max_ns;
		waited += delay;
		ran += up;
		u.started_ns = u.exit.ended_ns + delay;
	}
	cr_expect_eq(u.started_ns - since, waited + ran, "no nanosecond is lost");
	cr_expect_eq(u.restarts, y.starts);
	return y;
}

Test(node_backoff, a_year_of_crashes_keeps_every_delay_where_the_page_says)
{
	static const struct backoff page = { NS_PER_SEC, 300 * NS_PER_SEC, 2, 10 };
	struct year y = lives(&page, 12345, YEAR, 0);

	cr_log_info("%lu starts, %lu resets, %lu grown, %lu at the most", y.starts, y.resets,
		y.grown, y.at_most);
	cr_expect(y.starts > 5000 && y.resets > 500 && y.grown > 1000 && y.at_most > 20);
	/* each twentieth of [-10 %, +10 %] has its share, and the middle is nought */
	for (int i = 0; i < BUCKETS; i++)
		cr_expect(y.bucket[i] * BUCKETS > y.starts * 7 / 10 &&
				  y.bucket[i] * BUCKETS < y.starts * 13 / 10,
			"bucket %d: %lu of %lu", i, y.bucket[i], y.starts);
	cr_expect(y.drift / (double)y.starts < 0.02 && y.drift / (double)y.starts > -0.02);
}

Test(node_backoff, so_it_does_at_the_edges_of_all_that_a_manifest_can_say)
{
	static const struct backoff rows[] = {
		{ 0, 0, 2, 10 },
		{ 0, 300 * NS_PER_SEC, 1000, 100 },
		{ NS_PER_MS, NS_PER_MS, 1, 0 },
		{ NS_PER_MS, TEN_YEARS, 1, 100 },
		{ NS_PER_MS, TEN_YEARS, 2, 10 },
		{ NS_PER_MS, TEN_YEARS, 1000, 100 },
		{ TEN_YEARS - 1, TEN_YEARS, 1000, 0 },
		{ TEN_YEARS - 1, TEN_YEARS, 40, 0 }, /* 64 bits would be less than nought */
		{ TEN_YEARS, TEN_YEARS, 1000, 100 },
		{ NS_PER_SEC, 2 * NS_PER_SEC - 1, 2, 100 },
		{ NS_PER_SEC, 2 * NS_PER_SEC, 2, 100 },
		{ NS_PER_SEC, 2 * NS_PER_SEC + 1, 2, 100 },
	};

	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		(void)lives(&rows[i], 0, 30 * DAY, 100);
		(void)lives(&rows[i], INT64_MAX / 2, DAY, 100);
	}
}

Test(node_backoff, nought_is_no_delay_at_any_restart)
{
	static const struct backoff none = { 0, 300 * NS_PER_SEC, 2, 10 };

	begin(&none, 0);
	for (int i = 0; i < 10000; i++)
		cr_assert_eq(exit_backoff(&u, &none, any()), 0);
}

Test(node_backoff, a_count_of_restarts_that_is_full_stays_so_and_the_delay_too)
{
	static const struct backoff page = { NS_PER_SEC, 300 * NS_PER_SEC, 2, 0 };

	begin(&page, 0);
	u.in_a_row = u.restarts = UINT_MAX - 1;
	u.backoff_ns = 300 * NS_PER_SEC;
	svc.max_restarts = 1000000000;
	for (int i = 0; i < 3; i++) {
		cr_expect_eq(exit_backoff(&u, &page, 0), 300 * NS_PER_SEC);
		cr_expect_eq(u.in_a_row, UINT_MAX);
		cr_expect_eq(u.restarts, UINT_MAX);
		cr_expect_eq(exit_resolve(&u, &svc), EV_GONE_FAIL);
	}
}

/* --- spawned children --- */

Test(node_backoff,
	a_year_of_a_child_s_crashes_keeps_its_delays_between_a_tenth_of_a_second_and_a_minute)
{
	struct unit service = { .terms = spawn_terms_default };
	int64_t want = 0, windows = 0, window = -YEAR, starts = 0;

	begin(&(struct backoff){ 0 }, 0);
	service.terms.restart_max = INT_MAX;
	u.root = &service;
	u.born = true;
	u.again = ON_EXIT_RESTART;
	for (; u.started_ns < YEAR; starts++) {
		int64_t up = uptime();
		u.exit.ended_ns = u.started_ns + up;
		if (!want || up >= 5 * want)
			want = 100 * NS_PER_MS;
		else
			want = 2 * want > MINUTE ? MINUTE : 2 * want;
		bool over = u.exit.ended_ns - window >= service.terms.restart_window_ns;
		cr_assert_eq(exit_resolve(&u, NULL), EV_GONE_AGAIN);
		int64_t delay = exit_delay(&u);
		cr_assert_eq(delay, want);
		if (over) {
			windows++;
			window = u.exit.ended_ns;
		}
		cr_assert_eq(u.in_a_row == 1, over);
		u.started_ns = u.exit.ended_ns + delay;
	}
	cr_expect(starts > 5000 && windows > 1000, "%lld %lld", (long long)starts,
		(long long)windows);
}
