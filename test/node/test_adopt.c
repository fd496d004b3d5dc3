#include "node/mailbox.h"
#include "node/rights.h"
#include "trees.h"

static void expect_counts(
	const struct unit *u, unsigned children, unsigned descendants, unsigned orphans)
{
	cr_expect_eq(u->live_children, children, "%s: %u children", u->name, u->live_children);
	cr_expect_eq(u->descendants, descendants, "%s: %u descendants", u->name, u->descendants);
	cr_expect_eq(u->orphans, orphans, "%s: %u orphans", u->name, u->orphans);
}

static void expect_path(const struct unit *u, const char *want)
{
	char path[UNIT_PATH_MAX];

	cr_expect_str_eq(unit_path(u, path, sizeof path), want);
}

/* What a tree's counts have to be, by looking at all of it. */
static void expect_sound(void)
{
	list_each(it, &t.all)
	{
		const struct unit *u = list_entry(it, const struct unit, all);
		unsigned children = 0, orphans = 0, below = 0;
		list_each(at, &t.all)
		{
			const struct unit *d = list_entry(at, const struct unit, all);
			const struct unit *a = d->ended ? NULL : d->parent;
			children += a == u && !d->orphan;
			orphans += a == u && d->orphan;
			while (a && a != u)
				a = a->parent;
			below += a == u;
			cr_expect(!d->parent || d->depth == d->parent->depth + 1, "%s", d->name);
		}
		expect_counts(u, children, below, orphans);
	}
}

Test(node_adopt, an_adopted_child_comes_with_all_below_it_and_all_counts_hold)
{
	struct unit *web = a_service("web"), *a = spawn(web, "a"), *b = spawn(a, "b"),
		    *c = spawn(b, "c");

	end_of(spawn(c, "over"), 1);
	spawn(spawn(c, "d"), "e");
	spawn(b, "other");
	tree_adopt(c, a);
	expect_path(c, "web/a/c");
	expect_counts(web, 1, 6, 0);
	expect_counts(a, 2, 5, 0);
	expect_counts(b, 1, 1, 0);
	expect_counts(c, 1, 2, 0);
	expect_sound();
	cr_expect(unit_descends(c, a) && unit_owner(c) == a);
	cr_expect_not(unit_descends(c, b));
}

Test(node_adopt, the_end_of_an_adopted_child_is_its_new_parents)
{
	struct unit *web = a_service("web"), *a = spawn(web, "a"), *b = spawn(a, "b");

	tree_adopt(b, web);
	end_of(a, 1);
	end_of(b, 2);
	cr_expect_eq(web->kept, 2);
	expect_sound();
	tree_clear(&t);
}

Test(node_adopt, a_taken_name_gets_the_number_and_a_free_one_stays)
{
	struct unit *web = a_service("web"), *a = spawn(web, "a");
	struct unit *w = spawn(web, "w"), *mine = spawn(a, "w"), *x = spawn(a, "x");

	tree_adopt(mine, web);
	tree_adopt(x, web);
	expect_path(w, "web/w");
	expect_path(mine, "web/w.4");
	expect_path(x, "web/x");
	end_of(w, 1);
	struct unit *again = spawn(spawn(web, "b"), "w");
	tree_adopt(again, web);
	expect_path(again, "web/w");
}

Test(node_adopt, a_name_of_63_bytes_is_cut_for_the_number)
{
	char name[CAP_NAME + 1];

	memset(name, 'n', CAP_NAME);
	name[CAP_NAME] = '\0';
	struct unit *web = a_service("web"), *a = spawn(web, "a");
	spawn(web, name);
	struct unit *mine = spawn(a, name);
	tree_adopt(mine, web);
	cr_expect_eq(strlen(mine->name), CAP_NAME);
	cr_expect_str_eq(mine->name + CAP_NAME - 2, ".4");
}

Test(node_adopt, the_log_goes_on_where_it_began)
{
	struct unit *web = a_service("web"), *a = spawn(web, "a"), *b = spawn(a, "b"),
		    *c = spawn(b, "c");
	char path[UNIT_PATH_MAX];

	tree_adopt(b, web);
	tree_adopt(c, NULL);
	cr_expect_str_eq(unit_log_path(b, path, sizeof path), "web/a/b");
	cr_expect_str_eq(unit_log_path(c, path, sizeof path), "web/a/b/c");
	cr_expect_str_eq(unit_log_path(spawn(b, "new"), path, sizeof path), "web/b/new");
}

