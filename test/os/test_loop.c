#include <criterion/criterion.h>
#include <stdlib.h>
#include <unistd.h>

#include "os/loop.h"

static struct conn {
	struct watch w;
	int wr;
} * pair[2];
static int calls;
static const int64_t none, all = INT64_MAX;

static void kill_the_other(struct loop *l, struct watch *w, uint32_t events)
{
	struct conn *me = container_of(w, struct conn, w);
	int other = pair[0] == me;

	(void)events;
	calls++;
	loop_del(l, &pair[other]->w);
	close(pair[other]->w.fd);
	close(pair[other]->wr);
	free(pair[other]);
	pair[other] = NULL;
}

Test(loop, deleting_a_watch_that_is_ready_in_the_same_batch_is_safe)
{
	struct loop *l = loop_new();

	for (int i = 0; i < 2; i++) {
		int p[2];
		cr_assert_eq(pipe(p), 0);
		pair[i] = malloc(sizeof *pair[i]);
		*pair[i] = (struct conn){ .w = { p[0], LOOP_IN, kill_the_other }, .wr = p[1] };
		cr_assert_eq(loop_add(l, &pair[i]->w), 0);
		cr_assert_eq(write(p[1], "x", 1), 1);
	}
	cr_assert_eq(loop_wait(l, 0), 2);
	cr_assert_eq(loop_run(l, &all), 2);
	cr_expect_eq(calls, 1);
	loop_free(l);
}

Test(loop, what_is_closed_is_called_no_more_and_has_no_descriptor_and_a_second_time_is_fine)
{
	struct loop *l = loop_new();
	int p[2];

	cr_assert_eq(pipe(p), 0);
	struct watch w = { p[0], LOOP_IN, kill_the_other };
	cr_assert_eq(loop_add(l, &w), 0);
	cr_assert_eq(write(p[1], "x", 1), 1);
	cr_assert_eq(loop_wait(l, 0), 1);
	loop_close(l, &w);
	cr_expect_eq(w.fd, -1);
	(void)loop_run(l, &all);
	cr_expect_eq(calls, 0);
	cr_expect_eq(close(p[0]), -1, "it is closed");
	loop_close(l, &w);
	cr_expect_eq(w.fd, -1);
	loop_free(l);
	close(p[1]);
}

static int order[8], told;

static void note_order(struct loop *l, struct watch *w, uint32_t events)
{
	(void)l;
	(void)events;
	order[told++] = w->fd;
}

Test(loop,
	one_callback_is_made_in_any_case_and_those_that_time_was_short_for_are_the_first_of_the_next_call)
{
	struct loop *l = loop_new();
	struct watch w[2];

	for (int i = 0; i < 2; i++) {
		int p[2];
		cr_assert_eq(pipe(p), 0);
		w[i] = (struct watch){ p[0], LOOP_IN, note_order };
		cr_assert_eq(loop_add(l, &w[i]), 0);
		cr_assert_eq(write(p[1], "x", 1), 1);
	}
	for (int round = 0; round < 2; round++) {
		cr_assert_eq(loop_wait(l, 0), 2);
		cr_assert_eq(loop_run(l, &none), 1);
		cr_assert_eq(loop_wait(l, -1), 1, "what is left needs no wait");
		cr_assert_eq(loop_run(l, &none), 1);
		cr_expect_neq(order[2 * round], order[2 * round + 1]);
	}
	cr_assert_eq(loop_wait(l, 0), 2);
	cr_assert_eq(loop_run(l, &none), 1);
	told = 0;
	loop_del(l, &w[0]);
	loop_del(l, &w[1]);
	cr_assert_eq(loop_run(l, &all), 1);
	cr_expect_eq(told, 0, "one that is deleted is not called for what was fetched");
	loop_free(l);
}
