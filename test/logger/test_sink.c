#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdbool.h>
#include <string.h>
#include <unistd.h>

#include "logger/sink.h"

static char mem[SINK_MEMORY], got[4 * SINK_MEMORY];
static const char text[100] = "0123456789";

static void add(struct sink *o, const char *label, size_t n)
{
	struct line l = { .p = text, .n = n };

	cr_assert(sink_room(o));
	sink_line(o, label, &l);
}

static void pipe_of(int fd[2])
{
	cr_assert_eq(pipe(fd), 0);
	cr_assert_eq(fcntl(fd[0], F_SETFL, O_NONBLOCK), 0);
}

static bool is_nonblocking(int fd)
{
	return fcntl(fd, F_GETFL) & O_NONBLOCK;
}

Test(logger_sink, a_line_has_its_label_and_one_without_goes_as_it_is)
{
	int fd[2];
	struct sink o;

	pipe_of(fd);
	sink_init(&o, fd[1], mem, true);
	add(&o, "web", 2);
	add(&o, NULL, 3);
	sink_flush(&o);
	cr_expect_eq(o.len, 0);
	cr_expect_eq(read(fd[0], got, sizeof got), 13);
	cr_expect_eq(memcmp(got, "web | 01\n012\n", 13), 0);
}

static void fill_until_stuck(struct sink *o)
{
	for (int i = 0; i < 100000 && sink_room(o); i++) {
		add(o, "web", 90);
		if (o->len > 8192)
			sink_flush(o);
	}
	cr_assert_not(sink_room(o), "a pipe that nobody reads is full some time");
}

static void a_stuck_pipe_loses_nothing(bool may_reopen)
{
	int fd[2];
	struct sink o;
	size_t sum = 0;

	pipe_of(fd);
	int shared = dup(fd[1]); /* the same description, as a service has it */
	sink_init(&o, fd[1], mem, may_reopen);
	cr_expect_eq(o.ask, !may_reopen);
	alarm(10);
	fill_until_stuck(&o);
	cr_expect_not(is_nonblocking(shared));
	for (;;) {
		ssize_t n = read(fd[0], got, sizeof got);
		if (n < 0) {
			cr_assert_eq(errno, EAGAIN);
			break;
		}
		cr_expect_eq(n % 97, 0, "a write ends with a line");
		sum += (size_t)n;
		sink_flush(&o);
	}
	cr_expect_eq(o.len, 0);
	cr_expect_eq(sum % 97, 0);
	cr_expect_gt(sum, SINK_HIGH);
}

Test(logger_sink, a_stuck_pipe_holds_nobody_up_and_loses_nothing)
{
	a_stuck_pipe_loses_nothing(true);
}

Test(logger_sink, nor_does_one_that_can_not_be_opened_a_second_time)
{
	a_stuck_pipe_loses_nothing(false);
}

Test(logger_sink, lines_are_dropped_while_no_reader_is_there)
{
	int fd[2];
	struct sink o;

	signal(SIGPIPE, SIG_IGN);
	pipe_of(fd);
	sink_init(&o, fd[1], mem, true);
	close(fd[0]);
	add(&o, "web", 90);
	sink_flush(&o);
	cr_expect_eq(o.len, 0);
	cr_expect(sink_room(&o));
}

Test(logger_sink, a_descriptor_that_is_closed_discards)
{
	struct sink o;

	sink_init(&o, 9999, mem, true);
	add(&o, "web", 90);
	sink_flush(&o);
	cr_expect_eq(o.len, 0);
}

Test(logger_sink, room_ends_at_the_mark_and_a_longest_line_still_fits_behind_it)
{
	static char label[SINK_LABEL + 1], line[CAP_LINE];
	int fd[2];
	struct sink o;
	struct line l = { .p = line, .n = sizeof line, .cut = true };

	memset(label, 'l', SINK_LABEL);
	memset(line, 'x', sizeof line);
	pipe_of(fd);
	sink_init(&o, fd[1], mem, true);
	while (o.len + 101 < SINK_HIGH)
		add(&o, NULL, 99);
	add(&o, NULL, SINK_HIGH - 1 - o.len - 1);
	cr_assert_eq(o.len, SINK_HIGH - 1);
	cr_expect(sink_room(&o));
	sink_line(&o, label, &l);
	cr_expect_leq(o.head + o.len, SINK_MEMORY);
	cr_expect_not(sink_room(&o));
}
