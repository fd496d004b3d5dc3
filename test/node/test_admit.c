#include <stdlib.h>

#include "base/clock.h"
#include "trees.h"

static void expect_refused(struct unit *parent, enum err_code code, const char *says)
{
	size_t units = t.units;

	cr_expect_null(try_spawn(parent, NULL));
	cr_expect_eq(err.code, code, "got SG%04d: %s", err.code, err.msg);
	cr_expect_not_null(strstr(err.msg, says), "\"%s\" does not say \"%s\"", err.msg, says);
	cr_expect_eq(t.units, units);
}

Test(node_admit, children_of_one_unit_stop_at_the_limit)
{
	struct unit *web = a_service("web");

	web->limits.v[LIMIT_CHILDREN] = 3;
	for (int i = 0; i < 3; i++)
		spawn(web, NULL);
	expect_refused(web, ERR_CHILDREN, "children limit of web reached: 3 of 3");
}

Test(node_admit, the_children_limit_of_the_root_holds_for_each_unit_below_by_itself)
{
	struct unit *web = a_service("web");

	web->limits.v[LIMIT_CHILDREN] = 2;
	struct unit *a = spawn(web, "a"), *b = spawn(web, "b");
	spawn(a, NULL);
	spawn(a, NULL);
	expect_refused(a, ERR_CHILDREN, "web");
	spawn(b, NULL);
}

Test(node_admit, the_smaller_children_limit_of_a_unit_in_between_counts)
{
	struct unit *web = a_service("web");

	web->limits.v[LIMIT_CHILDREN] = 10;
	struct unit *a = spawn(web, "a");
	a->limits.v[LIMIT_CHILDREN] = 1;
	struct unit *b = spawn(a, "b");
	spawn(b, NULL);
	expect_refused(b, ERR_CHILDREN, "children limit of web/a reached: 1 of 1");
}

Test(node_admit, depth_counts_levels_below_its_holder)
{
	struct unit *web = a_service("web");

	web->limits.v[LIMIT_DEPTH] = 3;
	expect_refused(chain(web, 3), ERR_DEPTH, "depth limit of web reached: 3 of 3");
}

Test(node_admit, depth_of_a_unit_in_between_counts_from_there)
{
	struct unit *web = a_service("web");

	web->limits.v[LIMIT_DEPTH] = 10;
	struct unit *a = spawn(web, "a");
	a->limits.v[LIMIT_DEPTH] = 2;
	struct unit *deep = chain(a, 2);
	expect_refused(deep, ERR_DEPTH, "depth limit of web/a reached: 2 of 2");
	cr_expect_eq(deep->depth, 3);
}

Test(node_admit, depth_nought_is_no_child_at_all)
{
	struct unit *web = a_service("web");

	web->limits.v[LIMIT_DEPTH] = 0;
	expect_refused(web, ERR_DEPTH, "0 of 0");
}

Test(node_admit, no_tree_is_deeper_than_a_path_may_be_whatever_depth_says)
{
	struct unit *web = a_service("web");

	web->limits.v[LIMIT_DEPTH] = 1000;
	struct unit *last = chain(web, CAP_PATH_DEPTH - 1);
	cr_expect_eq(last->depth, CAP_PATH_DEPTH - 1);
	expect_refused(last, ERR_DEPTH, "depth");
}

Test(node_admit, descendants_are_counted_in_the_whole_tree_of_each_ancestor)
{
	struct unit *web = a_service("web");

	web->limits.v[LIMIT_DESCENDANTS] = 5;
	struct unit *a = spawn(web, "a"), *b = spawn(web, "b");
	a->limits.v[LIMIT_DESCENDANTS] = 2;
	struct unit *a1 = spawn(a, "a1");
	spawn(a1, NULL);
	expect_refused(a1, ERR_DESCENDANTS, "descendants limit of web/a reached: 2 of 2");
	struct unit *b1 = spawn(b, "b1");
	expect_refused(b1, ERR_DESCENDANTS, "descendants limit of web reached: 5 of 5");
}

