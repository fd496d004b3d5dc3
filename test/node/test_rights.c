#include "node/rights.h"
#include "trees.h"

static void expect(
	const struct unit *holder, enum right_verb verb, const struct unit *target, bool may)
{
	cr_expect_eq(rights_may(holder, verb, target), may, "%s of %s over %s", right_word(verb),
		holder ? holder->name : "(nobody)", target->name);
}

Test(node_rights, all_verbs_over_oneself_and_what_is_below)
{
	struct unit *web = a_service("web"), *a = spawn(web, "a"), *b = spawn(a, "b");

	for (int v = 0; v < VERB_COUNT; v++) {
		expect(web, v, web, true);
		expect(web, v, a, true);
		expect(web, v, b, true);
		expect(a, v, a, true);
	}
}

Test(node_rights, messages_alone_to_ones_parent)
{
	struct unit *web = a_service("web"), *a = spawn(web, "a"), *b = spawn(a, "b");

	for (int v = 0; v < VERB_COUNT; v++) {
		expect(a, v, web, v == VERB_MESSAGE);
		expect(b, v, web, false);
	}
}

Test(node_rights, nothing_over_a_sibling_or_another_service)
{
	struct unit *web = a_service("web"), *db = a_service("db");
	struct unit *a = spawn(web, "a"), *b = spawn(web, "b");

	for (int v = 0; v < VERB_COUNT; v++) {
		expect(a, v, b, false);
		expect(web, v, db, false);
		expect(db, v, a, false);
	}
}

Test(node_rights, messages_alone_to_a_public_unit_by_any_unit_and_not_by_nobody)
{
	struct unit *web = a_service("web"), *a = spawn(web, "a"), *db = a_service("db");

	a->public = true;
	for (int v = 0; v < VERB_COUNT; v++) {
		expect(db, v, a, v == VERB_MESSAGE);
		expect(db, v, web, false);
		expect(NULL, v, a, false);
	}
}