Test(node_adopt, an_orphan_is_counted_in_its_tree_and_is_nobodys)
{
	struct unit *web = a_service("web"), *a = spawn(web, "a"), *b = spawn(a, "b"),
		    *c = spawn(b, "c");

	tree_adopt(b, NULL);
	expect_path(c, "web/b/c");
	expect_counts(web, 1, 3, 1);
	expect_counts(a, 0, 0, 0);
	expect_sound();
	cr_expect_null(unit_owner(b));
	cr_expect_not(rights_may(b, VERB_MESSAGE, web) || rights_may(web, VERB_STATUS, b));
	cr_expect_not(unit_descends(b, web));
	cr_expect_not(unit_descends(c, web));
	cr_expect(unit_descends(c, b) && !unit_descends(c, a));
	cr_expect_eq(tree_walk(web, NULL), a);
	cr_expect_null(tree_walk(web, a), "a walk of the service's own passes over it");
	cr_expect_eq(tree_walk(b, NULL), c);
}

Test(node_adopt, an_orphan_loses_spawn_for_all_below_it)
{
	struct unit *web = a_service("web"), *a = spawn(web, "a"), *b = spawn(a, "b");

	tree_adopt(a, NULL);
	cr_expect_null(try_spawn(a, "x"));
	cr_expect_eq(err.code, ERR_NOT_DYNAMIC);
	cr_expect_null(try_spawn(b, "x"));
	cr_expect_eq(err.code, ERR_NOT_DYNAMIC);
}

Test(node_adopt, an_orphan_holds_its_place_under_descendants_and_none_under_children)
{
	struct unit *web = a_service("web"), *a = spawn(web, "a");

	tree_adopt(a, NULL);
	web->limits.v[LIMIT_CHILDREN] = 1;
	web->limits.v[LIMIT_DESCENDANTS] = 2;
	spawn(web, "b");
	web->limits.v[LIMIT_CHILDREN] = 5;
	cr_expect_null(try_spawn(web, "c"));
	cr_expect_eq(err.code, ERR_DESCENDANTS);
}

Test(node_adopt, nothing_is_kept_of_an_orphans_end)
{
	struct unit *web = a_service("web"), *a = spawn(web, "a");

	end_of(spawn(a, "over"), 1);
	tree_adopt(a, NULL);
	end_of(a, 2);
	cr_expect_eq(web->kept, 0);
	cr_expect_eq(t.units, 1);
	expect_counts(web, 0, 0, 0);
}

Test(node_adopt, a_spawn_that_fails_after_an_adoption_is_as_if_it_had_never_been)
{
	struct unit *web = a_service("web"), *a = spawn(web, "a");

	web->limits.v[LIMIT_RATE] = 1;
	struct unit *b = spawn(a, "b");
	cr_expect_null(try_spawn(a, "c"), "the bucket is empty");
	tree_adopt(b, NULL);
	tree_unadmit(&t, b);
	expect_counts(web, 1, 1, 0);
	expect_sound();
}

Test(node_adopt, what_bounded_its_parent_bounds_it_from_then_on)
{
	struct unit *web = a_service("web"), *a = spawn(web, "a");

	web->limits.v[LIMIT_CHILDREN] = web->limits.v[LIMIT_DEPTH] = 9;
	a->limits.v[LIMIT_CHILDREN] = 2;
	a->limits.v[LIMIT_DEPTH] = 2;
	a->limits.v[LIMIT_EVER] = 3;
	struct unit *b = spawn(a, "b"), *c = spawn(a, "c");
	b->limits.v[LIMIT_CHILDREN] = 1;
	tree_adopt(b, web);
	tree_adopt(c, web);
	cr_expect_eq(b->limits.v[LIMIT_CHILDREN], 1, "its own is lower");
	cr_expect_eq(c->limits.v[LIMIT_CHILDREN], 2);
	cr_expect_eq(b->limits.v[LIMIT_DEPTH], 1);
	cr_expect_eq(b->limits.v[LIMIT_EVER], 1, "two of three were used");
	spawn(spawn(web, "d"), "free");
	struct unit *kid = spawn(b, "kid");
	cr_expect_null(try_spawn(b, "more"));
	cr_expect_null(try_spawn(kid, "deeper"));
	cr_expect_eq(err.code, ERR_DEPTH);
}

Test(node_adopt, the_services_own_limits_are_not_copied)
{
	struct unit *web = a_service("web"), *a = spawn(web, "a");

	web->limits.v[LIMIT_CHILDREN] = 7;
	tree_adopt(a, NULL);
	cr_expect_eq(a->limits.v[LIMIT_CHILDREN], LIMIT_NONE);
}

