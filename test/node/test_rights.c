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

static void add(struct unit *to, enum right_verb verb, uint64_t target, bool manifest)
{
	struct right r = { .target = target, .verb = verb, .manifest = manifest };

	cr_expect_eq(rights_add(&t, to, &r, &err), 0, "%s", err.msg);
}

static void refused(int rc, enum err_code code)
{
	cr_expect_eq(rc, -1);
	cr_expect_eq(err.code, code, "SG%04d: %s", err.code, err.msg);
}

Test(node_rights, a_stored_right_is_over_that_unit_and_by_that_verb_alone)
{
	struct unit *web = a_service("web"), *db = a_service("db"), *below = spawn(db, "below");

	add(web, VERB_STOP, db->id, false);
	for (int v = 0; v < VERB_COUNT; v++) {
		expect(web, v, db, v == VERB_STOP);
		expect(web, v, below, false);
	}
}

Test(node_rights, a_right_over_one_that_ended_is_none)
{
	struct unit *web = a_service("web"), *db = a_service("db"), *kid = spawn(db, "kid");

	add(web, VERB_STOP, kid->id, false);
	expect(web, VERB_STOP, kid, true);
	end_of(kid, 1);
	expect(web, VERB_STOP, kid, false);
	expect(web, VERB_STOP, spawn(db, "kid"), false);
}

Test(node_rights, rights_end_with_their_holder)
{
	struct unit *web = a_service("web"), *db = a_service("db"), *kid = spawn(web, "kid");

	add(kid, VERB_STOP, db->id, false);
	end_of(kid, 1);
	cr_expect(kid->nrights == 0 && !kid->rights, "its result holds none");
	expect(kid, VERB_STOP, db, false);
}

Test(node_rights, one_over_all_is_over_each)
{
	struct unit *web = a_service("web"), *db = a_service("db"), *below = spawn(db, "below");

	add(web, VERB_STOP, RIGHT_ALL, true);
	expect(web, VERB_STOP, below, true);
	expect(web, VERB_LOGS, below, false);
	cr_expect(rights_stored(web, VERB_STOP, RIGHT_ALL));
	cr_expect_not(rights_stored(web, VERB_LOGS, RIGHT_ALL));
}

Test(node_rights, thirty_two_are_held_and_not_one_more_and_none_twice)
{
	struct unit *web = a_service("web"), *db = a_service("db"), *last = NULL;
	struct right r = { .verb = VERB_STOP };

	for (int i = 0; i < CAP_RIGHTS; i++) {
		last = spawn(db, NULL);
		add(web, VERB_STOP, last->id, false);
		add(web, VERB_STOP, last->id, false);
	}
	cr_expect_eq(web->nrights, CAP_RIGHTS);
	r.target = db->id;
	refused(rights_add(&t, web, &r, &err), ERR_TOO_LARGE);
	end_of(last, 1); /* what is over an ended unit makes place */
	cr_expect_eq(rights_add(&t, web, &r, &err), 0);
	refused(rights_add(&t, web, &(struct right){ .verb = VERB_LOGS, .target = db->id }, &err),
		ERR_TOO_LARGE);
	add(web, VERB_LOGS, db->id, true); /* the manifest's takes the place of a given one */
	cr_expect_eq(web->nrights, CAP_RIGHTS);
}

Test(node_rights, the_right_to_spawn_goes_as_far_as_the_depth)
{
	struct unit *web = a_service("web"), *kid;

	web->limits.v[LIMIT_DEPTH] = 2;
	kid = chain(web, 1);
	cr_expect(rights_spawn(web) && rights_spawn(kid));
	cr_expect_not(rights_spawn(chain(kid, 1)));
	kid->no_spawn = true;
	cr_expect_not(rights_spawn(kid));
	web->dynamic = false;
	cr_expect_not(rights_spawn(web));
}