Test(node_admit, a_place_is_free_again_once_its_unit_has_ended)
{
	struct unit *web = a_service("web");

	web->limits.v[LIMIT_DESCENDANTS] = 1;
	web->limits.v[LIMIT_CHILDREN] = 1;
	for (int i = 0; i < 5; i++) {
		struct unit *a = spawn(web, NULL);
		expect_refused(web, ERR_CHILDREN, "1 of 1");
		end_of(a, i);
	}
}

Test(node_admit, ever_counts_the_dead_too)
{
	struct unit *web = a_service("web");

	web->limits.v[LIMIT_EVER] = 3;
	struct unit *a = spawn(web, "a");
	for (int i = 0; i < 2; i++)
		end_of(spawn(a, NULL), i);
	expect_refused(web, ERR_EVER, "ever limit of web reached: 3 of 3");
	expect_refused(a, ERR_EVER, "ever limit of web reached: 3 of 3");
}

Test(node_admit, ever_of_a_unit_in_between_counts_its_own_tree_only)
{
	struct unit *web = a_service("web");
	struct unit *a = spawn(web, "a");

	a->limits.v[LIMIT_EVER] = 1;
	spawn(web, NULL);
	struct unit *b = spawn(a, "b");
	expect_refused(b, ERR_EVER, "ever limit of web/a reached: 1 of 1");
	spawn(web, NULL);
}

static bool spawns_at(struct unit *parent, int64_t now_ns)
{
	struct spawn_want w = a_want(NULL);

	err = (struct err){ 0 };
	return tree_admit(&t, parent, &w, now_ns, &err) != NULL;
}

Test(node_admit, rate_lets_one_second_s_worth_through_at_once_and_then_one_each_part_of_a_second)
{
	struct unit *web = a_service("web");
	int64_t now = 7777 * NS_PER_SEC;

	web->limits.v[LIMIT_RATE] = 4;
	for (int i = 0; i < 4; i++)
		cr_expect(spawns_at(web, now), "the %dth", i);
	cr_expect_not(spawns_at(web, now));
	cr_expect_eq(err.code, ERR_RATE);
	cr_expect_not_null(strstr(err.msg, "rate limit of web reached: 4 of 4"), "%s", err.msg);
	cr_expect_not(spawns_at(web, now + NS_PER_SEC / 4 - 1));
	cr_expect(spawns_at(web, now + NS_PER_SEC / 4));
	cr_expect_not(spawns_at(web, now + NS_PER_SEC / 4));
}

Test(node_admit, a_rate_bucket_holds_never_more_than_a_second_s_worth)
{
	struct unit *web = a_service("web");

	for (int64_t limit = 1; limit <= 5000; limit += limit < 100 ? 1 : 613) {
		int64_t now = limit * 1000 * NS_PER_SEC; /* long after */
		int n = 0;
		web->limits.v[LIMIT_RATE] = limit;
		while (spawns_at(web, now))
			n++;
		cr_expect_eq(n, limit, "%d of %d", n, (int)limit);
	}
}

Test(node_admit, rate_is_of_each_unit_by_itself_and_the_least_of_the_ancestors_counts)
{
	struct unit *web = a_service("web");

	web->limits.v[LIMIT_RATE] = 2;
	cr_expect(spawns_at(web, 0));
	struct unit *a = spawn(web, "a");
	a->limits.v[LIMIT_RATE] = 1;
	cr_expect(spawns_at(a, 0));
	cr_expect_not(spawns_at(a, 0));
	cr_expect_not_null(strstr(err.msg, "rate limit of web/a reached: 1 of 1"), "%s", err.msg);
	cr_expect_not(spawns_at(web, 0));
	struct unit *below = list_entry(a->kids.next, struct unit, sibling);
	cr_expect(spawns_at(below, 0), "a bucket of its own");
	cr_expect_not(spawns_at(below, 0));
	cr_expect_not_null(strstr(err.msg, "rate limit of web/a reached: 1 of 1"), "%s", err.msg);
}

