#include "base/clock.h"
#include "logger/confine.h"
#include "reading.h"

TestSuite(logger_life, .init = begin, .fini = end, .timeout = 100);

Test(logger_life, finish_takes_what_is_there_and_waits_for_no_writer)
{
	int w = unit(1, "a", 1, BOTH, NULL);
	int64_t before = clock_mono_ns();

	say(w, "one\nand no end");
	finish();
	cr_expect_lt(clock_mono_ns() - before, 400 * NS_PER_MS);
	cr_expect_str_eq(drain(lg.out), "a | one\na | and no end\n");
	cr_expect_eq(size_of("log/a.log"), 35 + 4 + 35 + 11);
}

Test(logger_life, finish_ends_though_a_writer_goes_on)
{
	int w = unit(1, "a", 1, LOGGER_FILE, NULL);
	cr_assert_gt(fcntl(w, F_SETPIPE_SZ, 1 << 20), 0);
	pid_t pid = fork();

	if (pid == 0) {
		signal(SIGPIPE, SIG_DFL);
		for (;;)
			if (write(w, "yyyyyyyyyyyyyyyyyyyyyyyyyyyyyy\n", 31) < 0)
				_exit(0);
	}
	cr_expect(wait_size("log/a.log", 1));
	/* With a pipe that is far from empty at the time of the order it would find no end by
	 * itself. */
	kill(lg.pid, SIGSTOP);
	usleep(200000);
	int64_t before = clock_mono_ns();
	send_finish();
	kill(lg.pid, SIGCONT);
	expect_told("ok=1 done=1");
	cr_expect_lt(clock_mono_ns() - before, 400 * NS_PER_MS);
	cr_expect_eq(exit_status(), 0);
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
}

Test(logger_life, finish_with_a_stuck_stdout_ends_in_time_and_the_files_get_everything)
{
	int w = unit(1, "a", 1, BOTH, NULL);
	size_t n = fill(w);
	int64_t before = clock_mono_ns();

	finish();
	cr_expect_lt(clock_mono_ns() - before, LOGGER_FINISH_MS * NS_PER_MS);
	cr_expect_eq(size_of("log/a.log"), (int64_t)(n / 62 * (62 + 35)));
}

Test(logger_life, a_stuck_stderr_keeps_no_line_of_pid_1_from_its_file)
{
	char text[64];
	int n;

	for (n = 0; n < 20000; n++) {
		struct pollfd p = { .fd = lg.own, .events = POLLOUT };
		snprintf(text, sizeof text, "sysg: line %06d of the init\n", n);
		cr_assert_eq(poll(&p, 1, 5000), 1, "it waits at line %d", n);
		say(lg.own, text);
	}
	cr_expect(wait_size("log/sysg.log", (int64_t)n * (39 + 29)), "%ld of %d",
		(long)size_of("log/sysg.log"), n);
}

Test(logger_life, when_pid_1_is_gone_it_drains_and_ends)
{
	say(unit(1, "a", 1, BOTH, NULL), "last words\n");
	close(lg.ctl);
	cr_expect_eq(exit_status(), 0);
	cr_expect_str_eq(drain(lg.out), "a | last words\n");
}

Test(logger_life, a_killed_one_is_followed_by_another_with_the_same_pipes)
{
	int kept, w = unit(1, "a", 1, BOTH, &kept);

	signal(SIGPIPE, SIG_DFL);
	say(w, "first\n");
	drain_until(lg.out, "\n");
	settled();
	kill(lg.pid, SIGKILL);
	exit_status();
	say(w, "nobody reads\n");
	say(lg.own, "sysg: the logger died\n");
	start(0);
	hand_over(1, "a", 1, BOTH, kept);
	say(w, "third\n");
	cr_expect_str_eq(drain_until(lg.out, "third\n"), "a | nobody reads\na | third\n");
	finish();
	cr_expect_str_eq(drain(lg.err), "sysg: the logger died\n");
	cr_expect_eq(size_of("log/a.log"), 3 * 35 + 6 + 13 + 6);
}

/* The value of "key:" in /proc/PID/status. */
static void status_value(const char *key, char ret[64])
{
	char path[40], line[128];
	size_t n = strlen(key);

	ret[0] = '\0';
	snprintf(path, sizeof path, "/proc/%d/status", lg.pid);
	FILE *f = fopen(path, "r");
	cr_assert_not_null(f);
	while (fgets(line, sizeof line, f))
		if (!strncmp(line, key, n) && line[n] == ':')
			sscanf(line + n + 1, " %63s", ret);
	fclose(f);
}

Test(logger_life, it_has_a_name_and_no_privileges_left_but_to_write)
{
	char v[64];

	say(lg.own, "up\n");
	drain_until(lg.err, "\n");
	status_value("Name", v);
	cr_expect_str_eq(v, "sysg-logger");
	status_value("NoNewPrivs", v);
	cr_expect_str_eq(v, "1");
	status_value("CapEff", v);
	cr_expect_eq(strtoull(v, NULL, 16) & ~2ull, 0, "%s", v);
	kill(lg.pid, SIGTERM);
	kill(lg.pid, SIGINT);
	kill(lg.pid, SIGUSR2);
	say(lg.own, "still\n");
	drain_until(lg.err, "still\n");
}

Test(logger_life, it_sleeps_while_nothing_happens)
{
	char before[64], after[64];

	say(unit(1, "a", 1, BOTH, NULL), "x\n");
	drain_until(lg.out, "\n");
	usleep(1500000); /* once, it gives its buffers back */
	status_value("voluntary_ctxt_switches", before);
	usleep(3000000);
	status_value("voluntary_ctxt_switches", after);
	cr_expect_str_eq(before, after);
}

/* Clock ticks of processor time so far. */
static unsigned long ticks(void)
{
	char path[40], line[1024];
	unsigned long user = 0, system = 0;

	snprintf(path, sizeof path, "/proc/%d/stat", lg.pid);
	FILE *f = fopen(path, "r");
	cr_assert_not_null(f);
	cr_assert_not_null(fgets(line, sizeof line, f));
	fclose(f);
	cr_assert_eq(
		sscanf(strrchr(line, ')'), ") %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %lu %lu",
			&user, &system),
		2);
	return user + system;
}

Test(logger_life, a_stuck_stdout_costs_no_processor_time)
{
	fill(unit(1, "a", 1, BOTH, NULL));
	say(unit(2, "b", 1, BOTH, NULL), "waits too\n");
	unsigned long before = ticks();
	usleep(1500000);
	cr_expect_leq(ticks() - before, 3);
}

static int descriptors_left(bool use_range)
{
	int p[2], status;

	cr_assert_eq(pipe(p), 0);
	pid_t pid = fork();
	if (pid == 0) {
		int left = 0, a = fcntl(p[0], F_DUPFD, 200), b = fcntl(p[0], F_DUPFD, 300);
		confine_descriptors((const int[]){ b, -1, a }, 3, use_range);
		for (int fd = 3; fd < 1000; fd++)
			left += fcntl(fd, F_GETFD) >= 0;
		_exit(fcntl(a, F_GETFD) < 0 || fcntl(b, F_GETFD) < 0 ? 99 : left);
	}
	cr_assert_eq(waitpid(pid, &status, 0), pid);
	close(p[0]);
	close(p[1]);
	return WEXITSTATUS(status);
}

Test(logger_life, it_holds_no_descriptor_that_it_does_not_need_with_close_range_or_without)
{
	cr_expect_eq(descriptors_left(true), 2);
	cr_expect_eq(descriptors_left(false), 2);
}
