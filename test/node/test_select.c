#include <time.h>

#include "trees.h"

static struct unit *find(struct unit *caller, const char *selector)
{
	err = (struct err){ 0 };
	return tree_select(&t, caller, selector, &err);
}

static void expect_none(struct unit *caller, const char *selector)
{
	struct unit *u = find(caller, selector);

	cr_expect_null(u, "%s is @%d", selector, u ? (int)u->id : 0);
	cr_expect_eq(err.code, ERR_NO_UNIT, "%s: SG%04d %s", selector, err.code, err.msg);
}

static void expect_ambiguous(struct unit *caller, const char *selector)
{
	cr_expect_null(find(caller, selector), "%s", selector);
	cr_expect_eq(err.code, ERR_AMBIGUOUS, "%s: SG%04d %s", selector, err.code, err.msg);
}

Test(node_select, an_id_is_written_with_an_at)
{
	struct unit *web = a_service("web"), *a = spawn(web, "a");
	char sel[32];

	snprintf(sel, sizeof sel, "@%d", (int)a->id);
	cr_expect_eq(find(NULL, sel), a);
	expect_none(NULL, "@99");
	expect_none(NULL, "@0");
	expect_none(NULL, "@");
	expect_none(NULL, "@-1");
	expect_none(NULL, "@1x");
	expect_none(NULL, "@99999999999999999999999999");
}

Test(node_select, an_unnamed_child_is_found_by_its_id_anywhere_and_below_its_parent_s_path)
{
	struct unit *web = a_service("web"), *a = spawn(web, NULL);
	char sel[160];

	cr_expect_eq(find(web, a->name), a);
	snprintf(sel, sizeof sel, "web/%s", a->name);
	cr_expect_eq(find(NULL, sel), a);
}

Test(node_select, self_and_parent_are_the_caller_s)
{
	struct unit *web = a_service("web"), *a = spawn(web, "a");

	cr_expect_eq(find(a, "self"), a);
	cr_expect_eq(find(a, "parent"), web);
	expect_none(web, "parent");
	expect_none(NULL, "self");
	expect_none(NULL, "parent");
}

Test(node_select, digits_are_a_pid_that_a_unit_has)
{
	struct unit *a = spawn(a_service("web"), "a");

	tree_set_pid(&t, a, 1234);
	a->main_alive = true;
	cr_expect_eq(find(NULL, "1234"), a);
	expect_none(NULL, "1235");
	expect_none(NULL, "0");
	expect_none(NULL, "99999999999999999999");
}

Test(node_select, digits_are_a_pid_that_a_unit_last_had)
{
	struct unit *web = a_service("web"), *a = spawn(web, "a");

	tree_set_pid(&t, a, 1234);
	end_of(a, 1);
	cr_expect_eq(find(NULL, "1234"), a);
	cr_expect_eq(find(web, "1234"), a);
}

Test(node_select, a_pid_that_is_used_again_is_that_of_the_later_unit)
{
	struct unit *web = a_service("web"), *a = spawn(web, "a"), *b = spawn(web, "b");

	tree_set_pid(&t, a, 1234);
	end_of(a, 1);
	tree_set_pid(&t, b, 1234);
	cr_expect_eq(find(NULL, "1234"), b);
	cr_expect_eq(a->pid, 0);
}

Test(node_select, a_path_and_every_suffix_of_it_on_the_borders_of_its_components_resolves)
{
	struct unit *web = a_service("web"), *worker = spawn(web, "worker"),
		    *x = spawn(worker, "x");

	cr_expect_eq(find(NULL, "web"), web);
	cr_expect_eq(find(NULL, "web/worker"), worker);
	cr_expect_eq(find(NULL, "worker"), worker);
	cr_expect_eq(find(NULL, "web/worker/x"), x);
	cr_expect_eq(find(NULL, "worker/x"), x);
	cr_expect_eq(find(NULL, "x"), x);
	expect_none(NULL, "orker");
	expect_none(NULL, "orker/x");
	expect_none(NULL, "eb/worker/x");
	expect_none(NULL, "web/work");
	expect_none(NULL, "web/x");
	expect_none(NULL, "web/");
	expect_none(NULL, "worker/x/");
	expect_none(NULL, "a/web/worker/x");
	expect_none(NULL, "");
}