Test(node_admit, a_refused_spawn_takes_nothing_from_the_bucket)
{
	struct unit *web = a_service("web");

	web->limits.v[LIMIT_RATE] = 2;
	web->limits.v[LIMIT_CHILDREN] = 1;
	struct unit *a = spawn(web, NULL);
	for (int i = 0; i < 10; i++)
		cr_expect_not(spawns_at(web, 0));
	end_of(a, 0);
	cr_expect(spawns_at(web, 0));
}

Test(node_admit, ttl_is_the_default_and_the_bound)
{
	struct unit *web = a_service("web");
	struct spawn_want w = a_want(NULL);

	web->limits.v[LIMIT_TTL] = 10 * NS_PER_SEC;
	cr_expect_eq(spawn(web, NULL)->ttl_ns, 10 * NS_PER_SEC);
	w.ttl_ns = 10 * NS_PER_SEC;
	cr_expect_eq(tree_admit(&t, web, &w, 0, &err)->ttl_ns, 10 * NS_PER_SEC);
	w.ttl_ns = NS_PER_SEC;
	cr_expect_eq(tree_admit(&t, web, &w, 0, &err)->ttl_ns, NS_PER_SEC);
	w.ttl_ns = 10 * NS_PER_SEC + 1;
	cr_expect_null(tree_admit(&t, web, &w, 0, &err));
	cr_expect_eq(err.code, ERR_ONLY_TIGHTEN);
	cr_expect_not_null(strstr(err.msg, "web"), "%s", err.msg);
}

Test(node_admit, ttl_is_bounded_by_every_ancestor)
{
	struct unit *web = a_service("web");

	web->limits.v[LIMIT_TTL] = 10 * NS_PER_SEC;
	struct unit *a = spawn(web, "a");
	a->limits.v[LIMIT_TTL] = 2 * NS_PER_SEC;
	struct unit *b = spawn(a, "b");
	cr_expect_eq(spawn(b, NULL)->ttl_ns, 2 * NS_PER_SEC);
	cr_expect_eq(spawn(web, NULL)->ttl_ns, 10 * NS_PER_SEC);
}

Test(node_admit, without_a_limit_a_ttl_is_what_was_asked)
{
	struct unit *web = a_service("web");
	struct spawn_want w = a_want(NULL);

	cr_expect_eq(spawn(web, NULL)->ttl_ns, 0);
	w.ttl_ns = 1000000 * NS_PER_SEC;
	cr_expect_eq(tree_admit(&t, web, &w, 0, &err)->ttl_ns, 1000000 * NS_PER_SEC);
}

static void expect_may_set(struct unit *parent, enum limit_key key, int64_t most)
{
	struct spawn_want w = a_want(NULL);

	w.limits.v[key] = most;
	struct unit *u = tree_admit(&t, parent, &w, 0, &err);
	cr_expect_not_null(u, "%s=%d: %s", limit_rows[key].key, (int)most, err.msg);
	if (u)
		tree_unadmit(&t, u);
	w.limits.v[key] = most + 1;
	cr_expect_null(
		tree_admit(&t, parent, &w, 0, &err), "%s=%d", limit_rows[key].key, (int)most + 1);
	cr_expect_eq(err.code, ERR_ONLY_TIGHTEN, "%s: %s", limit_rows[key].key, err.msg);
}

Test(node_admit, a_limit_may_be_kept_or_lowered_and_never_raised)
{
	static const enum limit_key keys[] = { LIMIT_CHILDREN, LIMIT_DESCENDANTS, LIMIT_EVER,
		LIMIT_RATE, LIMIT_TTL };
	struct unit *web = a_service("web");

	for (size_t i = 0; i < sizeof keys / sizeof *keys; i++)
		web->limits.v[keys[i]] = 100;
	struct unit *a = spawn(web, "a");
	for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
		expect_may_set(web, keys[i], 100);
		expect_may_set(a, keys[i], 100);
		a->limits.v[keys[i]] = 40;
		expect_may_set(a, keys[i], 40);
		expect_may_set(web, keys[i], 100);
	}
}

