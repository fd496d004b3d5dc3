#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#include "base/caps.h"
#include "node/event.h"

static struct event_ring ring;
static struct event_cursor cursor;
static struct event_row got;
static struct event_text text;
static uint64_t lost;

static void put(uint64_t id, const char *path, const char *detail)
{
	struct event_row row = { .word = EVENT_EXITED,
		.code = ERR_GAVE_UP,
		.id = id,
		.path = path,
		.detail = detail,
		.wall_ns = (int64_t)id * 7 };

	cr_assert_eq(event_put(&ring, &row), 0);
	cr_expect_eq(row.seq, ring.last);
}

static bool next(void)
{
	return event_next(&ring, &cursor, &got, &text, &lost);
}

Test(event, words_are_distinct)
{
	for (int i = 0; i < EVENT_COUNT; i++)
		for (int k = 0; k < i; k++)
			cr_expect_str_neq(event_word(i), event_word(k));
	cr_expect_str_eq(event_word((enum event_word)EVENT_COUNT), "unknown");
}

Test(event, an_empty_ring_has_nothing_and_no_memory)
{
	cr_expect_not(next());
	cr_expect_eq(lost, 0);
	cr_expect_null(ring.bytes);
}

Test(event, a_record_comes_back_as_it_was_put_down)
{
	put(3, "web/worker", "code=1 reason=exited");
	cr_assert(next());
	cr_expect_eq(got.seq, 1);
	cr_expect_eq(got.id, 3);
	cr_expect_eq(got.wall_ns, 21);
	cr_expect_eq(got.word, EVENT_EXITED);
	cr_expect_eq(got.code, ERR_GAVE_UP);
	cr_expect_str_eq(got.path, "web/worker");
	cr_expect_str_eq(got.detail, "code=1 reason=exited");
	cr_expect_not(next());
	put(4, "", "");
	cr_assert(next());
	cr_expect_eq(got.seq, 2);
	cr_expect_str_eq(got.path, "");
	event_ring_done(&ring);
}

Test(event, numbers_have_no_gaps_and_every_record_is_read_once_over_growth_and_wrap)
{
	char detail[300];
	uint64_t want = 0;

	for (unsigned i = 1; i <= 5000; i++) {
		snprintf(detail, sizeof detail, "%u %.*s", i, (int)(i * 13 % 250),
			"abcdefghijklmnopqrstuvwxyzabcdefghijklmnopqrstuvwxyzabcdefghijklmnopqrstuv"
			"w"
			"xyzabcdefghijklmnopqrstuvwxyzabcdefghijklmnopqrstuvwxyzabcdefghijklmnopqrs"
			"t"
			"abcdefghijklmnopqrstuvwxyzabcdefghijklmnopqrstuvwxyzabcdefghijklmnopqrstuv"
			"w"
			"xyzabcdefghijklmnopqrstuvwxyzabcdefghijklmnopqrstuvwxyzabcdefghijklmnopqrs"
			"t");
		put(i, "some/path", detail);
		for (unsigned n = i % 7 ? 0 : 7; n && next(); n--) {
			cr_assert_eq(got.seq, ++want);
			cr_assert_eq(got.id, want);
			cr_assert_eq((unsigned)atoi(got.detail), want);
			cr_assert_eq(lost, 0);
		}
		cr_assert_leq(ring.cap, CAP_EVENTS);
	}
	cr_expect_eq(ring.cap, CAP_EVENTS);
	event_ring_done(&ring);
}

Test(event, a_reader_that_is_too_slow_is_told_how_many_it_missed)
{
	for (unsigned i = 1; i <= 10; i++)
		put(i, "a", "b");
	cr_assert(next());
	while (ring.first < 12)
		put(9, "a", "a detail that takes some room in the ring, so that the oldest go");
	uint64_t first = ring.first;
	cr_assert(next());
	cr_expect_eq(got.seq, first);
	cr_expect_eq(lost, first - 2);
	cr_assert(next());
	cr_expect_eq(lost, 0);
	cr_expect_eq(got.seq, first + 1);
	event_ring_done(&ring);
}

Test(event, a_reader_may_begin_behind_any_number)
{
	for (unsigned i = 1; i <= 100; i++)
		put(i, "a", "b");
	cursor.seen = 98;
	cr_assert(next());
	cr_expect_eq(got.seq, 99);
	cr_expect_eq(got.id, 99);
	cr_assert(next());
	cr_expect_eq(got.id, 100);
	cr_expect_not(next());
	event_ring_done(&ring);
}

Test(event, long_texts_are_cut_at_their_bound_and_not_before)
{
	char path[EVENT_PATH_MAX + 2], detail[EVENT_DETAIL_MAX + 2];

	memset(path, 'p', sizeof path);
	memset(detail, 'd', sizeof detail);
	path[EVENT_PATH_MAX] = detail[EVENT_DETAIL_MAX] = '\0';
	put(1, path, detail);
	cr_assert(next());
	cr_expect_str_eq(got.path, path);
	cr_expect_str_eq(got.detail, detail);
	path[EVENT_PATH_MAX] = 'p';
	detail[EVENT_DETAIL_MAX] = 'd';
	path[EVENT_PATH_MAX + 1] = detail[EVENT_DETAIL_MAX + 1] = '\0';
	put(1, path, detail);
	cr_assert(next());
	cr_expect_eq(strlen(got.path), EVENT_PATH_MAX);
	cr_expect_eq(strlen(got.detail), EVENT_DETAIL_MAX);
	event_ring_done(&ring);
}

Test(event, a_record_is_below_its_own_unit_and_those_above_it)
{
	struct event_row row = { .id = 7, .path = "web/worker" };

	cr_expect(event_below(&row, 7, "web/worker"));
	cr_expect(event_below(&row, 2, "web"));
	cr_expect_not(event_below(&row, 2, "we"));
	cr_expect_not(event_below(&row, 2, "web/work"));
	cr_expect_not(event_below(&row, 2, "web/worker/x"));
	cr_expect_not(event_below(&row, 8, "web/worker")); /* of an earlier one of that name */
	row.path = "";
	row.id = 0;
	cr_expect_not(event_below(&row, 1, "web"));
}
