#include "base/clock.h"
#include "logger/tail.h"
#include "reading.h"

TestSuite(logger_tail, .init = begin, .fini = end, .timeout = 100);

/* Asks as PID 1 does and gives the answer's text. */
static const char *ask(int id, const char *path, int64_t since_ns)
{
	struct pollfd p = { .fd = lg.ctl, .events = POLLIN };
	struct packet got;
	struct buf b;

	buf_init(&b, 8192);
	packet_put(&b, "op", "tail");
	packet_put_int(&b, "number", 7);
	packet_put_int(&b, "id", id);
	packet_put_int(&b, "since", since_ns);
	packet_put(&b, "path", path);
	packet_end(&b, NULL, 0);
	cr_assert_eq(send(lg.ctl, b.p, b.len, 0), (ssize_t)b.len);
	buf_done(&b);
	for (;;) {
		cr_assert_eq(poll(&p, 1, 5000), 1);
		ssize_t n = recv(lg.ctl, content, sizeof content - 1, 0);
		cr_assert_gt(n, 0);
		content[n] = '\0';
		cr_assert_eq(packet_parse(&got, content, (size_t)n), 0);
		if (packet_get(&got, "number"))
			break;
	}
	cr_expect_str_eq(packet_get(&got, "number"), "7");
	memmove(content, got.body, got.body_len);
	content[got.body_len] = '\0';
	return content;
}

static void tail_in_order(int sinks)
{
	int64_t since = clock_wall_ns();
	int w = unit(1, "a", 1, sinks, NULL), e = unit(1, "a", 2, sinks, NULL);

	say(w, "one\n");
	say(unit(2, "b", 1, sinks, NULL), "another's\n");
	usleep(50000);
	say(e, "two\n");
	usleep(50000);
	say(w, "three");
	close(w);
	close(e);
	usleep(50000);
	cr_expect_str_eq(ask(1, "a", since), "one\ntwo\nthree\n");
}

Test(logger_tail, is_of_both_streams_in_order_after_their_end_where_there_is_a_file)
{
	tail_in_order(BOTH);
}

Test(logger_tail, is_of_both_streams_in_order_after_their_end_where_there_is_none)
{
	tail_in_order(LOGGER_STDOUT);
}

Test(logger_tail, has_what_was_written_before_it_was_asked_for)
{
	int64_t since = clock_wall_ns();
	int w = unit(1, "a", 1, LOGGER_FILE, NULL);

	kill(lg.pid, SIGSTOP);
	for (int i = 0; i < 2000; i++)
		say(w, "0123456789012345678901234567\n");
	say(w, "last words\n");
	pid_t pid = fork();
	if (pid == 0) {
		usleep(100000);
		kill(lg.pid, SIGCONT);
		_exit(0);
	}
	const char *got = ask(1, "a", since);
	cr_expect_leq(strlen(got), TAIL_BYTES);
	cr_expect_gt(strlen(got), TAIL_BYTES - 64);
	cr_expect_str_eq(got + strlen(got) - 11, "last words\n");
	waitpid(pid, NULL, 0);
}

Test(logger_tail, leaves_out_an_earlier_launch_of_the_same_unit)
{
	say(unit(1, "a", 1, LOGGER_FILE, NULL), "before\n");
	cr_expect(wait_size("log/a.log", 1));
	int64_t since = clock_wall_ns();
	int w = unit(2, "a", 1, LOGGER_FILE, NULL);
	cr_expect_str_eq(ask(2, "a", since), "");
	say(w, "now\n");
	cr_expect_str_eq(ask(2, "a", since), "now\n");
}

Test(logger_tail, goes_on_into_the_file_that_was_rotated_last)
{
	int64_t since = clock_wall_ns();

	kill(lg.pid, SIGKILL);
	exit_status();
	start(200);
	int w = unit(1, "a", 1, LOGGER_FILE, NULL);
	for (char line[] = "a0\n"; line[1] <= '9'; line[1]++)
		say(w, line);
	cr_expect_str_eq(ask(1, "a", since), "a0\na1\na2\na3\na4\na5\na6\na7\na8\na9\n");
	cr_expect_geq(size_of("log/a.log.1"), 1);
}

Test(logger_tail, of_a_ring_holds_4096_bytes_of_whole_lines)
{
	struct tails t = { .tick = 0 };
	char text[128], want[16];
	size_t n;

	for (int i = 0; i < 5000; i++) {
		int k = snprintf(text, sizeof text, "line %d%.*s", i, i % 60,
			"..............................................................");
		tails_add(&t, 3, &(struct line){ .p = text, .n = (size_t)k });
	}
	const char *got = tails_get(&t, 3, &n);
	cr_assert_not_null(got);
	cr_expect_leq(n, TAIL_BYTES);
	cr_expect_gt(n, TAIL_BYTES - 80);
	cr_expect_eq(memcmp(got, "line ", 5), 0);
	cr_expect_eq(got[n - 1], '\n');
	snprintf(want, sizeof want, "line %d", 4999);
	cr_expect_not_null(memmem(got, n, want, strlen(want)));
	cr_expect_null(tails_get(&t, 4, &n));
	tails_done(&t);
}

Test(logger_tail, keeps_64_launches_without_a_file_and_forgets_the_longest_silent)
{
	struct tails t = { .tick = 0 };
	size_t n;

	for (int i = 0; i < TAIL_RINGS; i++)
		tails_add(&t, i, &(struct line){ .p = "x", .n = 1 });
	tails_add(&t, 0, &(struct line){ .p = "y", .n = 1 });
	cr_expect_not_null(tails_get(&t, 1, &n));
	tails_add(&t, TAIL_RINGS, &(struct line){ .p = "z", .n = 1 });
	cr_expect_null(tails_get(&t, 1, &n));
	cr_expect_not_null(tails_get(&t, 0, &n));
	cr_expect_eq(n, 4);
	tails_done(&t);
}

Test(logger_tail, of_a_line_longer_than_the_answer_is_its_beginning)
{
	static char line[3 * TAIL_BYTES];
	struct tails t = { .tick = 0 };
	size_t n;

	memset(line, 'x', sizeof line);
	tails_add(&t, 1, &(struct line){ .p = line, .n = sizeof line });
	const char *got = tails_get(&t, 1, &n);
	cr_assert_not_null(got);
	cr_expect_leq(n, TAIL_BYTES);
	cr_expect_gt(n, TAIL_BYTES - 16);
	tails_done(&t);
	line[sizeof line - 1] = '\n';
	int64_t since = clock_wall_ns();
	int w = unit(1, "a", 1, LOGGER_FILE, NULL);
	cr_assert_eq(write(w, line, sizeof line), (ssize_t)sizeof line);
	cr_expect_eq(strlen(ask(1, "a", since)), TAIL_BYTES);
}
