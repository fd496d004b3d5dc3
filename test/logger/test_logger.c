#include <errno.h>
#include <stdbool.h>
#include <sys/mount.h>

#include "base/caps.h"
#include "base/clock.h"
#include "reading.h"

TestSuite(logger, .init = begin, .fini = end, .timeout = 100);

Test(logger, a_line_goes_to_stdout_with_its_label_and_to_the_file_with_time_and_stream)
{
	int w = unit(7, "web/a", 1, BOTH, NULL), e = unit(7, "web/a", 2, BOTH, NULL);

	say(w, "hel");
	say(w, "lo\n");
	cr_expect_str_eq(drain_until(lg.out, "\n"), "web/a | hello\n");
	say(e, "bad\n");
	cr_expect_str_eq(drain_until(lg.err, "\n"), "web/a | bad\n");
	finish();
	file_text("log/web/a.log");
	cr_assert_eq(strlen(content), 27 + 14 + 27 + 12);
	cr_expect_eq(content[26], 'Z');
	cr_expect_eq(memcmp(content + 27, " stdout hello\n", 14), 0);
	cr_expect_str_eq(content + 27 + 14 + 27, " stderr bad\n");
}

Test(logger, the_init_s_own_lines_go_to_stderr_as_they_are_and_to_a_file)
{
	say(lg.own, "sysg: ready\n");
	cr_expect_str_eq(drain_until(lg.err, "\n"), "sysg: ready\n");
	finish();
	cr_expect_str_eq(file_text("log/sysg.log") + 27, " supervisor sysg: ready\n");
}

Test(logger, a_unit_has_only_the_sinks_that_it_names)
{
	say(unit(1, "f", 1, LOGGER_FILE, NULL), "to the file\n");
	say(unit(2, "o", 1, LOGGER_STDOUT, NULL), "to stdout\n");
	say(unit(3, "n", 1, 0, NULL), "to nobody\n");
	finish();
	cr_expect_str_eq(drain(lg.out), "o | to stdout\n");
	cr_expect_eq(size_of("log/f.log"), 27 + 8 + 12);
	cr_expect_eq(size_of("log/o.log"), -1);
	cr_expect_eq(size_of("log/n.log"), -1);
}

Test(logger, the_last_line_without_a_newline_is_written_at_end_of_file_which_is_told)
{
	int w = unit(7, "a", 2, BOTH, NULL);

	say(w, "one\ntwo");
	close(w);
	expect_told("op=eof id=7 stream=2");
	cr_expect_str_eq(drain(lg.err), "a | one\na | two\n");
	finish();
	cr_expect_eq(size_of("log/a.log"), 2 * (27 + 8 + 4));
}

Test(logger, a_line_of_16_kib_is_whole_and_of_one_more_comes_in_pieces)
{
	static char line[CAP_LINE + 2];
	int w = unit(1, "a", 1, LOGGER_FILE, NULL);

	memset(line, 'x', sizeof line);
	line[CAP_LINE] = '\n';
	cr_assert_eq(write(w, line, CAP_LINE + 1), CAP_LINE + 1);
	cr_expect(wait_size("log/a.log", 1));
	line[CAP_LINE] = 'x';
	line[CAP_LINE + 1] = '\n';
	cr_assert_eq(write(w, line, CAP_LINE + 2), CAP_LINE + 2);
	finish();
	file_text("log/a.log");
	const char *second = strchr(content, '\n') + 1, *third = strchr(second, '\n') + 1;
	cr_expect_eq(second - content, 35 + CAP_LINE + 1);
	cr_expect_eq(third - second, 35 + CAP_LINE + 7);
	cr_expect_eq(memcmp(third - 7, "…[+]\n", 7), 0);
	cr_expect_str_eq(third + 27, " stdout x\n");
}

enum { WRITERS = 20, LINES = 2000 };

static void write_lines(int fd, int who)
{
	char line[128];

	for (int i = 0; i < LINES; i++) {
		int n = snprintf(line, sizeof line, "<%02d %04d %.*s>\n", who, i,
			(who * 31 + i) % 80,
			"zzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzz"
			"zzzzzz");
		/* In two writes, so that reads end inside lines. */
		if (write(fd, line, 5) != 5 || write(fd, line + 5, (size_t)n - 5) != n - 5)
			_exit(1);
	}
	_exit(0);
}

/* Each line "<who i zzz>" must be whole, and a writer's lines in order. Returns how many there
 * were. */
