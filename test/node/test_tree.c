#include <stdlib.h>
#include <sys/resource.h>

#include "trees.h"

#if defined(__SANITIZE_ADDRESS__)
#define WITH_ASAN 1
#else
#define WITH_ASAN 0
#endif

static void expect_walk(struct unit *from, const char *want)
{
	char got[500] = "";

	for (struct unit *u = tree_walk(from, NULL); u; u = tree_walk(from, u)) {
		strcat(got, u->name);
		strcat(got, " ");
		cr_assert_lt(strlen(got), 400, "no end: %s", got);
	}
	cr_expect_str_eq(got, want);
}

Test(node_tree, a_walk_goes_through_all_below_parents_before_children)
{
	struct unit *web = a_service("web"), *a = spawn(web, "a"), *b = spawn(web, "b"),
		    *c = spawn(web, "c");

	spawn(spawn(a, "a1"), "a11");
	spawn(a, "a2");
	spawn(spawn(b, "b1"), "b11");
	expect_walk(web, "a a1 a11 a2 b b1 b11 c ");
	expect_walk(a, "a1 a11 a2 ");
	expect_walk(c, "");
}

Test(node_tree, a_walk_stays_below_its_start)
{
	struct unit *web = a_service("web"), *db = a_service("db");

	spawn(web, "w");
	spawn(db, "d");
	expect_walk(web, "w ");
	expect_walk(db, "d ");
}

Test(node_tree, a_walk_passes_over_what_has_ended)
{
	struct unit *web = a_service("web"), *a = spawn(web, "a"), *b = spawn(web, "b"),
		    *c = spawn(web, "c");
	struct unit *c1 = spawn(c, "c1");

	spawn(b, "b1");
	end_of(a, 1);
	end_of(c1, 2);
	expect_walk(web, "b b1 c ");
	end_of(c, 3);
	expect_walk(web, "b b1 ");
}

Test(node_tree, a_path_is_the_names_from_the_service_down)
{
	struct unit *deep = chain(a_service("web"), 2);
	char buf[UNIT_PATH_MAX], small[6];

	cr_expect_str_eq(unit_path(deep, buf, sizeof buf), "web/@2/@3");
	cr_expect_str_eq(unit_path(deep, small, sizeof small), "web/@");
	cr_expect_str_eq(unit_path(deep->root, buf, sizeof buf), "web");
}

Test(node_tree, one_descends_from_itself_and_from_each_above_it)
{
	struct unit *web = a_service("web"), *db = a_service("db"), *a = spawn(web, "a"),
		    *b = spawn(a, "b");

	cr_expect(unit_descends(b, b));
	cr_expect(unit_descends(b, a));
	cr_expect(unit_descends(b, web));
	cr_expect_not(unit_descends(a, b));
	cr_expect_not(unit_descends(b, db));
}

/* --- results --- */

static unsigned results_of(const struct unit *parent, uint64_t *ret_lowest)
{
	unsigned n = 0;

	*ret_lowest = 0;
	list_each(it, &((struct unit *)(uintptr_t)parent)->kids)
	{
		const struct unit *u = list_entry(it, const struct unit, sibling);
		if (u->ended && !n++)
			*ret_lowest = u->id;
	}
	return n;
}

static void expect_cap(struct unit *parent, unsigned cap)
{
	uint64_t first = t.last_id + 1, lowest;

	for (unsigned i = 0; i < cap; i++)
		end_of(spawn(parent, NULL), i);
	cr_expect_eq(parent->kept, cap);
	cr_expect_eq(parent->lost, 0);
	cr_expect_eq(results_of(parent, &lowest), cap);
	cr_expect_eq(lowest, first);
	end_of(spawn(parent, NULL), cap);
	cr_expect_eq(parent->kept, cap);
	cr_expect_eq(parent->lost, 1);
	cr_expect_eq(results_of(parent, &lowest), cap);
	cr_expect_eq(lowest, first + 1, "the oldest went");
	end_of(spawn(parent, NULL), cap + 1);
	cr_expect_eq(parent->lost, 2);
}

Test(node_tree, at_least_1024_results_are_kept)
{
	struct unit *web = a_service("web");

	web->limits.v[LIMIT_CHILDREN] = 100;
	expect_cap(web, 1024);
}

Test(node_tree, results_up_to_four_times_the_children_are_kept)
{
	struct unit *web = a_service("web");

	web->limits.v[LIMIT_CHILDREN] = 300;
	expect_cap(web, 1200);
}

