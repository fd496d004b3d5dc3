#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdbool.h>
#include <string.h>
#include <unistd.h>

#include "logger/sink.h"

static struct sink_rest rest;
static char got[2 * SINK_MEMORY], text[2 * CAP_LINE];

static void pipe_of(int fd[2])
{
	cr_assert_eq(pipe(fd), 0);
	cr_assert_eq(fcntl(fd[0], F_SETFL, O_NONBLOCK), 0);
}

static bool is_nonblocking(int fd)
{
	return fcntl(fd, F_GETFL) & O_NONBLOCK;
}

/* Whole lines of 97 bytes, as many as one write should have. */
static size_t some_lines(const struct sink *o)
{
	size_t n = 0;

	for (; n + 97 <= sink_chunk(o) && n + 97 <= sizeof text; n += 97) {
		memset(text + n, 'x', 96);
		text[n + 96] = '\n';
	}
	return n;
}

static void a_stuck_pipe_loses_nothing(bool may_reopen)
{
	int fd[2];
	struct sink o;
	size_t lines = 0, sum = 0;

	pipe_of(fd);
	int shared = dup(fd[1]); /* the same description, as a service has it */
	sink_init(&o, fd[1], &rest, may_reopen);
	cr_expect_eq(o.ask, !may_reopen);
	alarm(10);
	while (sink_ready(&o))
		lines += sink_write(&o, text, some_lines(&o));
	cr_expect(o.stuck);
	cr_expect_eq(rest.n, 0, "a write of at most PIPE_BUF is not divided");
	cr_expect_not(is_nonblocking(shared));
	for (ssize_t n; (n = read(fd[0], got, sizeof got)) > 0; sum += (size_t)n)
		cr_expect_eq(n % 97, 0, "a write ends with a line");
	cr_expect_eq(errno, EAGAIN);
	cr_expect_eq(sum, lines * 97);
	o.stuck = false;
	cr_expect(sink_ready(&o));
}

Test(logger_sink, a_stuck_pipe_holds_nobody_up_and_loses_nothing)
{
	a_stuck_pipe_loses_nothing(true);
}

Test(logger_sink, nor_does_one_that_can_not_be_opened_a_second_time)
{
	a_stuck_pipe_loses_nothing(false);
}

Test(logger_sink, a_line_longer_than_a_write_goes_on_before_any_other)
{
	int fd[2];
	struct sink o;

	memset(text, 'x', sizeof text);
	text[sizeof text - 1] = '\n';
	pipe_of(fd);
	cr_assert_gt(fcntl(fd[1], F_SETPIPE_SZ, 2 * PIPE_BUF), 0);
	sink_init(&o, fd[1], &rest, true);
	cr_expect_eq(sink_write(&o, text, sizeof text), 1);
	cr_expect_eq(rest.n, sizeof text - PIPE_BUF);
	size_t sum = 0;
	for (int i = 0; i < 100 && sum < sizeof text; i++) {
		ssize_t n = read(fd[0], got + sum, sizeof got - sum);
		sum += n > 0 ? (size_t)n : 0;
		(void)sink_ready(&o);
		o.stuck = false;
	}
	cr_expect_eq(sum, sizeof text);
	cr_expect_eq(memcmp(got, text, sum), 0);
	cr_expect(sink_ready(&o));
}

Test(logger_sink, what_an_earlier_one_left_of_a_line_comes_first)
{
	int fd[2];
	struct sink o;

	pipe_of(fd);
	rest = (struct sink_rest){ .n = 6, .at = 2, .bytes = "abcde\n" };
	sink_init(&o, fd[1], &rest, true);
	cr_expect(sink_ready(&o));
	cr_expect_eq(sink_write(&o, "next\n", 5), 1);
	cr_expect_eq(read(fd[0], got, sizeof got), 9);
	cr_expect_eq(memcmp(got, "cde\nnext\n", 9), 0);
}

Test(logger_sink, a_rest_that_makes_no_sense_is_none)
{
	int fd[2];
	struct sink o;

	pipe_of(fd);
	rest = (struct sink_rest){ .n = 4, .at = 4, .bytes = "abc\n" };
	sink_init(&o, fd[1], &rest, true);
	cr_expect(sink_ready(&o));
	rest = (struct sink_rest){ .n = UINT32_MAX, .at = 2 };
	sink_init(&o, fd[1], &rest, true);
	cr_expect(sink_ready(&o));
	cr_expect_eq(read(fd[0], got, sizeof got), -1);
}

Test(logger_sink, lines_are_dropped_while_no_reader_is_there)
{
	int fd[2];
	struct sink o;

	signal(SIGPIPE, SIG_IGN);
	pipe_of(fd);
	sink_init(&o, fd[1], &rest, true);
	close(fd[0]);
	cr_expect_eq(sink_write(&o, "a\nb\n", 4), 2);
	cr_expect(sink_ready(&o));
}

Test(logger_sink, a_descriptor_that_is_closed_discards)
{
	struct sink o;

	sink_init(&o, 9999, &rest, true);
	cr_expect(sink_ready(&o));
	cr_expect_eq(sink_write(&o, "a\nb\n", 4), 2);
}