Test(node_rights, who_loses_one_over_all_takes_from_below_what_it_may_no_longer_do)
{
	struct unit *web = a_service("web"), *db = a_service("db"), *kid = spawn(web, "kid");
	struct unit *other = a_service("other");

	add(web, VERB_STOP, RIGHT_ALL, true);
	add(web, VERB_STOP, other->id, false);
	add(kid, VERB_STOP, db->id, false);
	add(kid, VERB_STOP, other->id, false);
	add(kid, VERB_LOGS, db->id, false);
	cr_expect_eq(rights_revoke(&t, web, web, VERB_STOP, NULL, &err), 0);
	expect(kid, VERB_STOP, db, false);
	expect(kid, VERB_STOP, other, true);
	expect(kid, VERB_LOGS, db, true);
}

/* --- thousands of operations against an oracle that knows the page's rules and nothing of ours --- */

enum { UNITS = 20, SERVICES = 3, VERBS = VERB_SPAWN, ROUNDS = 24, STEPS = 500 };

struct known {
	bool live, public;
	int parent, root; /* -1: a service, or an orphan */
	uint64_t id;
	bool holds[VERBS][UNITS], all[VERBS]; /* stored */
};

static struct known k[UNITS];
static uint64_t seed;

static unsigned dice(unsigned sides)
{
	seed = seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
	return (unsigned)(seed >> 33) % sides;
}

static bool below(int u, int from) /* or the same */
{
	while (u >= 0 && u != from)
		u = k[u].parent;
	return u >= 0;
}

static bool may(int holder, int verb, int over)
{
	return below(over, holder) || k[holder].holds[verb][over] || k[holder].all[verb] ||
	       (verb == VERB_MESSAGE && (k[over].public || k[holder].parent == over));
}

static bool orphaned(int u) /* or below one */
{
	while (k[u].parent >= 0)
		u = k[u].parent;
	return u >= SERVICES;
}

static int held(int u)
{
	int n = 0;

	for (int v = 0; v < VERBS; v++) {
		n += k[u].all[v];
		for (int o = 0; o < UNITS; o++)
			n += k[u].holds[v][o];
	}
	return n;
}

static struct unit *of(int u)
{
	return tree_by_id(&t, k[u].id);
}

static int some(void) /* a live one */
{
	int u;

	do
		u = (int)dice(UNITS);
	while (!k[u].live);
	return u;
}

/* A child with one request and one grant: all of it or nothing. */
static void do_spawn(void)
{
	int parent = some(), over = some(), to = some(), verb = (int)dice(VERBS), u = 0;

	while (u < UNITS && k[u].live)
		u++;
	if (u == UNITS || orphaned(parent))
		return;
	bool ok = may(parent, verb, over);
	cr_expect_eq(rights_request(of(parent), (enum right_verb)verb, of(over), &err) == 0, ok);
	if (!ok || (held(to) == CAP_RIGHTS))
		return;
	struct unit *child = spawn(of(parent), NULL);
	child->public = dice(8) == 0;
	add(child, (enum right_verb)verb, k[over].id, false);
	add(of(to), VERB_STOP, child->id, false);
	k[u] = (struct known){ .live = true,
		.public = child->public,
		.parent = parent,
		.root = k[parent].root,
		.id = child->id };
	k[u].holds[verb][over] = true;
	k[to].holds[VERB_STOP][u] = true;
	for (int v = 0; v < VERBS; v++) /* R3 */
		for (int o = 0; o < UNITS; o++)
			cr_expect(!k[u].holds[v][o] || may(parent, v, o));
}

static void do_grant(void)
{
	int by = some(), to = some(), over = some(), verb = (int)dice(VERBS);
	bool ok = below(over, by) || (below(to, by) && may(by, verb, over));
	bool room = k[to].holds[verb][over] || held(to) < CAP_RIGHTS;
	int rc = rights_grant(&t, of(by), of(to), (enum right_verb)verb, of(over), &err);

	cr_expect_eq(rc == 0, ok && room, "%d grants %d %s over %d: %s", by, to,
		right_word((enum right_verb)verb), over, rc ? err.msg : "done");
	if (ok && room)
		k[to].holds[verb][over] = true;
	else
		cr_expect_eq(err.code, ok ? ERR_TOO_LARGE : ERR_DENIED);
}

static void do_revoke(void)
{
	int by = some(), from = some(), over = some(), verb = (int)dice(VERBS);
	bool ok = below(from, by);
	int rc = rights_revoke(&t, of(by), of(from), (enum right_verb)verb, of(over), &err);

	for (int u = 0; ok && u < UNITS; u++)
		if (k[u].live && (below(u, from) || k[u].root == from))
			k[u].holds[verb][over] = false;
	cr_expect_eq(rc == 0, ok && !may(from, verb, over));
}

