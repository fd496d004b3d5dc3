#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/logline.h"
#include "cli/logtree.h"

static char dir[64];
static struct logfile f;
static struct err err;

static const char *at(const char *name)
{
	static char path[256];

	snprintf(path, sizeof path, "%s/%s", dir, name);
	return path;
}

static void start(void)
{
	snprintf(dir, sizeof dir, "/tmp/sysg-test-logs.XXXXXX");
	cr_assert_not_null(mkdtemp(dir));
	cr_assert_eq(logfile_init(&f, "web", at("web.log")), 0);
}

static void stop(void)
{
	char command[128];

	logfile_done(&f);
	snprintf(command, sizeof command, "rm -rf %s", dir);
	cr_assert_eq(system(command), 0);
}

static void put(const char *name, const char *text)
{
	FILE *out = fopen(at(name), "a");

	cr_assert_not_null(out);
	fputs(text, out);
	fclose(out);
}

/* Lines from..to as one writer would number them. */
static void number(const char *name, int from, int to)
{
	char text[80];

	for (int i = from; i <= to; i++) {
		snprintf(text, sizeof text, "2026-05-14T02:05:13.%06dZ stdout line %d\n", i, i);
		put(name, text);
	}
}

static void move(const char *from, const char *to)
{
	char old[256];

	snprintf(old, sizeof old, "%s", at(from));
	cr_assert_eq(rename(old, at(to)), 0);
}

/* The lines that there are now are these and no more. */
static void expect(int from, int to)
{
	char text[80];

	for (int i = from; i <= to; i++) {
		snprintf(text, sizeof text, "2026-05-14T02:05:13.%06dZ stdout line %d", i, i);
		cr_assert_eq(logfile_next(&f, LOGFILE_BLOCK), 1, "line %d", i);
		cr_assert_eq(f.line_len, strlen(text), "%.*s", (int)f.line_len, f.line);
		cr_expect_eq(strncmp(f.line, text, f.line_len), 0, "%.*s", (int)f.line_len, f.line);
	}
	cr_expect_eq(logfile_next(&f, LOGFILE_BLOCK), 0);
}

static void begin(size_t n)
{
	cr_assert_eq(logfile_begin(&f, n), 0);
}

Test(logs, the_last_lines_go_back_into_rotated_files, .init = start, .fini = stop)
{
	number("web.log.2", 1, 3);
	number("web.log.1", 4, 6);
	number("web.log", 7, 9);
	for (int n = 1; n <= 10; n++) {
		begin((size_t)n);
		expect(n < 10 ? 10 - n : 1, 9);
	}
}

Test(logs, many_blocks_are_looked_through_from_the_end, .init = start, .fini = stop)
{
	number("web.log", 1, 5000);
	begin(4000);
	expect(1001, 5000);
	begin(5001);
	expect(1, 5000);
}

Test(logs, no_file_is_no_line, .init = start, .fini = stop)
{
	begin(10);
	expect(1, 0);
	logfile_follow(&f);
	expect(1, 0);
	number("web.log", 1, 2);
	expect(1, 2);
}

Test(logs, what_is_written_after_the_last_lines_comes_once, .init = start, .fini = stop)
{
	number("web.log", 1, 5);
	begin(2);
	expect(4, 5);
	logfile_follow(&f);
	expect(1, 0);
	number("web.log", 6, 7);
	expect(6, 7);
}

Test(logs, zero_lines_follow_from_the_end, .init = start, .fini = stop)
{
	number("web.log", 1, 5);
	begin(0);
	expect(1, 0);
	logfile_follow(&f);
	number("web.log", 6, 6);
	expect(6, 6);
}

Test(logs, no_line_is_lost_or_doubled_over_two_rotations_between_two_looks, .init = start,
	.fini = stop)
{
	number("web.log", 1, 2);
	begin(100);
	expect(1, 2);
	logfile_follow(&f);
	number("web.log", 3, 4);
	move("web.log", "web.log.1");
	number("web.log", 5, 6);
	move("web.log.1", "web.log.2");
	move("web.log", "web.log.1");
	number("web.log", 7, 8);
	expect(3, 8);
	expect(1, 0);
}