Test(node_select, with_a_leading_slash_a_path_is_from_the_top_only)
{
	struct unit *web = a_service("web"), *db = a_service("db"), *inner = spawn(web, "db");

	cr_expect_eq(find(NULL, "/db"), db);
	cr_expect_eq(find(web, "/db"), db);
	cr_expect_eq(find(NULL, "/web/db"), inner);
	expect_none(NULL, "/x");
	expect_none(NULL, "/");
	expect_none(NULL, "//db");
	spawn(inner, "deep");
	expect_none(NULL, "/db/deep");
}

Test(node_select, the_caller_s_own_descendants_come_first)
{
	struct unit *web = a_service("web"), *api = a_service("api");
	struct unit *mine = spawn(web, "worker"), *theirs = spawn(api, "worker");

	cr_expect_eq(find(web, "worker"), mine);
	cr_expect_eq(find(api, "worker"), theirs);
	cr_expect_eq(find(mine, "api/worker"), theirs);
	expect_ambiguous(NULL, "worker");
	cr_expect_not_null(strstr(err.msg, "web/worker"), "%s", err.msg);
	cr_expect_not_null(strstr(err.msg, "api/worker"), "%s", err.msg);
}

Test(node_select, the_caller_itself_is_not_one_of_its_descendants)
{
	struct unit *web = a_service("web"), *x = spawn(web, "x"), *inner = spawn(x, "x");

	cr_expect_eq(find(x, "x"), inner);
	expect_ambiguous(inner, "x");
	expect_ambiguous(web, "x");
	cr_expect_eq(find(web, "x/x"), inner);
}

Test(node_select, an_ambiguity_among_one_s_own_is_not_solved_elsewhere_and_lists_only_one_s_own)
{
	struct unit *web = a_service("web"), *a = spawn(web, "a"), *b = spawn(web, "b"),
		    *other = a_service("other");

	spawn(a, "x");
	spawn(b, "x");
	spawn(other, "x");
	expect_ambiguous(web, "x");
	cr_expect_not_null(strstr(err.msg, "web/a/x, web/b/x"), "%s", err.msg);
	cr_expect_null(strstr(err.msg, "other"), "%s", err.msg);
}

Test(node_select, an_ambiguity_of_living_ones_lists_no_dead)
{
	struct unit *web = a_service("web"), *a = spawn(web, "a"), *b = spawn(web, "b"),
		    *c = spawn(web, "c");

	end_of(spawn(c, "x"), 1);
	spawn(a, "x");
	spawn(b, "x");
	expect_ambiguous(NULL, "x");
	cr_expect_null(strstr(err.msg, "web/c/x"), "%s", err.msg);
}

Test(node_select, a_long_list_of_matches_is_cut_with_dots)
{
	struct unit *web = a_service("web");

	for (int i = 0; i < 100; i++) {
		char name[64];
		snprintf(name, sizeof name, "a-rather-long-name-of-a-parent-%d", i);
		spawn(spawn(web, name), "x");
	}
	expect_ambiguous(NULL, "x");
	cr_expect_str_eq(err.msg + strlen(err.msg) - 5, ", ...");
}

Test(node_select, a_selector_of_any_length_gets_an_answer)
{
	static char sel[70000];

	a_service("web");
	memset(sel, 'w', sizeof sel - 1);
	expect_none(NULL, sel);
	memset(sel, '/', sizeof sel - 1);
	expect_none(NULL, sel);
	memset(sel, '9', sizeof sel - 1);
	expect_none(NULL, sel);
}

Test(node_select, one_that_ended_resolves_and_a_living_one_goes_before_it)
{
	struct unit *web = a_service("web"), *a = spawn(web, "a");

	end_of(a, 1);
	cr_expect_eq(find(NULL, "a"), a);
	cr_expect_eq(find(NULL, "web/a"), a);
	cr_expect_eq(find(NULL, "/web/a"), a);
	struct unit *again = spawn(web, "a");
	cr_expect_eq(find(NULL, "a"), again);
	cr_expect_eq(find(NULL, "/web/a"), again);
}

Test(node_select, of_several_ended_ones_of_one_path_the_newest_is_meant)
{
	struct unit *web = a_service("web"), *last = NULL;

	for (int i = 0; i < 5; i++) {
		last = spawn(web, "a");
		end_of(last, i);
	}
	cr_expect_eq(find(NULL, "a"), last);
	cr_expect_eq(find(web, "a"), last);
	cr_expect_eq(find(NULL, "/web/a"), last);
}

