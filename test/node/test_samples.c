#include <criterion/criterion.h>
#include <stdlib.h>

#include "base/clock.h"
#include "node/samples.h"

#define S NS_PER_SEC

static struct samples *s;
static const struct pace minute = { S, 60 * S }, hour = { S, 3600 * S };
static int64_t now, cpu;

static void start(void)
{
	now = 1000 * S;
	cpu = 0;
	s = samples_new(SAMPLES_MOST);
}

static void end(void)
{
	free(s);
}

TestSuite(samples, .init = start, .fini = end);

static void look(const struct pace *p, int64_t cpu_ms, int64_t kib)
{
	now += p->interval_ns;
	cpu += cpu_ms * NS_PER_MS;
	samples_add(s, p, now, cpu, kib * 1024);
}

Test(samples, the_first_look_has_nothing_to_compare_with)
{
	look(&minute, 500, 10);
	cr_expect_eq(s->n, 0);
	look(&minute, 250, 10);
	cr_assert_eq(s->n, 1);
	cr_expect(s->v[0].cpu >= 249 && s->v[0].cpu <= 250, "%u", s->v[0].cpu);
	cr_expect_eq(s->v[0].kib, 10);
}

Test(samples, what_is_older_than_the_retention_goes)
{
	for (int i = 0; i < 200; i++)
		look(&minute, 0, i);
	cr_expect_eq(s->n, 60);
	cr_expect_eq(s->thin, 0);
	cr_expect_eq(s->v[0].kib, 140);
	cr_expect_eq(s->v[59].kib, 199);
}

Test(samples, an_hour_fits_into_the_room_by_being_thinned_and_no_peak_is_lost)
{
	for (int i = 0; i <= 3600; i++)
		look(&hour, i == 100 ? 2000 : 100, i == 100 ? 777 : 5);
	cr_expect_leq(s->n, SAMPLES_MOST);
	cr_expect_eq(s->thin, 4);
	cr_expect_geq((int)s->n << s->thin, 3500);
	uint32_t last, average, most, kib = 0;
	unsigned n = samples_sum(s, &last, &average, &most);
	cr_expect_eq(n, s->n);
	cr_expect(last >= 99 && last <= 100 && average >= 99 && average <= 102, "%u %u", last,
		average);
	cr_expect(most >= 1999 && most <= 2000, "%u", most);
	for (unsigned i = 0; i < s->n; i++)
		kib = s->v[i].kib > kib ? s->v[i].kib : kib;
	cr_expect_eq(kib, 777);
}

Test(samples, looks_that_were_missed_are_none_and_a_long_sleep_forgets_all)
{
	look(&minute, 0, 1);
	look(&minute, 0, 2);
	now += 3 * S;
	look(&minute, 400, 3);
	cr_assert_eq(s->n, 5);
	cr_expect_eq(s->v[0].kib, 2);
	for (int i = 1; i < 4; i++)
		cr_expect_eq(s->v[i].kib, SAMPLE_NONE);
	cr_expect_eq(s->v[4].kib, 3);
	cr_expect(s->v[4].cpu >= 99 && s->v[4].cpu <= 100, "over all of the time that passed: %u",
		s->v[4].cpu);
	uint32_t last, average, most;
	cr_expect_eq(samples_sum(s, &last, &average, &most), 2);
	now += 1000 * S;
	look(&minute, 0, 9);
	cr_expect_eq(s->n, 1);
	cr_expect_eq(s->v[0].kib, 9);
}

Test(samples, less_room_makes_few_of_many_and_more_keeps_them)
{
	for (int i = 0; i <= 240; i++)
		look(&hour, 10, i == 7 ? 99 : 1);
	cr_assert_eq(s->n, 240);
	s = samples_resize(s, SAMPLES_LEAST);
	cr_assert_not_null(s);
	cr_expect(s->n <= 30 && s->room == 30 && s->thin == 3);
	cr_expect_eq(s->v[0].kib, 99);
	for (int i = 0; i < 1000; i++)
		look(&hour, 10, 1);
	cr_expect_leq(s->n, 30);
	s = samples_resize(s, SAMPLES_MOST);
	cr_expect(s->room == SAMPLES_MOST && s->n <= 30 && s->v[0].kib == 99);
}

Test(samples, clocks_and_counters_that_go_back_are_nothing)
{
	look(&minute, 100, 1);
	cpu = 0;
	look(&minute, 0, 1);
	cr_assert_eq(s->n, 1);
	cr_expect_eq(s->v[0].cpu, 0);
	now -= 10 * S;
	look(&minute, 0, 1);
	cr_expect_eq(s->n, 1);
}

Test(samples, what_is_too_large_for_its_place_is_the_most_that_it_holds)
{
	look(&minute, 0, 1);
	samples_add(s, &minute, now + S, INT64_MAX, INT64_MAX);
	cr_assert_eq(s->n, 1);
	cr_expect_neq(s->v[0].kib, SAMPLE_NONE);
}