static int check_lines(const char *text, size_t skip_to_bracket, int next[WRITERS])
{
	int count = 0;

	for (const char *p = text; *p; count++) {
		const char *end = strchr(p, '\n');
		int who = -1, i = -1, used = 0;
		cr_assert_not_null(end);
		p += skip_to_bracket;
		cr_assert_eq(sscanf(p, "<%d %d %n", &who, &i, &used), 2, "a broken line: %.60s", p);
		cr_assert(who >= 0 && who < WRITERS);
		cr_assert_eq(i, next[who]++);
		cr_assert_eq(end - p, used + (who * 31 + i) % 80 + 1, "a broken line: %.60s", p);
		p = end + 1;
	}
	return count;
}

static void start_writers(void)
{
	char path[8];

	for (int i = 0; i < WRITERS; i++) {
		snprintf(path, sizeof path, "w%02d", i);
		int w = unit(i, path, 1, BOTH, NULL);
		if (fork() == 0)
			write_lines(w, i);
		close(w);
	}
}

Test(logger, of_twenty_writers_at_once_no_line_is_broken_lost_or_doubled)
{
	int next[WRITERS] = { 0 }, eofs = 0;
	struct pollfd p[2] = { { .fd = lg.out, .events = POLLIN },
		{ .fd = lg.ctl, .events = POLLIN } };
	static char all[4 << 20];
	size_t n = 0;
	char path[16];

	start_writers();
	fcntl(lg.out, F_SETFL, O_NONBLOCK);
	while (eofs < WRITERS) {
		cr_assert_geq(poll(p, 2, 10000), 1);
		ssize_t k = p[0].revents ? read(lg.out, all + n, sizeof all - 1 - n) : 0;
		n += k > 0 ? (size_t)k : 0;
		if (p[1].revents)
			eofs += told(0) != NULL;
	}
	finish();
	strcpy(all + n, drain(lg.out));
	cr_expect_eq(check_lines(all, 6, next), WRITERS * LINES);
	for (int i = 0; i < WRITERS; i++) {
		memset(next, 0, sizeof next);
		snprintf(path, sizeof path, "log/w%02d.log", i);
		cr_expect_eq(check_lines(file_text(path), 27 + 8, next), LINES);
		cr_expect_eq(next[i], LINES);
	}
}

Test(logger, a_stuck_stdout_holds_up_its_own_units_only_and_loses_nothing)
{
	int stuck = unit(1, "a", 1, BOTH, NULL);
	size_t n = fill(stuck), lines = 0;
	int free_one = unit(2, "b", 1, LOGGER_FILE, NULL),
	    other = unit(1, "a", 2, LOGGER_STDOUT, NULL);

	say(free_one, "goes on\n");
	cr_expect(wait_size("log/b.log", 27 + 8 + 8));
	say(other, "stderr goes on\n");
	drain_until(lg.err, "goes on\n");
	close(stuck);
	for (const char *eof = NULL; !eof; eof = told(1)) {
		drain(lg.out);
		for (const char *p = content; *p; p++)
			lines += *p == '\n';
	}
	finish();
	for (const char *p = drain(lg.out); *p; p++)
		lines += *p == '\n';
	cr_expect_eq(lines * 62, n);
	cr_expect_eq(size_of("log/a.log"), (int64_t)lines * (62 + 35));
}

Test(logger, o_nonblock_is_never_set_on_the_inherited_descriptors)
{
	say(unit(1, "a", 1, BOTH, NULL), "x\n");
	drain_until(lg.out, "\n");
	cr_expect_eq(fcntl(lg.out_w, F_GETFL) & O_NONBLOCK, 0);
	cr_expect_eq(fcntl(lg.err_w, F_GETFL) & O_NONBLOCK, 0);
}

Test(logger, a_loud_stream_does_not_keep_others_from_stdout)
{
	int loud = unit(1, "loud", 1, LOGGER_STDOUT, NULL), quiet;
	pid_t pid = fork();

	if (pid == 0)
		for (;;)
			if (write(loud, "yyyyyyyyyyyyyyyyyyyyyyyyyyyyyy\n", 31) < 0)
				_exit(0);
	usleep(200000);
	quiet = unit(2, "quiet", 1, LOGGER_STDOUT, NULL);
	say(quiet, "here I am\n");
	size_t n = 0;
	/* A slow reader: stdout is always full. */
	static char chunk[4096];
	bool seen = false;
	while (!seen && n < (1 << 20)) {
		ssize_t k = read(lg.out, chunk, sizeof chunk - 1);
		cr_assert_gt(k, 0);
		chunk[k] = '\0';
		n += (size_t)k;
		usleep(500);
		seen = strstr(chunk, "quiet |") != NULL;
	}
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	cr_expect(seen, "not within 1 MiB");
}