Test(node_select, ended_ones_of_several_paths_are_ambiguous_and_listed_once_each)
{
	struct unit *web = a_service("web"), *api = a_service("api");

	for (int i = 0; i < 3; i++) {
		end_of(spawn(web, "a"), i);
		end_of(spawn(api, "a"), i);
	}
	expect_ambiguous(NULL, "a");
	cr_expect_not_null(strstr(err.msg, ": web/a, api/a"), "%s", err.msg);
	char *first = strstr(err.msg, "web/a");
	cr_expect_null(strstr(first + 1, "web/a"), "%s", err.msg);
	cr_expect_not_null(find(NULL, "api/a"));
}

Test(node_select, paths_too_long_to_be_printed_are_still_told_apart)
{
	struct unit *web = a_service("web"), *at = web;
	char name[CAP_NAME + 1];

	memset(name, 'x', CAP_NAME);
	name[CAP_NAME] = '\0';
	for (int i = 0; i < CAP_PATH_DEPTH - 3; i++)
		at = spawn(at, name);
	struct unit *a = spawn(at, "a"), *b = spawn(at, "b");
	cr_expect_eq(find(NULL, "a"), a);
	cr_expect_eq(find(NULL, "b"), b);
	end_of(a, 1);
	end_of(b, 2);
	cr_expect_eq(find(NULL, "a"), a);
	cr_expect_eq(find(NULL, "b"), b);
}

/* Each is one of the results that its parent may keep. */
Test(node_select, an_ambiguity_among_ten_thousands_of_results_is_told_at_once)
{
	struct unit *web = a_service("web"), *of[20];
	char name[16];

	for (int i = 0; i < 20; i++) {
		snprintf(name, sizeof name, "parent%d", i);
		of[i] = spawn(web, name);
	}
	for (int i = 0; i < 20; i++)
		for (int k = 0; k < CAP_RESULTS_MIN; k++)
			end_of(spawn(of[i], "w"), 1);
	clock_t began = clock();
	expect_ambiguous(NULL, "w");
	cr_expect_lt(clock() - began, CLOCKS_PER_SEC / 5);
	cr_expect_not_null(strstr(err.msg, "web/parent0/w, web/parent1/w, "));
}

Test(select, for_names_and_paths_no_more_units_are_looked_at_than_there_are_looks)
{
	struct tree some;
	struct err e;

	tree_init(&some);
	struct unit *web = tree_add_service(&some, "web", 0),
		    *db = tree_add_service(&some, "db", 1);
	some.looks = 4;
	cr_expect_eq(tree_select(&some, NULL, "web", &e), web);
	cr_expect_eq(tree_select(&some, NULL, "/db", &e), db);
	cr_expect_null(tree_select(&some, NULL, "web", &e));
	cr_expect_eq(e.code, ERR_TOO_LARGE);
	cr_expect_eq(tree_select(&some, NULL, "@1", &e), web, "an id takes none");
	tree_clear(&some);
}

Test(node_select, a_service_of_a_project_has_its_id_in_front_and_is_found_by_any_suffix)
{
	struct unit *shop = a_service("shop/web"), *blog = a_service("blog/web"),
		    *kid = spawn(shop, "kid");
	char path[UNIT_PATH_MAX];

	cr_expect_str_eq(unit_path(kid, path, sizeof path), "shop/web/kid");
	cr_expect_str_eq(unit_name(blog), "web");
	cr_expect_eq(find(NULL, "shop/web"), shop);
	cr_expect_eq(find(NULL, "/blog/web"), blog);
	cr_expect_eq(find(NULL, "kid"), kid);
	cr_expect_eq(find(NULL, "web/kid"), kid);
	cr_expect_eq(find(NULL, "shop/web/kid"), kid);
	cr_expect_eq(find(NULL, "/shop/web/kid"), kid);
	expect_none(NULL, "/web");
	expect_none(NULL, "hop/web");
	expect_none(NULL, "x/shop/web");
	expect_none(NULL, "/web/kid");
	expect_none(NULL, "blog/web/kid");
	expect_none(NULL, "shop");
	expect_none(NULL, "shop/kid");
	expect_ambiguous(NULL, "web");
	cr_expect(strstr(err.msg, "shop/web, blog/web"), "%s", err.msg);
}

Test(node_select, a_unit_means_its_own_project_first)
{
	struct unit *shop = a_service("shop/web"), *blog = a_service("blog/web"),
		    *asks = a_service("blog/db"), *loose = a_service("web"),
		    *plain = a_service("x");

	cr_expect_eq(find(asks, "web"), blog);
	cr_expect_eq(find(spawn(asks, "kid"), "web"), blog);
	cr_expect_eq(find(plain, "web"), loose);
	cr_expect_eq(find(asks, "shop/web"), shop);
	cr_expect_eq(find(asks, "/web"), loose);
	cr_expect_eq(find(asks, "x"), plain);
	struct unit *kid = spawn(asks, "web");
	cr_expect_eq(find(asks, "web"), kid, "what is below it goes before");
}