Test(node_adopt, siblings_stay_in_the_order_of_their_ids)
{
	struct unit *web = a_service("web"), *a = spawn(web, "a"), *b = spawn(a, "b");

	spawn(web, "c");
	struct unit *d = spawn(a, "d");
	spawn(web, "e");
	tree_adopt(d, web);
	tree_adopt(b, web);
	char got[40] = "";
	list_each(it, &web->kids) strcat(got, list_entry(it, struct unit, sibling)->name);
	cr_expect_str_eq(got, "abcde");
}

Test(node_adopt, a_notice_that_is_due_goes_to_who_adopts)
{
	struct unit *web = a_service("web"), *a = spawn(web, "a"), *b = spawn(a, "b"),
		    *c = spawn(a, "c");

	notice_due(b, 1);
	notice_due(c, 2);
	tree_adopt(b, web);
	cr_expect_eq(web->notices.next, &b->notice);
	cr_expect_eq(a->notices.next, &c->notice, "the other one stays");
	tree_adopt(c, NULL);
	cr_expect(list_empty(&a->notices) && list_empty(&c->notice), "an orphan's is nobody's");
}

Test(node_adopt, child_memory_of_the_one_that_ended_bounds_the_child_itself)
{
	struct unit *web = a_service("web"), *a = spawn(web, "a"), *b = spawn(a, "b"),
		    *c = spawn(a, "c");

	a->limits.v[LIMIT_CHILD_MEMORY] = 64;
	c->limits.v[LIMIT_TOTAL_MEMORY] = 32;
	tree_adopt(b, web);
	tree_adopt(c, web);
	cr_expect_eq(b->limits.v[LIMIT_TOTAL_MEMORY], 64);
	cr_expect_eq(c->limits.v[LIMIT_TOTAL_MEMORY], 32);
}

Test(node_adopt, what_a_service_has_not_collected_goes_to_the_one_in_its_place_behind_what_that_has)
{
	struct unit *old = a_service("old"), *next = a_service("next"), *a = spawn(old, "a");
	struct unit *b = spawn(next, "b"), *c = spawn(old, "c");
	struct pick p;

	notice_due(c, 1);
	end_of(c, 1);
	notice_due(a, 2);
	end_of(a, 2);
	notice_due(b, 3);
	end_of(b, 3);
	old->lost = 2;
	tree_bequeath(old, next, 4);
	cr_expect(old->kept == 0 && next->kept == 3 && next->lost == 2);
	struct unit *order[] = { b, c, a };
	for (int i = 0; i < 3; i++) {
		struct filter all = { .kinds = MESSAGE_EXIT };
		cr_assert(mailbox_pick(next, &all, &p));
		cr_expect_eq(p.child, order[i], "%s", p.child->name);
		cr_expect(notice_taken(p.child));
		tree_forget(&t, p.child);
	}
	tree_remove_service(&t, old);
	cr_expect(next->kept == 0 && list_empty(&next->kids));
}

Test(node_adopt, as_much_goes_to_it_as_there_is_room_for)
{
	struct unit *old = a_service("old"), *next = a_service("next"), *u[2];

	for (int i = 0; i < 2; i++) {
		u[i] = spawn(old, NULL);
		notice_due(u[i], 1);
		end_of(u[i], 1);
	}
	next->kept = CAP_RESULTS_MIN - 1;
	tree_bequeath(old, next, 2);
	cr_expect(next->kept == CAP_RESULTS_MIN && next->lost == 1 && old->kept == 1);
	cr_expect(u[0]->parent == old && u[1]->parent == next, "the oldest goes");
}

Test(node_adopt, what_may_have_many_children_inherits_as_many_results_as_it_keeps_of_its_own)
{
	struct unit *old = a_service("old"), *next = a_service("next");

	next->limits.v[LIMIT_CHILDREN] = CAP_RESULTS_MIN / 2;
	for (int i = 0; i < 2; i++)
		end_of(spawn(old, NULL), 1);
	next->kept = 2 * CAP_RESULTS_MIN - 1;
	tree_bequeath(old, next, 2);
	cr_expect(next->kept == 2 * CAP_RESULTS_MIN && next->lost == 1);
}

Test(node_adopt, a_heir_is_freed_before_the_older_children_that_it_has_the_results_of)
{
	struct unit *old = a_service("old"), *u = spawn(old, NULL), *next = a_service("next"),
		    *own = spawn(next, NULL);

	notice_due(u, 1);
	end_of(u, 1);
	tree_bequeath(old, next, 2);
	cr_expect_eq(
		list_entry(next->kids.next, struct unit, sibling), u, "in the order of their ids");
	cr_expect_eq(list_entry(u->sibling.next, struct unit, sibling), own);
	tree_clear(&t); /* what a sanitizer looks at */
}
