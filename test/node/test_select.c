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
	char sel[80];

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