/* The child of `of` that u is or is below of; -1: none. */
static int branch(int u, int of)
{
	while (u >= 0 && k[u].parent != of)
		u = k[u].parent;
	return u;
}

/* The place of `over`, or that it was public, is no reason any more for what others hold over it. */
static void lose_messages(int over)
{
	const bool *held;

	for (bool any = true; any;) {
		any = false;
		for (int h = SERVICES; h < UNITS; h++) {
			int parent = k[h].parent < 0 ? k[h].root : k[h].parent;
			held = k[h].holds[VERB_MESSAGE];
			if (!k[h].live || !held[over] || k[parent].holds[VERB_MESSAGE][over] ||
				k[parent].all[VERB_MESSAGE])
				continue;
			k[h].holds[VERB_MESSAGE][over] = false;
			any = true;
		}
	}
}

static void do_orphan(int u)
{
	rights_part(&t, of(u), true);
	for (int h = 0; h < UNITS; h++)
		for (int o = 0; o < UNITS; o++)
			for (int v = 0; v < VERBS; v++)
				if (branch(o, u) >= 0 && branch(o, u) != branch(h, u))
					k[h].holds[v][o] = false;
	lose_messages(u);
	for (int d = 0; d < UNITS; d++)
		if (k[d].live && k[d].parent == u) {
			tree_adopt(of(d), NULL);
			k[d].parent = -1;
		}
}

static void do_private(int u)
{
	if (!k[u].public)
		return;
	k[u].public = of(u)->public = false;
	rights_part(&t, of(u), false);
	lose_messages(u);
}

/* What is below it goes first, or to that parent; -1: it is orphaned. */
static void do_end(int u, bool hand_over, int to)
{
	if (hand_over && to < 0)
		do_orphan(u);
	for (int d = 0; d < UNITS; d++) {
		if (!k[d].live || k[d].parent != u)
			continue;
		if (!hand_over) {
			do_end(d, false, -1);
			continue;
		}
		tree_adopt(of(d), of(to));
		k[d].parent = to;
	}
	end_of(of(u), 1);
	k[u].live = false;
	for (int h = 0; h < UNITS; h++)
		for (int v = 0; v < VERBS; v++)
			k[h].holds[v][u] = false;
}

static void compare(int round, int step)
{
	for (int h = 0; h < UNITS; h++)
		for (int o = 0; k[h].live && o < UNITS; o++)
			for (int v = 0; k[o].live && v < VERBS; v++)
				cr_assert_eq(rights_may(of(h), (enum right_verb)v, of(o)),
					may(h, v, o), "round %d, step %d: %s of %d over %d", round,
					step, right_word((enum right_verb)v), h, o);
}

static void one_step(void)
{
	int u;

	switch (dice(9)) {
	case 0:
		if ((u = some()) >= SERVICES)
			do_end(u, dice(2), dice(4) ? k[u].parent : -1);
		else if (!dice(8))
			do_orphan(u); /* it failed for good, and is there still */
		return;
	case 8:
		do_private(some());
		return;
	case 1:
	case 2:
		do_revoke();
		return;
	case 3:
	case 4:
		do_spawn();
		return;
	default:
		do_grant();
	}
}

Test(node_rights, after_each_of_thousands_of_random_operations_they_are_what_the_rules_say,
	.timeout = 120)
{
	for (int round = 0; round < ROUNDS; round++) {
		seed = (uint64_t)round;
		memset(k, 0, sizeof k);
		for (int i = 0; i < SERVICES; i++) {
			struct unit *u = a_service("s");
			k[i] = (struct known){
				.live = true, .public = true, .parent = -1, .root = i, .id = u->id
			};
			u->public = true;
			int verb = (int)dice(VERBS);
			add(u, (enum right_verb)verb, RIGHT_ALL, true);
			k[i].all[verb] = true;
		}
		for (int step = 0; step < STEPS; step++) {
			one_step();
			compare(round, step);
		}
		tree_clear(&t);
		tree_init(&t);
	}
}