Test(node_admit, a_depth_limit_may_be_at_most_the_levels_that_are_left)
{
	struct unit *web = a_service("web");

	web->limits.v[LIMIT_DEPTH] = 5;
	expect_may_set(web, LIMIT_DEPTH, 4);
	struct unit *a = spawn(web, "a");
	expect_may_set(a, LIMIT_DEPTH, 3);
	a->limits.v[LIMIT_DEPTH] = 2;
	expect_may_set(a, LIMIT_DEPTH, 1);
	expect_may_set(spawn(a, "b"), LIMIT_DEPTH, 0);
}

Test(node_admit, any_limit_may_be_set_where_no_ancestor_has_one)
{
	struct unit *web = a_service("web");
	struct spawn_want w = a_want(NULL);

	for (int i = 0; i < LIMIT_COUNT; i++)
		w.limits.v[i] = 1000000;
	struct unit *u = tree_admit(&t, web, &w, 0, &err);
	cr_assert_not_null(u, "%s", err.msg);
	cr_expect_eq(u->limits.v[LIMIT_EVER], 1000000);
}

Test(node_admit, a_policy_is_inherited_and_may_only_be_tightened)
{
	struct unit *web = a_service("web");
	struct spawn_want w = a_want("tight");

	cr_expect_eq(spawn(web, NULL)->policy, POLICY_DRAIN);
	w.has_policy = true;
	w.policy = POLICY_CASCADE;
	struct unit *tight = tree_admit(&t, web, &w, 0, &err);
	cr_assert_not_null(tight);
	cr_expect_eq(tight->policy, POLICY_CASCADE);
	cr_expect_eq(spawn(tight, NULL)->policy, POLICY_CASCADE);
	w.policy = POLICY_DRAIN;
	cr_expect_null(tree_admit(&t, tight, &w, 0, &err));
	cr_expect_eq(err.code, ERR_ONLY_TIGHTEN);
	w.policy = POLICY_REPARENT;
	cr_expect_null(tree_admit(&t, web, &w, 0, &err));
	w.policy = POLICY_ORPHAN;
	cr_expect_null(tree_admit(&t, web, &w, 0, &err));
}

Test(node_admit, a_static_service_spawns_nothing_nor_does_any_unit_below_it)
{
	struct unit *web = a_service("web");
	struct unit *a = spawn(web, "a");

	web->dynamic = false;
	expect_refused(web, ERR_NOT_DYNAMIC, "web");
	expect_refused(a, ERR_NOT_DYNAMIC, "web");
}

Test(node_admit, no_spawn_holds_for_the_unit_and_all_below_it)
{
	struct unit *web = a_service("web");
	struct spawn_want w = a_want("leaf");

	w.no_spawn = true;
	struct unit *leaf = tree_admit(&t, web, &w, 0, &err);
	expect_refused(leaf, ERR_NOT_DYNAMIC, "web/leaf");
	struct unit *older = spawn(web, "older"), *below = spawn(older, "below");
	older->no_spawn = true;
	expect_refused(below, ERR_NOT_DYNAMIC, "web/older");
	spawn(web, NULL);
}

Test(node_admit, in_a_closed_tree_nothing_is_spawned_and_beside_it_all_goes_on)
{
	struct unit *web = a_service("web");
	struct unit *a = spawn(web, "a"), *b = spawn(web, "b"), *deep = chain(a, 3);

	tree_close(a);
	cr_expect(deep->closed);
	expect_refused(a, ERR_PARENT_STOPPING, "web/a");
	expect_refused(deep, ERR_PARENT_STOPPING, "web/a");
	spawn(b, NULL);
	spawn(web, NULL);
	tree_close(web);
	expect_refused(b, ERR_PARENT_STOPPING, "web");
	expect_refused(web, ERR_PARENT_STOPPING, "web");
}

