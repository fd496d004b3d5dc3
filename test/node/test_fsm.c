#include <criterion/criterion.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "node/fsm.h"

#define EACH_CELL(s, e)                                                                            \
	for (int s = 1; s < NODE_STATE_COUNT; s++)                                                 \
		for (int e = 0; e < EV_COUNT; e++)

enum { ARMS = FX_ARM_START | FX_ARM_STOP | FX_ARM_KILL | FX_ARM_BACKOFF };

Test(node_fsm, every_state_is_reachable_from_idle)
{
	bool seen[NODE_STATE_COUNT] = { [NODE_IDLE] = true };

	for (bool grew = true; grew;) {
		grew = false;
		EACH_CELL(s, e)
		{
			enum node_state n = node_next(s, e).next;
			if (seen[s] && n != NODE_ILLEGAL && !seen[n])
				grew = seen[n] = true;
		}
	}
	for (int s = 1; s < NODE_STATE_COUNT; s++)
		cr_expect(seen[s], "%s is unreachable", node_state_name(s));
}

Test(node_fsm, every_state_accepts_start_stop_and_restart)
{
	for (int s = 1; s < NODE_STATE_COUNT; s++) {
		cr_expect_neq(node_next(s, EV_START).next, NODE_ILLEGAL, "%s", node_state_name(s));
		cr_expect_neq(node_next(s, EV_STOP).next, NODE_ILLEGAL, "%s", node_state_name(s));
		cr_expect_neq(
			node_next(s, EV_RESTART).next, NODE_ILLEGAL, "%s", node_state_name(s));
	}
}

Test(node_fsm, stop_then_timeout_then_gone_always_ends_at_idle)
{
	for (int s = 1; s < NODE_STATE_COUNT; s++) {
		enum node_state n = node_next(s, EV_STOP).next;
		if (!node_state_at_rest(n)) {
			n = node_next(n, EV_TIMEOUT).next;
			cr_assert_neq(n, NODE_ILLEGAL, "%s", node_state_name(s));
			n = node_next(n, EV_GONE_DOWN).next;
		}
		cr_expect_eq(
			n, NODE_IDLE, "from %s got %s", node_state_name(s), node_state_name(n));
	}
}

Test(node_fsm, a_main_exit_is_taken_by_every_state_that_may_have_a_main_process)
{
	/* PREPARING has none yet; ENDING, DRAINING and CLOSING have lost theirs */
	for (int s = 1; s < NODE_STATE_COUNT; s++) {
		bool has = !node_state_at_rest(s) && s != NODE_PREPARING && s != NODE_ENDING &&
			   s != NODE_DRAINING && s != NODE_CLOSING;
		cr_expect_eq(node_next(s, EV_MAIN_EXIT).next != NODE_ILLEGAL, has, "%s",
			node_state_name(s));
	}
}

static bool may_end(int s)
{
	return s == NODE_STOPPING || s == NODE_KILLING || s == NODE_ENDING || s == NODE_DRAINING;
}

Test(node_fsm, gone_comes_only_where_the_tree_may_end_and_leads_to_rest)
{
	for (int s = 1; s < NODE_STATE_COUNT; s++)
		for (int e = EV_GONE_DOWN; e < EV_COUNT; e++) {
			struct node_cell c = node_next(s, e);
			bool ends = may_end(s) || s == NODE_CLOSING;
			cr_expect_eq(c.next != NODE_ILLEGAL, ends, "%s/%s", node_state_name(s),
				node_event_name(e));
			if (ends)
				cr_expect(node_state_at_rest(c.next) && (c.fx & FX_TELL));
		}
}

Test(node_fsm, only_gone_leaves_the_states_that_own_processes)
{
	EACH_CELL(s, e)
	{
		struct node_cell c = node_next(s, e);
		/* what says that it is skipped was asked before anything of it began */
		if (e < EV_GONE_DOWN && c.next != NODE_ILLEGAL && !node_state_at_rest(s) &&
			!(s == NODE_PREPARING && e == EV_SKIP))
			cr_expect_not(node_state_at_rest(c.next), "%s/%s drops a live process",
				node_state_name(s), node_event_name(e));
	}
}

Test(node_fsm, a_main_process_appears_exactly_when_the_cell_says_spawn)
{
	EACH_CELL(s, e)
	{
		struct node_cell c = node_next(s, e);
		bool born = c.next != NODE_ILLEGAL && e != EV_STOP_KIDS &&
			    c.next != NODE_PREPARING &&
			    (node_state_at_rest(s) || (s == NODE_PREPARING && e == EV_HOOK_OK)) &&
			    !node_state_at_rest(c.next);
		cr_expect_eq(born, (c.fx & FX_SPAWN) != 0, "%s/%s", node_state_name(s),
			node_event_name(e));
	}
}

Test(node_fsm, arming_a_timer_leads_to_a_state_that_handles_timeout)
{
	EACH_CELL(s, e)
	{
		struct node_cell c = node_next(s, e);
		if (c.fx & ARMS)
			cr_expect_neq(node_next(c.next, EV_TIMEOUT).next, NODE_ILLEGAL, "%s/%s",
				node_state_name(s), node_event_name(e));
	}
}

