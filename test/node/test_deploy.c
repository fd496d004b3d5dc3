#include <criterion/criterion.h>
#include <stdbool.h>

#include "node/deploy.h"

static const enum roll_news bad[] = { ROLL_BAD, ROLL_OFF };

Test(deploy, nothing_moves_without_news)
{
	for (int s = 0; s < ROLL_STEP_COUNT; s++)
		cr_expect_eq(roll_next((enum roll_step)s, ROLL_NOT_YET), s);
}

Test(deploy, good_news_lead_from_the_first_step_over_the_switch_to_the_end)
{
	enum roll_step s = ROLL_WAIT;
	int steps = 0;

	for (bool left = false; s != ROLL_OVER; s = roll_next(s, ROLL_GOOD), steps++) {
		left |= s == ROLL_LEAVE;
		cr_expect_neq(s, ROLL_DROP);
		cr_assert_lt(steps, ROLL_STEP_COUNT);
		if (roll_next(s, ROLL_GOOD) == ROLL_OVER)
			cr_expect(left);
	}
}

/* What was there first goes in LEAVE alone, and that comes by good news alone. */
Test(deploy, bad_news_before_the_switch_never_lead_to_the_end_of_the_old_one)
{
	for (int s = 0; s < ROLL_LEAVE; s++)
		for (int n = 0; n < 2; n++) {
			enum roll_step next = roll_next((enum roll_step)s, bad[n]);
			for (int i = 0; next != ROLL_OVER; i++) {
				cr_expect_neq(next, ROLL_LEAVE);
				cr_assert_lt(i, ROLL_STEP_COUNT);
				next = roll_next(next, ROLL_GOOD);
			}
		}
}

Test(deploy, a_candidate_that_there_is_is_always_stopped)
{
	for (int n = 0; n < 2; n++) {
		cr_expect_eq(roll_next(ROLL_RISE, bad[n]), ROLL_DROP);
		cr_expect_eq(roll_next(ROLL_SWITCH, bad[n]), ROLL_BACK);
		cr_expect_eq(roll_next(ROLL_VERIFY, bad[n]), ROLL_BACK);
		cr_expect_eq(roll_next(ROLL_GRACE, bad[n]), ROLL_BACK);
		cr_expect_eq(roll_next(ROLL_BACK, bad[n]), ROLL_DROP);
		cr_expect_eq(roll_next(ROLL_WAIT, bad[n]), ROLL_OVER); /* there is none yet */
	}
}

Test(deploy, after_the_switch_there_is_no_way_back)
{
	cr_expect_eq(roll_next(ROLL_LEAVE, ROLL_OFF), ROLL_LEAVE);
	cr_expect_eq(roll_next(ROLL_LEAVE, ROLL_BAD), ROLL_STUCK);
	cr_expect_eq(roll_next(ROLL_DROP, ROLL_BAD), ROLL_STUCK);
	cr_expect_eq(roll_next(ROLL_STUCK, ROLL_BAD), ROLL_STUCK);
	cr_expect_eq(roll_next(ROLL_STUCK, ROLL_GOOD), ROLL_OVER);
}

Test(deploy, what_is_no_step_and_no_news_is_the_end)
{
	cr_expect_eq(roll_next(ROLL_STEP_COUNT, ROLL_GOOD), ROLL_OVER);
	cr_expect_eq(roll_next(ROLL_WAIT, ROLL_NEWS_COUNT), ROLL_OVER);
	cr_expect_eq(roll_next((enum roll_step) - 1, (enum roll_news) - 1), ROLL_OVER);
}