Test(node_admit, what_ended_spawns_nothing)
{
	struct unit *web = a_service("web");
	struct unit *a = spawn(web, "a");

	end_of(a, 1);
	expect_refused(a, ERR_PARENT_STOPPING, "web/a");
}

/* --- names --- */

Test(node_admit, without_a_name_the_id_is_the_name)
{
	struct unit *u = spawn(a_service("web"), NULL);
	char want[32];

	snprintf(want, sizeof want, "@%d", (int)u->id);
	cr_expect_str_eq(u->name, want);
}

Test(node_admit, a_taken_name_gets_the_number_of_the_id)
{
	struct unit *web = a_service("web");
	char want[80];

	cr_expect_str_eq(spawn(web, "worker")->name, "worker");
	struct unit *u = spawn(web, "worker");
	snprintf(want, sizeof want, "worker.%d", (int)u->id);
	cr_expect_str_eq(u->name, want);
}

Test(node_admit, a_name_with_its_number_is_cut_so_that_it_fits)
{
	struct unit *web = a_service("web");
	char longest[CAP_NAME + 1], tail[32];

	memset(longest, 'x', CAP_NAME);
	longest[CAP_NAME] = '\0';
	t.last_id = 1234567;
	cr_expect_str_eq(spawn(web, longest)->name, longest);
	for (int len = CAP_NAME; len > CAP_NAME - 12; len--) {
		longest[len] = '\0';
		spawn(web, longest); /* the first takes it, where it is free */
		struct unit *u = spawn(web, longest);
		int n = snprintf(tail, sizeof tail, ".%d", (int)u->id);
		size_t have = strlen(u->name),
		       fits = (size_t)(len + n < CAP_NAME ? len + n : CAP_NAME);
		cr_expect_eq(have, fits, "%d bytes for %d", (int)have, len);
		cr_expect_str_eq(u->name + have - n, tail);
	}
}

Test(node_admit, a_name_longer_than_63_bytes_is_refused)
{
	struct unit *web = a_service("web");
	char name[CAP_NAME + 2];

	memset(name, 'x', sizeof name);
	name[CAP_NAME + 1] = '\0';
	cr_expect_null(try_spawn(web, name));
	name[CAP_NAME] = '\0';
	cr_expect_not_null(try_spawn(web, name));
	char very[4000];
	memset(very, 'y', sizeof very);
	very[sizeof very - 1] = '\0';
	cr_expect_null(try_spawn(web, very));
}

Test(node_admit, unique_refuses_a_taken_name_and_only_that)
{
	struct unit *web = a_service("web");
	struct spawn_want w = a_want("one");

	w.unique = true;
	struct unit *one = tree_admit(&t, web, &w, 0, &err);
	cr_assert_not_null(one);
	cr_expect_null(tree_admit(&t, web, &w, 0, &err));
	cr_expect_eq(err.code, ERR_NAME_TAKEN);
	cr_expect_not_null(tree_admit(&t, one, &w, 0, &err), "a name is taken among siblings only");
}

Test(node_admit, the_name_of_one_that_ended_is_free)
{
	struct unit *web = a_service("web");
	struct spawn_want w = a_want("one");

	w.unique = true;
	end_of(tree_admit(&t, web, &w, 0, &err), 1);
	struct unit *again = tree_admit(&t, web, &w, 0, &err);
	cr_assert_not_null(again);
	cr_expect_str_eq(again->name, "one");
}

Test(node_admit, a_sibling_that_is_named_like_name_and_number_is_no_reason_to_refuse)
{
	struct unit *web = a_service("web");
	char taken[32];

	spawn(web, "w");
	snprintf(taken, sizeof taken, "w.%d", (int)t.last_id + 2);
	spawn(web, taken);
	struct unit *u = spawn(web, "w");
	cr_expect_str_neq(u->name, taken);
	cr_expect_str_neq(u->name, "w");
}

