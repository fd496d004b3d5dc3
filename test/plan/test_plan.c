#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "plan/plan.h"

static struct service services[8];
static struct dep deps[8][4];
static struct manifest m = { .services = services };
static struct err err;

/* "a: b c": the next service and what it depends on. */
static void add(const char *line)
{
	size_t i = m.nservices++;
	struct service *s = &services[i];
	char *text = strdup(line), *save = NULL;

	s->name = strdup(strtok_r(text, ": ", &save));
	s->deps = deps[i];
	s->stop_timeout_ns = 5 * NS_PER_SEC;
	for (char *w; (w = strtok_r(NULL, ": ", &save)); s->ndeps++)
		deps[i][s->ndeps] = (struct dep){
			.name = strdup(w), .index = 99, .line = (int)i + 1, .col = (int)s->ndeps + 1
		};
	free(text);
}

static void forget(void)
{
	for (size_t i = 0; i < m.nservices; i++) {
		for (size_t d = 0; d < services[i].ndeps; d++)
			free(deps[i][d].name);
		free(services[i].name);
	}
	memset(services, 0, sizeof services);
	m.nservices = 0;
}

static const char *order(void)
{
	static char out[200];
	struct plan *p = plan_new(&m, &err);

	out[0] = '\0';
	if (!p)
		return "(refused)";
	for (size_t i = 0; i < p->n; i++)
		snprintf(out + strlen(out), sizeof out - strlen(out), "%s%u ",
			services[p->order[i]].name, p->level[p->order[i]]);
	plan_free(p);
	return out;
}

TestSuite(plan, .fini = forget);

Test(plan, a_file_that_is_in_order_keeps_its_order)
{
	add("a");
	add("b: a");
	add("c");
	add("d: b c");
	cr_expect_str_eq(order(), "a0 b1 c0 d2 ");
}

Test(plan, dependencies_come_first_and_else_the_order_of_the_file)
{
	add("z: y");
	add("x");
	add("y: w");
	add("w");
	add("v");
	cr_expect_str_eq(order(), "x0 w0 y1 z2 v0 ");
}

Test(plan, the_level_is_the_longest_way_down)
{
	add("a: b c d");
	add("b: c");
	add("c: d");
	add("d");
	struct plan *p = plan_new(&m, &err);
	cr_assert_not_null(p);
	cr_expect(p->level[0] == 3 && p->level[1] == 2 && p->level[2] == 1 && p->level[3] == 0);
	cr_expect_eq(p->levels, 4);
	plan_free(p);
}

Test(plan, nothing_and_one_are_plans_too)
{
	struct plan *p = plan_new(&m, &err);
	cr_expect(p && p->n == 0 && p->levels == 0);
	cr_expect_eq(plan_stop_budget(&m, p), 0);
	plan_free(p);
	add("a");
	cr_expect_str_eq(order(), "a0 ");
	cr_expect_null(plan_free(NULL));
}

static void refused(const char *words, int line, int col)
{
	cr_expect_str_eq(order(), "(refused)");
	cr_expect_eq(err.code, ERR_BAD_DEPENDENCY);
	cr_expect(strstr(err.msg, words), "%s", err.msg);
	cr_expect(err.line == line && err.col == col, "%d:%d", err.line, err.col);
}

Test(plan, an_unknown_name_is_refused)
{
	add("a");
	add("b: a nope");
	refused("nope", 2, 2);
}

Test(plan, a_self_reference_is_refused)
{
	add("a: a");
	refused("\"a\" depends on itself", 1, 1);
}

Test(plan, a_cycle_is_refused_with_its_path_from_its_first_service_and_without_what_leads_to_it)
{
	add("out: a");
	add("ok");
	add("a: ok b");
	add("b: c");
	add("c: b2 a");
	add("b2");
	refused("cycle: a -> b -> c -> a", 3, 2);
}

Test(plan, the_shortest_cycle_is_told_too)
{
	add("a: b");
	add("b: a");
	refused("a -> b -> a", 1, 1);
}

Test(plan, closing_adds_all_dependencies_and_nothing_else)
{
	unsigned char wanted[6] = { 0, 0, 1 };

	add("d");
	add("a");
	add("b: c");
	add("c: d e");
	add("e");
	add("f: b");
	plan_close(&m, wanted);
	cr_expect_arr_eq(wanted, ((unsigned char[]){ 1, 0, 1, 1, 1, 0 }), 6);
}

Test(plan, the_stop_budget_is_the_longest_chain_and_never_overflows)
{
	add("a");
	add("b: a");
	add("c: b");
	add("d");
	services[1].stop_timeout_ns = 20 * NS_PER_SEC;
	services[3].stop_timeout_ns = 29 * NS_PER_SEC;
	struct plan *p = plan_new(&m, &err);
	cr_expect_eq(plan_stop_budget(&m, p), 30 * NS_PER_SEC);
	services[3].stop_timeout_ns = 31 * NS_PER_SEC;
	cr_expect_eq(plan_stop_budget(&m, p), 31 * NS_PER_SEC);
	services[0].stop_timeout_ns = services[1].stop_timeout_ns = INT64_MAX / 2 + 5;
	cr_expect_eq(plan_stop_budget(&m, p), INT64_MAX);
	plan_free(p);
}