Test(logs, what_is_appended_or_rotated_after_the_begin_is_not_among_the_last_lines, .init = start,
	.fini = stop)
{
	number("web.log", 1, 5);
	begin(3);
	number("web.log", 6, 6);
	move("web.log", "web.log.1");
	number("web.log", 7, 8);
	expect(3, 5);
	logfile_again(&f);
	expect(3, 5);
	logfile_follow(&f);
	expect(6, 8);
}

Test(logs, files_that_went_away_unread_are_passed_over_and_none_is_doubled, .init = start,
	.fini = stop)
{
	number("web.log", 1, 2);
	begin(LOGFILE_ALL);
	expect(1, 2);
	logfile_follow(&f);
	unlink(at("web.log"));
	number("web.log", 3, 6);
	expect(3, 6);
	number("web.log", 7, 7);
	move("web.log", "web.log.1");
	number("web.log", 8, 8);
	unlink(at("web.log.1"));
	expect(8, 8);
}

Test(logs, an_emptied_file_is_read_from_its_begin_however_long_it_has_become, .init = start,
	.fini = stop)
{
	for (int more = 1; more <= 9; more += 2) { /* of one length it is told by its time alone */
		truncate(at("web.log"), 0);
		number("web.log", 1, 4);
		begin(LOGFILE_ALL);
		expect(1, 4);
		logfile_follow(&f);
		cr_assert_eq(truncate(at("web.log"), 0), 0);
		number("web.log", 5, 4 + more);
		expect(5, 4 + more);
	}
}

Test(logs, a_number_that_is_missing_ends_nothing, .init = start, .fini = stop)
{
	number("web.log.2", 1, 2);
	number("web.log", 5, 6);
	begin(LOGFILE_ALL);
	for (int i = 0; i < 4; i++)
		cr_expect_eq(logfile_next(&f, LOGFILE_BLOCK), 1);
	logfile_follow(&f);
	expect(1, 0);
}

Test(logs, a_line_without_its_end_waits_for_it, .init = start, .fini = stop)
{
	put("web.log", "2026-05-14T02:05:13.000001Z stdout line");
	begin(10);
	expect(1, 0);
	logfile_follow(&f);
	put("web.log", " 1\n");
	expect(1, 1);
}

Test(logs, a_last_line_without_its_end_is_shown_when_no_more_of_it_is_waited_for, .init = start,
	.fini = stop)
{
	put("web.log", "one\ntwo");
	begin(10);
	cr_assert_eq(logfile_next(&f, LOGFILE_BLOCK), 1);
	cr_assert_eq(logfile_next(&f, LOGFILE_BLOCK), 0);
	cr_assert_eq(logfile_rest(&f), 1);
	cr_expect_eq(strncmp(f.line, "two", f.line_len), 0);
	cr_expect_eq(logfile_rest(&f), 0);
}

Test(logs, a_line_over_the_bound_comes_in_pieces_and_all_of_it, .init = start, .fini = stop)
{
	static char text[LOGFILE_LINE + 3];

	for (size_t over = 0; over < 2; over++) {
		memset(text, 'x', LOGFILE_LINE + over);
		text[LOGFILE_LINE + over] = '\n';
		text[LOGFILE_LINE + over + 1] = '\0';
		unlink(at("web.log"));
		put("web.log", text);
		begin(1);
		for (size_t block = LOGFILE_BLOCK; block >= 1000; block /= 2) {
			logfile_again(&f);
			cr_assert_eq(logfile_next(&f, block), 1);
			cr_expect_eq(f.line_len, LOGFILE_LINE);
			cr_assert_eq(logfile_next(&f, block), (int)over);
			cr_expect(!over || f.line_len == 1);
		}
	}
}

Test(logs, a_line_has_a_time_a_stream_and_a_text, .init = start, .fini = stop)
{
	struct logrecord r;

	put("web.log", "2026-05-14T02:05:13.470911Z stderr  two  "
		       "words\nodd\n2026-05-14T02:05:13.470911Z stdout \n");
	begin(10);
	cr_assert_eq(logfile_next(&f, LOGFILE_BLOCK), 1);
	logline_parse(f.line, f.line_len, &r);
	cr_expect_eq(r.ts_len, LOGTIME_STAMP);
	cr_expect_eq(strncmp(r.stream, "stderr", r.stream_len), 0);
	cr_expect_eq(r.text_len, strlen(" two  words"));
	cr_expect_eq(strncmp(r.text, " two  words", r.text_len), 0);
	cr_assert_eq(logfile_next(&f, LOGFILE_BLOCK), 1);
	logline_parse(f.line, f.line_len, &r);
	cr_expect_eq(r.ts_len, 0);
	cr_expect_eq(strncmp(r.text, "odd", r.text_len), 0);
	cr_assert_eq(logfile_next(&f, LOGFILE_BLOCK), 1);
	logline_parse(f.line, f.line_len, &r);
	cr_expect_eq(r.text_len, 0);
}