Test(node_tree, the_children_limit_of_an_ancestor_bounds_the_results_too)
{
	struct unit *web = a_service("web"), *a = spawn(web, "a");

	web->limits.v[LIMIT_CHILDREN] = 270;
	expect_cap(a, 1080);
}

Test(node_tree, without_a_children_limit_1024_results_are_kept)
{
	expect_cap(a_service("web"), 1024);
}

Test(node_tree, the_oldest_result_is_of_the_one_that_ended_first_not_of_the_one_born_first)
{
	struct unit *web = a_service("web"), *elder = spawn(web, "elder");
	struct unit *first = spawn(web, "first");

	end_of(first, 1);
	for (int i = 1; i < 1024; i++)
		end_of(spawn(web, NULL), 1 + i);
	end_of(elder, 5000);
	cr_expect_eq(web->lost, 1);
	err = (struct err){ 0 };
	cr_expect_eq(tree_select(&t, NULL, "elder", &err), elder, "%s", err.msg);
	cr_expect_null(tree_select(&t, NULL, "first", &err));
}

Test(node_tree, the_result_just_made_is_never_the_one_to_go)
{
	struct unit *web = a_service("web");

	for (int i = 0; i < 1024; i++)
		end_of(spawn(web, NULL), 1000 + i);
	struct unit *drained =
		spawn(web, "drained"); /* its main process ended long before its tree did */
	end_of(drained, 5);
	err = (struct err){ 0 };
	cr_expect_eq(tree_select(&t, NULL, "drained", &err), drained, "%s", err.msg);
}

Test(node_tree, one_that_ends_takes_the_results_of_its_own_children_along)
{
	struct unit *web = a_service("web"), *a = spawn(web, "a");

	for (int i = 0; i < 10; i++)
		end_of(spawn(a, NULL), i);
	cr_expect_eq(t.units, 12);
	end_of(a, 100);
	cr_expect_eq(t.units, 2);
	cr_expect_eq(a->kept, 0);
	cr_expect_eq(web->kept, 1);
}

Test(node_tree, forgetting_frees_ended_children_and_no_living_one)
{
	struct unit *web = a_service("web"), *live = spawn(web, "live");

	for (int i = 0; i < 10; i++)
		end_of(spawn(web, NULL), i);
	tree_forget_kids(&t, web);
	cr_expect_eq(t.units, 2);
	cr_expect_eq(web->kept, 0);
	cr_expect_eq(tree_walk(web, NULL), live);
	cr_expect_eq(web->live_children, 1);
}

/* --- pids and ids --- */

Test(node_tree, by_pid_finds_only_one_whose_main_process_is_unreaped)
{
	struct unit *a = spawn(a_service("web"), "a");

	tree_set_pid(&t, a, 77);
	cr_expect_null(tree_by_pid(&t, 77));
	a->main_alive = true;
	cr_expect_eq(tree_by_pid(&t, 77), a);
	cr_expect_null(tree_by_pid(&t, 78));
	a->main_alive = false;
	cr_expect_null(tree_by_pid(&t, 77));
	cr_expect_eq(tree_had_pid(&t, 77), a);
}

Test(node_tree, a_unit_that_gets_a_new_pid_is_no_longer_found_by_its_old_one)
{
	struct unit *a = spawn(a_service("web"), "a");

	a->main_alive = true;
	tree_set_pid(&t, a, 77);
	tree_set_pid(&t, a, 78);
	cr_expect_null(tree_by_pid(&t, 77));
	cr_expect_eq(tree_by_pid(&t, 78), a);
	tree_set_pid(&t, a, 78);
	cr_expect_eq(tree_by_pid(&t, 78), a);
}

Test(node_tree, a_pid_used_again_belongs_to_the_last_that_got_it)
{
	struct unit *web = a_service("web"), *a = spawn(web, "a"), *b = spawn(web, "b");

	tree_set_pid(&t, a, 77);
	end_of(a, 1);
	tree_set_pid(&t, b, 77);
	b->main_alive = true;
	cr_expect_eq(tree_by_pid(&t, 77), b);
	tree_forget_kids(&t, web); /* frees a, which has lost the number: b keeps it */
	cr_expect_eq(tree_by_pid(&t, 77), b);
	tree_set_pid(&t, b, 79);
	cr_expect_null(tree_had_pid(&t, 77));
}