/* All that a selector means, by their ids. */
static void expect_all(struct unit *caller, const char *selector, const char *ids)
{
	char got[64] = "";
	struct unit *u = NULL;

	while ((u = tree_select_next(&t, caller, selector, u, &err)))
		snprintf(got + strlen(got), sizeof got - strlen(got), "%d ", (int)u->id);
	cr_expect_str_eq(got, ids, "%s: %s", selector, err.msg);
}

Test(node_select, a_project_s_selector_is_all_of_its_services)
{
	(void)a_service("a/x");
	(void)a_service("a/y");
	(void)a_service("b/x");
	(void)spawn(a_service("z"), "kid");
	expect_all(NULL, "a/", "1 2 ");
	expect_all(NULL, "/b/", "3 ");
	expect_all(NULL, "loose/", "4 ");
	cr_expect_eq(err.code, ERR_OK);
	expect_all(NULL, "c/", "");
	cr_expect_eq(err.code, ERR_PROJECT);
	expect_all(NULL, "z/", "");
	expect_all(NULL, "a/x/", "");
	cr_expect_eq(err.code, ERR_NO_UNIT);
	expect_none(NULL, "a/");
	cr_expect(strstr(err.msg, "all of a project"), "%s", err.msg);
}

static struct unit *a_copy(const char *name, unsigned n)
{
	struct unit *u = a_service(name);

	u->short_len = n;
	return u;
}

Test(node_select, copies_are_meant_together_within_one_project)
{
	(void)a_copy("a/w.1", 1);
	(void)a_copy("a/w.2", 1);
	(void)a_copy("b/w.1", 1);
	(void)a_copy("b/w.2", 1);
	struct unit *of_b = a_service("b/x");
	expect_all(NULL, "a/w", "1 2 ");
	expect_all(NULL, "/b/w", "3 4 ");
	expect_all(NULL, "b/w.2", "4 ");
	expect_all(of_b, "w", "3 4 ");
	static const char *const of_one[] = { "b/w.1", "/b/w.1", "@3" };
	for (size_t i = 0; i < sizeof of_one / sizeof *of_one; i++)
		expect_all(NULL, of_one[i], "3 ");
	expect_all(of_b, "w.1", "3 ");
	expect_all(a_copy("b/w.3", 1), "self", "6 ");
	expect_all(NULL, "w", "");
	cr_expect_eq(err.code, ERR_AMBIGUOUS);
	expect_all(NULL, "/w", "");
	cr_expect_eq(err.code, ERR_NO_UNIT);
}

Test(node_select, a_copy_and_a_service_of_its_name_elsewhere_are_several)
{
	(void)a_copy("a/w.1", 1);
	(void)a_copy("a/w.2", 1);
	(void)a_service("b/w");
	expect_all(NULL, "w", "");
	cr_expect_eq(err.code, ERR_AMBIGUOUS);
	expect_all(NULL, "a/w", "1 2 ");
	expect_all(NULL, "b/w", "3 ");
}

/* Which is what a request may take, beside some for each unit. */
Test(select, all_services_that_there_can_be_are_named_once_and_not_time_and_again)
{
	struct tree some;
	struct unit *u = NULL;
	struct err e;
	char name[16];
	int n = 0, names = 0;

	tree_init(&some);
	for (int i = 0; i < CAP_SERVICES; i++) {
		snprintf(name, sizeof name, "web.%d", i + 1);
		tree_add_service(&some, name, i)->short_len = 3;
	}
	some.looks = CAP_LOOKS + 2 * some.units;
	clock_t began = clock();
	while ((u = tree_select_next(&some, NULL, "web", u, &e)))
		cr_assert_eq(u->service, n++);
	cr_expect_eq(e.code, ERR_OK);
	cr_expect_eq(n, CAP_SERVICES);
	for (e.code = ERR_OK; e.code == ERR_OK && names < 1000; names++)
		while ((u = tree_select_next(&some, NULL, "web", u, &e)))
			n++;
	cr_expect_eq(e.code, ERR_TOO_LARGE);
	cr_expect_leq(n, 5100);
	cr_expect_lt(clock() - began, CLOCKS_PER_SEC / 5);
	tree_clear(&some);
}
