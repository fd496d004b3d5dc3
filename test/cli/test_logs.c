#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/logtree.h"

static char dir[64];
static struct logfile f;
static struct loglines lines;
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

	loglines_done(&lines);
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

static void expect(int from, int to)
{
	char text[80];

	cr_assert_eq(lines.n, (size_t)(to - from + 1), "%zu lines", lines.n);
	for (int i = from; i <= to; i++) {
		snprintf(text, sizeof text, "2026-05-14T02:05:13.%06dZ stdout line %d", i, i);
		cr_expect_str_eq(lines.v[i - from].bytes, text);
	}
	loglines_done(&lines);
}

Test(logs, the_last_lines_go_back_into_rotated_files, .init = start, .fini = stop)
{
	number("web.log.2", 1, 3);
	number("web.log.1", 4, 6);
	number("web.log", 7, 9);
	for (int n = 1; n <= 10; n++) {
		cr_assert_eq(logfile_last(&f, (size_t)n, &lines), 0);
		expect(n < 10 ? 10 - n : 1, 9);
	}
}

Test(logs, many_blocks_are_looked_through_from_the_end, .init = start, .fini = stop)
{
	number("web.log", 1, 5000);
	cr_assert_eq(logfile_last(&f, 4000, &lines), 0);
	expect(1001, 5000);
	cr_assert_eq(logfile_last(&f, 5001, &lines), 0);
	expect(1, 5000);
}

Test(logs, no_file_is_no_line, .init = start, .fini = stop)
{
	cr_assert_eq(logfile_last(&f, 10, &lines), 0);
	cr_expect_eq(lines.n, 0);
	cr_assert_eq(logfile_more(&f, &lines), 0);
	number("web.log", 1, 2);
	cr_assert_eq(logfile_more(&f, &lines), 0);
	expect(1, 2);
}

Test(logs, what_is_written_after_the_last_lines_comes_once, .init = start, .fini = stop)
{
	number("web.log", 1, 5);
	cr_assert_eq(logfile_last(&f, 2, &lines), 0);
	expect(4, 5);
	cr_assert_eq(logfile_more(&f, &lines), 0);
	cr_expect_eq(lines.n, 0);
	number("web.log", 6, 7);
	cr_assert_eq(logfile_more(&f, &lines), 0);
	expect(6, 7);
}

Test(logs, zero_lines_follow_from_the_end, .init = start, .fini = stop)
{
	number("web.log", 1, 5);
	cr_assert_eq(logfile_last(&f, 0, &lines), 0);
	cr_expect_eq(lines.n, 0);
	number("web.log", 6, 6);
	cr_assert_eq(logfile_more(&f, &lines), 0);
	expect(6, 6);
}

Test(logs, no_line_is_lost_or_doubled_over_two_rotations_between_two_looks, .init = start,
	.fini = stop)
{
	number("web.log", 1, 2);
	cr_assert_eq(logfile_last(&f, 100, &lines), 0);
	loglines_done(&lines);
	number("web.log", 3, 4);
	move("web.log", "web.log.1");
	number("web.log", 5, 6);
	move("web.log.1", "web.log.2");
	move("web.log", "web.log.1");
	number("web.log", 7, 8);
	cr_assert_eq(logfile_more(&f, &lines), 0);
	expect(3, 8);
	cr_assert_eq(logfile_more(&f, &lines), 0);
	cr_expect_eq(lines.n, 0);
}

Test(logs, a_line_without_its_end_waits_for_it, .init = start, .fini = stop)
{
	put("web.log", "2026-05-14T02:05:13.000001Z stdout line");
	cr_assert_eq(logfile_last(&f, 10, &lines), 0);
	cr_expect_eq(lines.n, 0);
	put("web.log", " 1\n");
	cr_assert_eq(logfile_more(&f, &lines), 0);
	expect(1, 1);
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
		cr_assert_eq(logfile_last(&f, 1, &lines), 0);
		cr_expect_eq(lines.n, 1 + over);
		cr_expect_eq(lines.v[0].len, LOGFILE_LINE);
		loglines_done(&lines);
	}
}

Test(logs, a_line_has_a_time_a_stream_and_a_text, .init = start, .fini = stop)
{
	struct logrecord r;

	put("web.log", "2026-05-14T02:05:13.470911Z stderr  two  "
		       "words\nodd\n2026-05-14T02:05:13.470911Z stdout \n");
	cr_assert_eq(logfile_last(&f, 10, &lines), 0);
	logline_parse(&lines.v[0], &r);
	cr_expect_eq(r.ts_len, LOGFILE_TS);
	cr_expect_eq(strncmp(r.stream, "stderr", r.stream_len), 0);
	cr_expect_str_eq(r.text, " two  words");
	logline_parse(&lines.v[1], &r);
	cr_expect_eq(r.ts_len, 0);
	cr_expect_str_eq(r.text, "odd");
	logline_parse(&lines.v[2], &r);
	cr_expect_eq(r.text_len, 0);
}

Test(logs, lines_are_merged_by_their_times_and_the_last_are_kept, .init = start, .fini = stop)
{
	struct logfile other;

	cr_assert_eq(logfile_init(&other, "db", at("db.log")), 0);
	number("web.log", 1, 2);
	number("web.log", 5, 6);
	number("db.log", 3, 4);
	cr_assert_eq(logfile_last(&f, 10, &lines), 0);
	cr_assert_eq(logfile_last(&other, 10, &lines), 0);
	loglines_sort(&lines);
	loglines_keep(&lines, 4);
	expect(3, 6);
	logfile_done(&other);
}

Test(logs, a_unit_is_found_by_its_path_or_the_one_end_of_it, .init = start, .fini = stop)
{
	struct logtree t;

	mkdir(at("app"), 0755);
	mkdir(at("job"), 0755);
	number("web.log", 1, 1);
	number("app/worker.log", 1, 1);
	number("app/both.log", 1, 1);
	number("job/both.log", 1, 1);
	cr_assert_eq(logtree_init(&t, dir, &err), 0);
	cr_expect_eq(logtree_add_unit(&t, "web", &err), 0);
	cr_expect_eq(logtree_add_unit(&t, "worker", &err), 0);
	cr_assert_eq(t.n, 2);
	cr_expect_str_eq(t.files[1]->unit, "app/worker");
	cr_expect_eq(logtree_add_unit(&t, "/worker", &err), -1);
	cr_expect_eq(err.code, ERR_NO_UNIT);
	cr_expect_eq(logtree_add_unit(&t, "both", &err), -1);
	cr_expect_eq(err.code, ERR_AMBIGUOUS);
	cr_expect_eq(logtree_add_unit(&t, "../web", &err), -1);
	cr_expect_eq(err.code, ERR_NO_UNIT);
	cr_assert_eq(logtree_scan(&t, &err), 0);
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
	logtree_await(&t, &fresh);
	cr_expect(fresh);
	number("app/w.log", 1, 1);
	logtree_await(&t, &fresh);
	cr_expect(fresh);
	number("app/w.log", 2, 2);
	logtree_await(&t, &fresh);
	cr_expect_not(fresh, "a known file grew");
	logtree_done(&t);
}