Test(node_tree, after_an_id_comes_the_next_greater_one_also_where_that_id_is_gone)
{
	struct unit *web = a_service("web"), *kid[10];

	for (int i = 0; i < 10; i++)
		kid[i] = spawn(web, NULL);
	cr_expect_eq(tree_after(&t, 0), web);
	cr_expect_eq(tree_after(&t, web->id), kid[0]);
	uint64_t third = kid[3]->id, last = kid[9]->id;
	tree_unadmit(&t, kid[3]);
	cr_expect_eq(tree_after(&t, third), kid[4]);
	cr_expect_eq(tree_after(&t, third - 1), kid[4]);
	cr_expect_null(tree_after(&t, last));
	tree_unadmit(&t, kid[9]);
	cr_expect_null(tree_after(&t, last));
	cr_expect_eq(tree_after(&t, last - 2), kid[8]);
	cr_expect_null(tree_after(&t, UINT64_MAX));
}

Test(node_tree, a_listing_by_cursor_sees_each_unit_once_while_others_come_and_go)
{
	struct unit *web = a_service("web");
	unsigned seen = 0;
	uint64_t cursor = 0, before = 0;

	for (int i = 0; i < 100; i++)
		spawn(web, NULL);
	for (struct unit *u; (u = tree_after(&t, cursor)) && seen < 1000; seen++) {
		cr_assert_gt(u->id, before);
		before = cursor = u->id;
		if (seen % 3 == 1)
			tree_unadmit(&t, u);
		if (seen < 50 && seen % 5 == 0)
			spawn(web, NULL);
	}
	cr_expect_eq(seen, 101 + 10);
}

Test(node_tree, closing_marks_the_whole_tree_and_nothing_beside_it)
{
	struct unit *web = a_service("web"), *a = spawn(web, "a"), *b = spawn(web, "b"),
		    *deep = chain(a, 4);

	tree_close(a);
	cr_expect(a->closed && deep->closed && deep->parent->closed);
	cr_expect_not(web->closed || b->closed);
}

Test(node_tree, every_reason_has_a_word)
{
	for (int r = END_EXITED; r < END_COUNT; r++)
		cr_expect_neq(end_reason_word((enum end_reason)r)[0], '\0', "%d", r);
	cr_expect_str_eq(end_reason_word(END_NONE), "");
	cr_expect_str_eq(end_reason_word(END_GAVE_UP), "gave-up");
	cr_expect_str_eq(end_reason_word((enum end_reason)99), "");
}

/* --- no memory --- */

enum { BLOCK = 8192, BLOCKS = 4000 };

#if !WITH_ASAN /* its allocator has no limit to run into */
/* Room for single units and for nothing larger: every table that wants to grow is refused. */
static void leave_only_small_memory(void)
{
	static void *block[BLOCKS];
	struct rlimit rl;
	int n = 0;

	getrlimit(RLIMIT_DATA, &rl);
	rl.rlim_cur = 48 * 1024 * 1024;
	setrlimit(RLIMIT_DATA, &rl);
	while (n < BLOCKS && (block[n] = malloc(BLOCK)))
		n++;
	while (malloc(1024 * 1024) || malloc(64 * 1024) || malloc(2 * BLOCK))
		continue;
	for (int i = 0; i < n; i += 2)
		free(block[i]);
}

Test(node_tree, memory_that_is_out_is_an_answer_and_not_the_end)
{
	struct unit *web = a_service("web");
	size_t refused = 0;
	int had = 0;

	for (int i = 0; i < 5000; i++)
		spawn(web, NULL);
	leave_only_small_memory();
	for (struct unit *u = tree_walk(web, NULL); u; u = tree_walk(web, u))
		tree_set_pid(&t, u, 1000 + had++);
	cr_expect_gt(t.by_pid.n, t.by_pid.cap, "the table of pids had to be in want of memory");
	for (int i = 0; i < 60000; i++) {
		struct unit *u = try_spawn(web, NULL);
		refused += u == NULL;
		if (u)
			tree_set_pid(&t, u, 1000 + had++);
	}
	cr_expect_gt(refused, 0);
	cr_expect_eq(t.units, (size_t)had + 1);
	cr_expect_eq(web->live_children, (unsigned)had);
	for (int i = 0; i < had; i += 7)
		cr_assert_not_null(tree_had_pid(&t, 1000 + i), "pid %d was lost", 1000 + i);
	tree_clear(&t);
	cr_expect_eq(t.by_pid.n, 0);
}
#endif