Test(logger, a_file_past_its_size_becomes_1)
{
	send_finish();
	exit_status();
	start(40);
	int w = unit(1, "a", 1, LOGGER_FILE, NULL);
	say(w, "1234\n1\n2\n");
	finish();
	cr_expect_eq(size_of("log/a.log.1"), 40 + 37, "at 40 bytes it goes on");
	cr_expect_eq(size_of("log/a.log"), 37);
}

Test(logger, an_add_without_a_descriptor_is_told_and_nonsense_passed_over)
{
	cr_assert_eq(send(lg.ctl, "what", 4, 0), 4);
	cr_assert_eq(send(lg.ctl, "op=dance\0", 10, 0), 10);
	hand_over(9, "a", 1, BOTH, -1);
	expect_told("op=lost id=9 stream=1");
	finish();
}

Test(logger, a_path_that_leaves_the_folder_gets_no_file_and_its_stdout_all_the_same)
{
	int w = unit(1, "../x", 1, BOTH, NULL);

	expect_told("op=full why=../x.log: Invalid argument dropped=0");
	say(w, "x\n");
	drain_until(lg.out, "../x | x\n");
	finish();
	cr_expect_eq(size_of("x.log"), -1);
}

Test(logger, a_thousand_streams_are_read)
{
	char path[16];
	int w;

	for (int i = 0; i < 1000; i++) {
		snprintf(path, sizeof path, "u%d/x", i);
		w = unit(i, path, 1, LOGGER_FILE, NULL);
		say(w, "here\n");
		close(w);
	}
	for (int i = 0; i < 1000; i++)
		cr_assert_not_null(told(5000));
	for (int i = 0; i < 1000; i++) {
		snprintf(path, sizeof path, "log/u%d/x.log", i);
		cr_expect_eq(size_of(path), 35 + 5, "%s", path);
	}
	finish();
}

Test(logger, a_thousand_ends_are_told_though_pid_1_is_slow_to_hear_them)
{
	int w[1000];

	for (int i = 0; i < 1000; i++)
		w[i] = unit(i, "a", 1, LOGGER_FILE, NULL);
	say(lg.own, "all are there\n");
	drain_until(lg.err, "there\n");
	for (int i = 0; i < 1000; i++)
		close(w[i]);
	usleep(300000);
	int n = 0;
	while (told(500))
		n++;
	cr_expect_eq(n, 1000);
}

static bool mount_small(void)
{
	mkdir(in_dir("log"), 0755);
	return mount("tmpfs", in_dir("log"), "tmpfs", 0, "size=64k") == 0;
}

static void full_disk(int w)
{
	int junk = open(in_dir("log/junk"), O_WRONLY | O_CREAT, 0600);
	const char *msg;

	while (write(junk, content, 4096) == 4096)
		;
	close(junk);
	for (int i = 0; i < 400; i++)
		say(w, "a line that is a hundred bytes long and there are a great many of such "
		       "as this one is, in all four hundred\n");
	msg = told(5000);
	cr_assert_not_null(msg);
	cr_expect_eq(strncmp(msg, "op=full why=a.log: No space left on device dropped=", 51), 0,
		"%s", msg);
	say(w, "one more\n");
	cr_expect_null(told(300), "said once a minute");
	unlink(in_dir("log/junk"));
}

Test(logger, a_full_disk_drops_counts_says_so_once_and_goes_on)
{
	unsigned long long dropped = 0, n;

	if (!mount_small())
		cr_skip_test("mount isn't permitted here");
	int w = unit(1, "a", 1, LOGGER_FILE, NULL);
	say(w, "before\n");
	cr_expect(wait_size("log/a.log", 1));
	full_disk(w);
	usleep(1200000); /* a file that could not be opened is tried again after a second */
	say(w, "after\n");
	finish();
	file_text("log/a.log");
	umount2(in_dir("log"), MNT_DETACH);
	size_t lines = 0;
	for (char *p = content, *end; (end = strchr(p, '\n')); p = end + 1, lines++) {
		cr_expect_eq(p[26], 'Z', "half a line: %.60s", p);
		if (sscanf(p + 27, " supervisor %llu lines dropped", &n) == 1)
			dropped += n, lines--;
	}
	cr_expect_gt(dropped, 300);
	cr_expect_eq(lines + dropped, 1 + 401 + 1, "%zu written, %llu dropped", lines, dropped);
	cr_expect_not_null(strstr(content, " stdout after\n"));
}