Test(node_admit, percent_n_in_a_name_is_the_number_of_the_id)
{
	struct unit *web = a_service("web");
	char want[64];

	struct unit *u = spawn(web, "job-%n");
	snprintf(want, sizeof want, "job-%d", (int)u->id);
	cr_expect_str_eq(u->name, want);
	u = spawn(web, "a%n.b%n");
	snprintf(want, sizeof want, "a%d.b%d", (int)u->id, (int)u->id);
	cr_expect_str_eq(u->name, want);
	cr_expect_null(try_spawn(web, "%n"), "all digits");
	cr_expect_null(try_spawn(web, "a%d"));
	cr_expect_null(try_spawn(web, "a%"));
}

Test(node_admit, percent_n_may_be_written_until_the_name_is_too_long_and_no_further)
{
	struct unit *web = a_service("web");
	char many[2 * 200 + 2] = "a";

	t.last_id = 999999999999;
	for (int i = 0; i < 200; i++)
		strcat(many, "%n");
	cr_expect_null(try_spawn(web, many));
	cr_expect_not_null(try_spawn(web, "a%n%n%n%n"), "%s", err.msg); /* 53 bytes */
	cr_expect_null(try_spawn(web, "a%n%n%n%n%n"));                  /* 66 */
}

Test(node_admit, words_that_mean_something_else_and_bad_letters_are_no_names)
{
	static const char *const bad[] = { "self", "parent", "init", "operator", "nobody", "17", "",
		"-x", ".x", "a/b", "a b", "@17", "a\n", "\xc3\xa4" };
	struct unit *web = a_service("web");

	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
		cr_expect_null(try_spawn(web, bad[i]), "\"%s\"", bad[i]);
	cr_expect_eq(web->live_children, 0);
	spawn(web, "_17");
	spawn(web, "self.");
	spawn(web, "0x-y.z_");
}

/* --- taking it back --- */

Test(node_admit, an_admission_that_is_taken_back_leaves_everything_as_it_was)
{
	struct unit *web = a_service("web");
	struct unit *a = spawn(web, "a");

	web->limits.v[LIMIT_RATE] = 2;
	for (int i = 0; i < 20;
		i++) { /* a bucket that isn't given back what it had would be empty */
		struct unit before_web = *web, before_a = *a;
		size_t units = t.units;
		struct unit *b = spawn(a, "b");
		uint64_t id = b->id;
		tree_set_pid(&t, b, 4711);
		tree_unadmit(&t, b);
		cr_expect_eq(web->descendants, before_web.descendants);
		cr_expect_eq(web->ever, before_web.ever);
		cr_expect_eq(a->live_children, before_a.live_children);
		cr_expect_eq(a->descendants, before_a.descendants);
		cr_expect_eq(a->ever, before_a.ever);
		cr_expect_eq(a->kept, before_a.kept);
		cr_expect_eq(t.units, units);
		cr_expect_null(tree_by_id(&t, id));
		cr_expect_null(tree_had_pid(&t, 4711));
		cr_expect_null(tree_walk(a, NULL));
		cr_expect_gt(t.last_id, id - 1, "an id is never used again");
	}
}

Test(node_admit, taking_back_never_makes_room_for_more_than_the_rate)
{
	struct unit *web = a_service("web");

	web->limits.v[LIMIT_RATE] = 3;
	struct unit *a = spawn(web, NULL);
	spawn(web, NULL);
	spawn(web, NULL);
	tree_unadmit(&t, a);
	int n = 0;
	while (spawns_at(web, 0) && n < 10)
		n++;
	cr_expect_leq(n, 1);
}

/* --- a recount from scratch --- */

struct counts {
	unsigned children, descendants, kept;
};

static struct counts recount(const struct unit *u)
{
	struct counts c = { 0 };

