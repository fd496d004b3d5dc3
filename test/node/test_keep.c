#include <criterion/criterion.h>

#include "node/keep.h"

static struct unit root, child;

static void plant(void)
{
	root = (struct unit){ .root = &root, .name = "web" };
	child = (struct unit){ .root = &root, .parent = &root, .name = "w" };
}

Test(node_keep, a_tree_keeps_exactly_the_cap_and_a_byte_more_is_refused_with_the_code,
	.init = plant)
{
	struct err err;

	cr_assert_eq(keep_add(&child, CAP_KEPT, ERR_MAILBOX, &err), 0);
	cr_assert_eq(keep_add(&root, 1, ERR_QUEUE, &err), -1);
	cr_assert_eq(err.code, ERR_QUEUE);
	cr_assert_eq(root.keeps, (size_t)CAP_KEPT, "a refusal changes nothing");
	keep_sub(&root, 1);
	cr_assert_eq(keep_add(&child, 1, ERR_MAILBOX, &err), 0);
}

Test(node_keep, a_size_that_would_overflow_is_refused, .init = plant)
{
	struct err err;

	cr_assert_eq(keep_add(&root, 5, ERR_TOO_LARGE, &err), 0);
	cr_assert_eq(keep_add(&root, SIZE_MAX - 2, ERR_TOO_LARGE, &err), -1);
	cr_assert_eq(err.code, ERR_TOO_LARGE);
}

Test(node_keep, giving_back_more_than_was_taken_ends_at_nothing, .init = plant)
{
	keep_sub(&child, 7);
	cr_assert_eq(root.keeps, (size_t)0);
}
