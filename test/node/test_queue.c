#include "node/queue.h"

#include <stdlib.h>

#include "base/clock.h"
#include "trees.h"

static struct queue q;

static struct queued *wait_for(struct unit *parent)
{
	struct queued *r = calloc(1, sizeof *r);

	if (!q.waiting.next)
		queue_init(&q);
	cr_assert_not_null(r);
	r->parent = parent;
	cr_assert_eq(queue_add(&q, r, &err), 0);
	return r;
}

static struct queued *next(int64_t now_ns)
{
	int64_t at_ns;

	return queue_next(&q, now_ns, &at_ns);
}

static struct unit *bounded(enum limit_key key, int64_t v)
{
	struct unit *web = a_service("web");

	web->limits.v[key] = v;
	return web;
}

Test(node_queue, the_oldest_is_next_once_there_is_room)
{
	struct unit *web = bounded(LIMIT_CHILDREN, 1), *a = spawn(web, "a");
	struct queued *first = wait_for(web), *second = wait_for(web);

	cr_expect_null(next(0));
	end_of(a, 1);
	cr_expect_eq(next(0), first);
	queue_del(&q, first);
	cr_expect_eq(next(0), second);
	cr_expect_eq(web->queued, 1);
}

Test(node_queue, one_that_has_room_goes_before_an_older_one_that_has_none)
{
	struct unit *web = bounded(LIMIT_CHILDREN, 2), *a = spawn(web, "a"), *b = spawn(web, "b");

	spawn(a, NULL);
	struct unit *a2 = spawn(a, NULL);
	(void)wait_for(web);
	struct queued *of_a = wait_for(a);
	cr_expect_null(next(0));
	end_of(a2, 1);
	cr_expect_eq(next(0), of_a);
	queue_del(&q, of_a);
	cr_expect_eq(next(0), NULL);
	end_of(b, 2);
	cr_expect_eq(next(0)->parent, web);
}

Test(node_queue, the_places_of_the_whole_tree_are_asked_at_every_level)
{
	struct unit *web = bounded(LIMIT_DESCENDANTS, 2), *a = spawn(web, "a"),
		    *b = spawn(web, "b");

	struct queued *r = wait_for(a);
	cr_expect_null(next(0));
	end_of(b, 1);
	cr_expect_eq(next(0), r);
}

Test(node_queue, a_rate_tells_when_it_has_room)
{
	struct unit *web = bounded(LIMIT_RATE, 4);
	int64_t at_ns;

	for (int i = 0; i < 4; i++)
		spawn(web, NULL);
	struct queued *r = wait_for(web);
	cr_expect_null(queue_next(&q, 0, &at_ns));
	cr_expect_eq(at_ns, NS_PER_SEC / 4);
	cr_expect_null(next(at_ns - 1));
	cr_expect_eq(next(at_ns), r);
}

Test(node_queue, no_time_tells_when_a_unit_ends)
{
	struct unit *web = bounded(LIMIT_CHILDREN, 1);
	int64_t at_ns = 0;

	spawn(web, NULL);
	(void)wait_for(web);
	cr_expect_null(queue_next(&q, 0, &at_ns));
	cr_expect_eq(at_ns, INT64_MAX);
}

Test(node_queue, one_whose_parent_is_ending_is_next_to_be_answered)
{
	struct unit *web = bounded(LIMIT_CHILDREN, 1), *a = spawn(web, "a"), *b = spawn(a, "b");

	spawn(b, NULL);
	(void)wait_for(web);
	struct queued *r = wait_for(b);
	cr_expect_null(next(0));
	a->closed = true;
	cr_expect_eq(next(0), r);
}

Test(node_queue, a_thousand_wait_and_one_more_is_refused)
{
	struct unit *web = bounded(LIMIT_CHILDREN, 0);
	struct queued r = { .parent = web };

	for (int i = 0; i < CAP_QUEUED; i++)
		(void)wait_for(web);
	cr_expect_lt(queue_add(&q, &r, &err), 0);
	cr_expect_eq(err.code, ERR_QUEUE);
	cr_expect_eq(web->queued, CAP_QUEUED);
}

/* --- deadlocks --- */

static int asks(struct unit *parent, struct unit *asker)
{
	queue_look(&q);
	list_each(it, &q.waiting) queue_stuck(&q, list_entry(it, struct queued, link)->parent);
	if (asker)
		queue_stuck(&q, asker);
	return queue_deadlock(&q, parent, &err);
}

Test(node_queue, places_held_by_units_that_wait_themselves_are_a_deadlock)
{
	struct unit *web = bounded(LIMIT_DESCENDANTS, 2), *a = spawn(web, "a"),
		    *b = spawn(web, "b");

	queue_init(&q);
	cr_expect_eq(asks(a, a), 0);
	(void)wait_for(a);
	cr_expect_lt(asks(b, b), 0);
	cr_expect_eq(err.code, ERR_DEADLOCK);
}

Test(node_queue, one_place_of_a_unit_that_does_not_wait_is_enough)
{
	struct unit *web = bounded(LIMIT_DESCENDANTS, 3), *a = spawn(web, "a"),
		    *b = spawn(web, "b");

	spawn(web, "c");
	(void)wait_for(a);
	cr_expect_eq(asks(b, b), 0);
}

Test(node_queue, children_are_held_by_children_alone)
{
	struct unit *web = bounded(LIMIT_CHILDREN, 1), *a = spawn(web, "a"), *b = spawn(a, "b");

	(void)b;
	(void)wait_for(a);
	cr_expect_lt(asks(web, web), 0, "its one child waits");
}

Test(node_queue, who_waits_for_a_unit_that_is_stuck_is_stuck)
{
	struct unit *web = bounded(LIMIT_DESCENDANTS, 3), *a = spawn(web, "a"), *b = spawn(a, "b");
	struct unit *c = spawn(b, "c");

	queue_init(&q);
	queue_look(&q);
	queue_stuck(&q, c);
	cr_expect_not(queue_waits_for(&q, a, b), "b is not stuck yet");
	cr_expect(queue_waits_for(&q, b, c));
	cr_expect_not(queue_waits_for(&q, b, c), "it is already");
	cr_expect_eq(queue_deadlock(&q, c, &err), 0);
	cr_expect(queue_waits_for(&q, a, b));
	cr_expect_lt(queue_deadlock(&q, c, &err), 0);
}

Test(node_queue, what_was_stuck_at_an_earlier_look_is_not_now)
{
	struct unit *web = bounded(LIMIT_DESCENDANTS, 1), *a = spawn(web, "a");

	queue_init(&q);
	cr_expect_lt(asks(a, a), 0);
	cr_expect_eq(asks(web, web), 0);
}

Test(node_queue, an_operator_who_waits_holds_no_place)
{
	struct unit *web = bounded(LIMIT_CHILDREN, 1);

	queue_init(&q);
	spawn(web, NULL);
	cr_expect_eq(asks(web, NULL), 0);
}

Test(node_queue, an_orphan_that_holds_a_place_of_the_tree_will_end)
{
	struct unit *web = bounded(LIMIT_DESCENDANTS, 2), *a = spawn(web, "a"),
		    *left = spawn(web, "left");

	queue_init(&q);
	tree_adopt(left, NULL);
	cr_expect_eq(asks(a, a), 0);
	end_of(left, 1);
	struct unit *b = spawn(web, "b");
	(void)wait_for(a);
	cr_expect_lt(asks(b, b), 0);
}
