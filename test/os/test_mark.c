#include <criterion/criterion.h>

#include "os/mark.h"
#include "procs.h"

#define ONES(n) ((UINT64_C(1) << (n)) - 1)

static struct mark_range top(void)
{
	struct mark_range r;

	mark_range_init(&r, UINT64_MAX, 0xabcde);
	return r;
}

Test(mark, infinity_gives_a_range_of_its_own_with_the_random_bits)
{
	struct mark_range r = top();

	cr_expect(r.usable);
	cr_expect_eq(mark_next(&r, NULL, NULL),
		UINT64_C(1) << 62 | UINT64_C(0xabcde) << 42 | UINT64_C(2) << 20 | ONES(20));
	mark_range_init(&r, UINT64_MAX, UINT64_MAX); /* only 20 of the random bits count */
	cr_expect_eq(r.base, UINT64_C(1) << 62 | ONES(20) << 42);
}

Test(mark, two_levels_nest_inside_and_a_third_does_not)
{
	struct mark_range a = top(), b, c, d;
	uint64_t ma = mark_next(&a, NULL, NULL);

	mark_range_init(&b, ma, 1);
	uint64_t mb = mark_next(&b, NULL, NULL);
	mark_range_init(&c, mb, 1);
	uint64_t mc = mark_next(&c, NULL, NULL);
	mark_range_init(&d, mc, 1);

	cr_expect(b.usable && c.usable && !d.usable);
	cr_expect_eq(mb, (ma & ~ONES(20)) | 2 << 8 | ONES(8));
	cr_expect_eq(mc, (mb & ~ONES(8)) | 2);
	cr_expect(mc < mb && mb < ma, "a nested mark can be set without CAP_SYS_RESOURCE");
	cr_expect_eq(mark_next(&d, NULL, NULL), 0);
}

Test(mark, a_nested_mark_counts_with_the_one_it_was_counted_inside_of)
{
	struct mark_range a = top(), b, c, other;
	uint64_t ma = mark_next(&a, NULL, NULL);

	mark_range_init(&b, ma, 0);
	uint64_t mb = mark_next(&b, NULL, NULL);
	mark_range_init(&c, mb, 0);
	uint64_t mc = mark_next(&c, NULL, NULL);
	cr_expect_eq(mark_of_range(&a, ma), ma);
	cr_expect_eq(mark_of_range(&a, mb), ma);
	cr_expect_eq(mark_of_range(&a, mc), ma);
	cr_expect_eq(mark_of_range(&b, mc), mb);
	mark_range_init(&other, UINT64_MAX, 1);
	cr_expect(mark_in_range(&a, mc) && !mark_in_range(&other, mc));
	cr_expect_eq(mark_of_range(&other, mc), mc);
	cr_expect(
		!mark_in_range(&b, ma), "the limit that we wear ourselves is not one we gave out");
	cr_expect(!mark_in_range(&a, UINT64_MAX) && !mark_in_range(&a, 1000));
}

Test(mark, limits_of_another_form_give_no_marks)
{
	static const uint64_t other[] = { 0, 1, 255, 1000, 1023, 1048575, UINT64_C(1) << 62,
		(UINT64_C(1) << 62) | ONES(19), (UINT64_C(1) << 62) | ONES(21), UINT64_MAX >> 1,
		UINT64_C(3) << 62 | ONES(20) };
	struct mark_range r;

	for (size_t i = 0; i < sizeof other / sizeof *other; i++) {
		mark_range_init(&r, other[i], 7);
		cr_expect(!r.usable && r.count_bits == 0, "%#llx", (unsigned long long)other[i]);
		cr_expect_eq(mark_next(&r, NULL, NULL), 0);
		cr_expect(!mark_works(&r));
	}
}

static bool used[1 << 8];

static bool in_use(void *arg, uint64_t mark)
{
	(void)arg;
	return used[mark & 255];
}

Test(mark, a_count_wraps_skips_what_is_in_use_and_ends_when_all_are_taken)
{
	struct mark_range a = top(), b, c;
	unsigned n = 0;
	uint64_t m;

	mark_range_init(&b, mark_next(&a, NULL, NULL), 0);
	mark_range_init(&c, mark_next(&b, NULL, NULL), 0);
	while ((m = mark_next(&c, in_use, NULL))) {
		cr_assert(!used[m & 255], "given out twice");
		cr_expect_eq(m & 1, 0);
		used[m & 255] = true;
		n++;
	}
	cr_expect_eq(n, 128);
	used[6] = false;
	cr_expect_eq(mark_next(&c, in_use, NULL) & 255, 6);
}

Test(mark, a_mark_is_read_of_the_living_of_zombies_and_of_other_users)
{
	struct mark_range r = top();
	uint64_t mark = mark_next(&r, NULL, NULL), got = 0;
	siginfo_t si;
	pid_t pid = marked(mark, wait_for_ever);

	cr_expect_eq(mark_read(pid, &got), 0);
	cr_expect_eq(got, mark);
	kill(pid, SIGKILL);
	waitid(P_PID, (id_t)pid, &si, WEXITED | WNOWAIT);
	got = 0;
	cr_expect_eq(mark_read(pid, &got), 0);
	cr_expect_eq(got, mark);
	waitpid(pid, NULL, 0);
	cr_expect_eq(mark_read(pid, &got), -1);
	cr_expect_eq(errno, ESRCH);
	cr_expect(mark_works(&r));
}

static uint64_t the_mark;

static void as_another_user(void)
{
	uint64_t got = 0;
	struct rlimit rl;
	pid_t pid = marked(the_mark, wait_for_ever);

	MUST(setresuid(54321, 54321, 54321) == 0);
	MUST(prlimit(pid, RLIMIT_LOCKS, NULL, &rl) < 0 && errno == EPERM);
	MUST(mark_read(pid, &got) == 0);
	MUST(got == the_mark);
}

Test(mark, where_prlimit_may_not_the_file_is_read)
{
	struct mark_range r = top();

	the_mark = mark_next(&r, NULL, NULL);
	cr_expect_eq(run_forked(as_another_user), 0);
}