Test(logs, lines_of_many_files_come_in_the_order_of_their_times, .init = start, .fini = stop)
{
	struct logtree t;
	struct logfile *next;
	char name[16];

	cr_assert_eq(logtree_init(&t, dir, &err), 0);
	for (int i = 0; i < 300; i++) {
		snprintf(name, sizeof name, "u%d.log%s", i % 7, i < 200 ? ".1" : "");
		number(name, i, i);
	}
	cr_assert_eq(logtree_scan(&t, "", &err), 0);
	cr_assert_eq(t.n, 7);
	logtree_begin(&t, LOGFILE_ALL);
	for (int round = 0; round < 2; round++) {
		for (int i = 0; i < 300; i++) {
			cr_assert_eq(logtree_next(&t, &next), 1);
			snprintf(name, sizeof name, "u%d", i % 7);
			cr_expect_str_eq(next->unit, name);
		}
		cr_assert_eq(logtree_next(&t, &next), 0);
		logtree_again(&t);
	}
	logtree_follow(&t);
	while (logtree_next(&t, &next) > 0)
		;
	number("u3.log", 300, 300);
	cr_assert_eq(logtree_next(&t, &next), 1);
	cr_expect_str_eq(next->unit, "u3");
	cr_assert_eq(logtree_next(&t, &next), 0);
	logtree_done(&t);
}

Test(logs, a_unit_is_found_by_its_path_or_the_one_end_of_it, .init = start, .fini = stop)
{
	struct logtree t;
	struct logfile *found;

	mkdir(at("app"), 0755);
	mkdir(at("job"), 0755);
	number("web.log", 1, 1);
	number("app/worker.log", 1, 1);
	number("app/both.log", 1, 1);
	number("job/both.log", 1, 1);
	cr_assert_eq(logtree_init(&t, dir, &err), 0);
	cr_expect_eq(logtree_add_unit(&t, "web", &found, &err), 0);
	cr_expect_eq(logtree_add_unit(&t, "worker", &found, &err), 0);
	cr_assert_eq(t.n, 2);
	cr_expect_str_eq(t.files[1]->unit, "app/worker");
	cr_expect_eq(logtree_add_unit(&t, "/worker", &found, &err), -1);
	cr_expect_eq(err.code, ERR_NO_UNIT);
	cr_expect_eq(logtree_add_unit(&t, "both", &found, &err), -1);
	cr_expect_eq(err.code, ERR_AMBIGUOUS);
	cr_expect_eq(logtree_add_unit(&t, "../web", &found, &err), -1);
	cr_expect_eq(err.code, ERR_NO_UNIT);
	cr_expect_eq(logtree_scan(&t, "app", &err), 0);
	cr_expect_eq(t.n, 3, "what is below app, each once");
	cr_assert_eq(logtree_scan(&t, "", &err), 0);
	cr_expect_eq(t.n, 4, "each once");
	logtree_done(&t);
}

Test(logs, a_new_file_in_a_new_directory_wakes_the_follower, .init = start, .fini = stop)
{
	struct logtree t;
	bool fresh = false;

	cr_assert_eq(logtree_init(&t, dir, &err), 0);
	logtree_watch(&t);
	cr_assert_geq(t.inotify, 0);
	mkdir(at("app"), 0755);
	cr_assert_eq(logtree_await(&t, -1, &fresh), 0);
	cr_expect(fresh);
	number("app/w.log", 1, 1);
	cr_assert_eq(logtree_await(&t, -1, &fresh), 0);
	cr_expect(fresh);
	number("app/w.log", 2, 2);
	cr_assert_eq(logtree_await(&t, -1, &fresh), 0);
	cr_expect_not(fresh, "a known file grew");
	logtree_done(&t);
}