	list_each(it, &t.all)
	{
		const struct unit *x = list_entry(it, const struct unit, all);
		if (x == u || !unit_descends(x, u))
			continue;
		c.descendants += !x->ended;
		if (x->parent == u) {
			c.children += !x->ended;
			c.kept += x->ended;
		}
	}
	return c;
}

static void expect_counts_are_true(void)
{
	size_t n = 0;

	list_each(it, &t.all)
	{
		const struct unit *u = list_entry(it, const struct unit, all);
		struct counts c = recount(u);
		n++;
		cr_assert_eq(u->live_children, c.children, "@%d", (int)u->id);
		cr_assert_eq(u->descendants, c.descendants, "@%d", (int)u->id);
		cr_assert_eq(u->kept, c.kept, "@%d", (int)u->id);
		cr_assert_leq(u->live_children, 6);
		cr_assert(u->ended || u->root->descendants <= 60);
		cr_assert(u->depth <= 4);
		cr_assert_eq(tree_by_id(&t, u->id), u);
	}
	cr_assert_eq(n, t.units);
}

enum pick { ANY, LIVE, LEAF };

static struct unit *any_unit(enum pick pick)
{
	struct unit *found = NULL;
	int seen = 0;

	list_each(it, &t.all)
	{
		struct unit *u = list_entry(it, struct unit, all);
		if (pick == LEAF ? !u->ended && u->parent && !u->live_children
				 : pick == ANY || !u->ended)
			if (rand() % ++seen == 0)
				found = u;
	}
	return found;
}

Test(node_admit, after_thousands_of_births_and_deaths_every_count_is_what_a_recount_says)
{
	unsigned births = 0, refusals = 0;

	srand(20260101);
	for (int i = 0; i < 3; i++) {
		char name[8];
		snprintf(name, sizeof name, "s%d", i);
		struct unit *s = a_service(name);
		s->limits.v[LIMIT_CHILDREN] = 6;
		s->limits.v[LIMIT_DEPTH] = 4;
		s->limits.v[LIMIT_DESCENDANTS] = 60;
	}
	for (int i = 0; i < 20000; i++) {
		struct unit *u;
		int dice = rand() % 100;
		if (dice < 55) {
			u = try_spawn(any_unit(rand() % 8 ? LIVE : ANY), rand() % 2 ? "n" : NULL);
			births += u != NULL;
			refusals += u == NULL;
			if (u)
				tree_set_pid(&t, u, 2 + rand() % 300);
		} else if (dice < 95 && (u = any_unit(LEAF))) {
			end_of(u, i);
		} else if (dice >= 95 && (u = any_unit(LEAF))) {
			tree_unadmit(&t, u);
		}
		if (i % 50 == 0)
			expect_counts_are_true();
	}
	expect_counts_are_true();
	cr_expect_gt(births, 5000);
	cr_expect_gt(refusals, 500);
	tree_clear(&t);
	cr_expect_eq(t.units, 0);
	cr_expect_eq(t.by_id.n, 0);
	cr_expect_eq(t.by_pid.n, 0);
}

Test(node_admit, a_rule_for_the_exit_that_the_service_does_not_allow_is_refused)
{
	struct unit *web = a_service("web");
	struct spawn_want w = a_want("x");

	web->terms.on_exit = 1u << ON_EXIT_NONE | 1u << ON_EXIT_RESTART;
	for (int rule = ON_EXIT_NONE; rule < ON_EXIT_COUNT; rule++) {
		w.asks = 1u << rule;
		w.again = rule < ON_EXIT_SEND ? (enum on_exit)rule : ON_EXIT_NONE;
		err = (struct err){ 0 };
		struct unit *u = tree_admit(&t, web, &w, 0, &err);
		cr_expect_eq(u != NULL, rule <= ON_EXIT_RESTART, "%d", rule);
		cr_expect_eq(err.code, u ? ERR_OK : ERR_DENIED);
		cr_expect(u ? (int)u->again == rule
			    : strstr(err.msg, on_exit_name((enum on_exit)rule)) != NULL);
	}
	cr_expect_eq(web->live_children, 2);
}