Test(node_fsm, leaving_an_armed_state_disarms_or_arms_again)
{
	bool armed[NODE_STATE_COUNT] = { false };

	EACH_CELL(s, e)
	if (node_next(s, e).fx & ARMS)
		armed[node_next(s, e).next] = true;
	EACH_CELL(s, e)
	{
		struct node_cell c = node_next(s, e);
		if (armed[s] && c.next != NODE_ILLEGAL && (int)c.next != s && e != EV_TIMEOUT)
			cr_expect(c.fx & (FX_DISARM | ARMS), "%s/%s", node_state_name(s),
				node_event_name(e));
	}
}

Test(node_fsm, a_stop_of_what_runs_stops_its_children_first)
{
	/* what is to be left first is left by way of the hook; PREPARING and CLOSING have no child */
	for (int s = 1; s < NODE_STATE_COUNT; s++) {
		struct node_cell c = node_next(s, EV_STOP);
		if (c.next == NODE_LEAVING)
			c = node_next(NODE_LEAVING, EV_HOOK_OK);
		if (!node_state_at_rest(s) && s != NODE_STOPPING && s != NODE_KILLING &&
			s != NODE_PREPARING && s != NODE_CLOSING)
			cr_expect((c.fx & FX_KIDS) && !(c.fx & FX_TERM), "%s", node_state_name(s));
	}
	cr_expect(node_next(NODE_STOPPING, EV_KIDS_GONE).fx & FX_TERM);
}

Test(node_fsm, each_state_for_a_hook_begins_it_exactly_when_it_is_entered)
{
	static const struct {
		enum node_state state;
		unsigned fx;
	} rows[] = { { NODE_PREPARING, FX_PREPARE }, { NODE_LEAVING, FX_PRE_STOP },
		{ NODE_CLOSING, FX_POST_STOP } };

	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
		EACH_CELL(s, e)
		{
			struct node_cell c = node_next(s, e);
			bool enters = c.next == rows[i].state && s != (int)rows[i].state;
			cr_expect_eq(enters, (c.fx & rows[i].fx) != 0, "%s/%s", node_state_name(s),
				node_event_name(e));
		}
}

Test(node_fsm, what_waits_for_a_hook_goes_on_however_it_ends)
{
	for (int e = EV_HOOK_OK; e <= EV_HOOK_FAIL; e++) {
		cr_expect_eq(node_next(NODE_PREPARING, e).next,
			e == EV_HOOK_OK ? NODE_STARTING : NODE_ENDING);
		cr_expect_eq(node_next(NODE_LEAVING, e).next, NODE_STOPPING);
		/* one that was in the queue behind an order to go on without it changes nothing */
		cr_expect_eq(node_next(NODE_STOPPING, e).fx, FX_NOTHING);
		cr_expect_eq(node_next(NODE_KILLING, e).fx, FX_NOTHING);
		cr_expect_eq(node_next(NODE_CLOSING, e).fx, FX_NOTHING);
	}
}

Test(node_fsm, a_skip_comes_before_a_start_and_an_order_that_came_first_stands)
{
	cr_expect_eq(node_next(NODE_WAITING, EV_SKIP).next, NODE_SKIPPED);
	cr_expect_eq(node_next(NODE_PREPARING, EV_SKIP).next, NODE_SKIPPED);
	cr_expect_eq(node_next(NODE_STOPPING, EV_SKIP).fx, FX_NOTHING);
	cr_expect_eq(node_next(NODE_KILLING, EV_SKIP).fx, FX_NOTHING);
	cr_expect_eq(node_next(NODE_STARTING, EV_SKIP).next, NODE_ILLEGAL);
}

Test(node_fsm, an_order_that_leaves_a_hook_behind_drops_it)
{
	cr_expect(node_next(NODE_PREPARING, EV_STOP).fx & FX_UNHOOK);
	cr_expect(node_next(NODE_PREPARING, EV_RESTART).fx & FX_UNHOOK);
	cr_expect(node_next(NODE_LEAVING, EV_TIMEOUT).fx & FX_UNHOOK);
}

Test(node_fsm, an_empty_tree_closes_wherever_it_may_end_and_nowhere_else)
{
	for (int s = 1; s < NODE_STATE_COUNT; s++)
		cr_expect_eq(node_next(s, EV_EMPTY).next, may_end(s) ? NODE_CLOSING : NODE_ILLEGAL,
			"%s", node_state_name(s));
}

Test(node_fsm, out_of_range_is_illegal_and_not_a_crash)
{
	cr_expect_eq(node_next((enum node_state)99, EV_START).next, NODE_ILLEGAL);
	cr_expect_eq(node_next(NODE_IDLE, (enum node_event)99).next, NODE_ILLEGAL);
	cr_expect_str_eq(node_state_name((enum node_state)99), "?");
}
