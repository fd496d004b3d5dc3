#include <criterion/criterion.h>
#include <stdlib.h>
#include <unistd.h>

#include "os/loop.h"

static struct conn {
	struct watch w;
	int wr;
} * pair[2];
static int calls;

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
	cr_assert_eq(loop_once(l, 0), 2);
	cr_expect_eq(calls, 1);
	loop_free(l);
}
