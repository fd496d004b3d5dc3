#include <criterion/criterion.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "logger/file.h"
#include "logger/logdir.h"
#include "logger/rotate.h"

#define STAMP "2026-05-14T02:05:13.470911Z"

static char batch[LOG_FILES_BATCH], dir[64], name[512], content[1 << 20];

static void make_dir(void)
{
	snprintf(dir, sizeof dir, "/tmp/sysg-test-file.XXXXXX");
	cr_assert_not_null(mkdtemp(dir));
}

static void remove_dir(void)
{
	char cmd[96];

	snprintf(cmd, sizeof cmd, "rm -rf %s", dir);
	cr_expect_eq(system(cmd), 0);
}

static const char *in_dir(const char *rel)
{
	snprintf(name, sizeof name, "%s/%s", dir, rel);
	return name;
}

/* The content of a file in dir; NULL: there is none. */
static const char *text_of(const char *rel)
{
	int fd = open(in_dir(rel), O_RDONLY);

	if (fd < 0)
		return NULL;
	ssize_t n = read(fd, content, sizeof content - 1);
	close(fd);
	cr_assert_geq(n, 0);
	content[n] = '\0';
	return content;
}

static struct log_keep keep; /* of the files of a test */

static void line(struct log_files *fs, struct log_file *f, const char *s)
{
	struct line l = { .p = s, .n = strlen(s) };

	log_file_line(fs, f, STAMP, "stdout", &l, &(struct log_from){ .slot = NULL });
}

static struct log_file *get(struct log_files *fs, const char *path)
{
	struct log_file *f = log_file_get(fs, path, keep);

	cr_assert_not_null(f);
	return f;
}

TestSuite(logger_file, .init = make_dir, .fini = remove_dir);

Test(logger_file, a_line_has_time_and_stream_and_its_folders_are_made)
{
	keep = (struct log_keep){ 0, 0 };
	struct log_files *fs = log_files_new(in_dir("made/too"), batch, NULL);
	struct log_file *f = get(fs, "a/b");
	struct stat st;

	umask(027);
	line(fs, f, "hello");
	log_files_flush(fs);
	cr_expect_str_eq(text_of("made/too/a/b.log"), STAMP " stdout hello\n");
	cr_assert_eq(stat(in_dir("made/too/a/b.log"), &st), 0);
	cr_expect_eq(st.st_mode & 07777, 0640);
	cr_assert_eq(stat(in_dir("made/too/a"), &st), 0);
	cr_expect_eq(st.st_mode & 07777, 0750);
	log_files_free(fs);
}

Test(logger_file, both_streams_of_a_unit_share_one_file)
{
	keep = (struct log_keep){ 0, 0 };
	struct log_files *fs = log_files_new(dir, batch, NULL);
	struct log_file *f = get(fs, "a");

	cr_expect_eq(get(fs, "a"), f);
	log_file_put(fs, f);
	line(fs, f, "still there");
	log_file_put(fs, f);
	cr_expect_str_eq(text_of("a.log"), STAMP " stdout still there\n");
	log_files_free(fs);
}

Test(logger_file, a_path_never_leaves_the_folder)
{
	static const char *const bad[] = { "", "/", "/a", "a/", "a//b", ".", "..", "../a", "a/../b",
		"a/." };
	keep = (struct log_keep){ 0, 0 };
	struct log_files *fs = log_files_new(dir, batch, NULL);
	char longest[256];

	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		cr_expect_null(log_file_get(fs, bad[i], keep), "%s", bad[i]);
		cr_expect_eq(errno, EINVAL);
	}
	cr_expect_eq(logdir_check("..a/...b"), 0);
	memset(longest, 'x', sizeof longest);
	longest[240] = '\0';
	cr_expect_eq(logdir_check(longest), -1);
	longest[239] = '\0';
	cr_expect_eq(logdir_check(longest), 0);
	line(fs, get(fs, longest), "fits");
	log_files_free(fs);
	strcat(longest, ".log");
	cr_expect_not_null(text_of(longest));
}

Test(logger_file, no_link_is_followed_and_no_fifo_waited_for)
{
	static const char *const paths[] = { "link", "fifo", "folder/a" };
	keep = (struct log_keep){ 0, 0 };
	struct log_files *fs = log_files_new(dir, batch, NULL);
	const char *where;

	cr_assert_eq(mkdir(in_dir("outside"), 0700), 0);
	cr_assert_eq(symlink("outside/taken", in_dir("link.log")), 0);
	cr_assert_eq(symlink("outside", in_dir("folder")), 0);
	cr_assert_eq(mkfifo(in_dir("fifo.log"), 0600), 0);
	for (size_t i = 0; i < 3; i++) {
		line(fs, get(fs, paths[i]), "x");
		log_files_flush(fs);
		cr_expect_neq(log_files_failed(fs, &where), 0);
		cr_expect_str_eq(where, paths[i]);
	}
	cr_expect_eq(log_files_dropped(fs), 3);
	cr_expect_null(text_of("outside/taken"));
	cr_expect_null(text_of("outside/a.log"));
	log_files_free(fs);
}

Test(logger_file, a_file_at_the_size_goes_on_and_one_past_it_is_rotated)
{
	/* A line "x" is 27 + 8 + 2 = 37 bytes. */
	keep = (struct log_keep){ 74, 0 };
	struct log_files *fs = log_files_new(dir, batch, NULL);
	struct log_file *f = get(fs, "a");

	for (int i = 0; i < 3; i++)
		line(fs, f, "x");
	log_files_flush(fs);
	cr_expect_eq(strlen(text_of("a.log")), 111, "at 74 it took one more");
	line(fs, f, "y");
	log_files_flush(fs);
	cr_expect_eq(strlen(text_of("a.log.1")), 111);
	cr_expect_str_eq(text_of("a.log"), STAMP " stdout y\n");
	log_files_free(fs);
}

Test(logger_file, so_many_are_kept_and_no_more)
{
	keep = (struct log_keep){ 1, 0 };
	struct log_files *fs = log_files_new(dir, batch, NULL);
	struct log_file *f = get(fs, "a");
	char word[2] = "0";

	for (; word[0] < '5'; word[0]++)
		line(fs, f, word);
	log_files_flush(fs);
	cr_expect_str_eq(text_of("a.log"), STAMP " stdout 4\n");
	cr_expect_str_eq(text_of("a.log.4"), STAMP " stdout 0\n");
	line(fs, f, "5");
	log_files_flush(fs);
	cr_expect_str_eq(text_of("a.log"), STAMP " stdout 5\n");
	cr_expect_str_eq(text_of("a.log.4"), STAMP " stdout 1\n");
	cr_expect_null(text_of("a.log.5"));
	log_files_free(fs);
}

Test(logger_file, a_rotation_that_was_killed_in_its_midst_costs_no_file)
{
	make_dir();
	static const char *const there[] = { "a.log", "a.log.1", "a.log.3", "a.log.4" };
	for (size_t i = 0; i < 4; i++) {
		FILE *f = fopen(in_dir(there[i]), "w");
		cr_assert_not_null(f);
		fputs(there[i], f);
		fclose(f);
	}
	int fd = open(dir, O_RDONLY | O_DIRECTORY);
	cr_expect_eq(log_rotate(fd, "a.log", 5), 0);
	cr_expect_str_eq(text_of("a.log.1"), "a.log");
	cr_expect_str_eq(text_of("a.log.2"), "a.log.1");
	cr_expect_str_eq(text_of("a.log.3"), "a.log.3");
	cr_expect_str_eq(text_of("a.log.4"), "a.log.4");
	cr_expect_eq(log_rotate(fd, "a.log.1", 1), 0, "a name that is free again");
	cr_expect_null(text_of("a.log.1"));
	close(fd);
	remove_dir();
}

Test(logger_file, one_file_alone_is_begun_anew)
{
	keep = (struct log_keep){ 1, 1 };
	struct log_files *fs = log_files_new(dir, batch, NULL);
	struct log_file *f = get(fs, "a");

	line(fs, f, "old");
	line(fs, f, "new");
	log_files_free(fs);
	cr_expect_str_eq(text_of("a.log"), STAMP " stdout new\n");
	cr_expect_null(text_of("a.log.1"));
}

Test(logger_file, a_file_that_can_not_be_moved_goes_on)
{
	keep = (struct log_keep){ 40, 2 };
	struct log_files *fs = log_files_new(dir, batch, NULL);
	struct log_file *f = get(fs, "a");

	cr_assert_eq(mkdir(in_dir("a.log.1"), 0700), 0);
	cr_assert_eq(mkdir(in_dir("a.log.1/x"), 0700), 0);
	for (int i = 0; i < 4; i++)
		line(fs, f, "x");
	log_files_free(fs);
	cr_expect_eq(strlen(text_of("a.log")), 148);
}

Test(logger_file, half_a_line_of_a_killed_writer_is_ended)
{
	keep = (struct log_keep){ 0, 0 };
	struct log_files *fs = log_files_new(dir, batch, NULL);
	int fd = open(in_dir("a.log"), O_WRONLY | O_CREAT, 0640);

	cr_assert_eq(write(fd, "half", 4), 4);
	close(fd);
	line(fs, get(fs, "a"), "x");
	log_files_free(fs);
	cr_expect_str_eq(text_of("a.log"), "half\n" STAMP " stdout x\n");
}

static int open_descriptors(void)
{
	DIR *d = opendir("/proc/self/fd");
	int n = 0;

	for (; readdir(d); n++)
		;
	closedir(d);
	return n;
}

Test(logger_file, any_number_of_units_takes_64_descriptors)
{
	keep = (struct log_keep){ 0, 0 };
	struct log_files *fs = log_files_new(dir, batch, NULL);
	int before = open_descriptors();
	char unit[16], file[24];

	for (int round = 0; round < 2; round++)
		for (int i = 0; i < 300; i++) {
			snprintf(unit, sizeof unit, "u%d", i);
			line(fs, get(fs, unit), "x");
		}
	log_files_flush(fs);
	cr_expect_eq(open_descriptors() - before, LOG_FILES_OPEN + 1, "and LOGDIR's own");
	for (int i = 0; i < 300; i++) {
		snprintf(file, sizeof file, "u%d.log", i);
		cr_expect_eq(strlen(text_of(file)), 74, "%s", file);
	}
	log_files_free(fs);
	cr_expect_eq(open_descriptors(), before);
}

Test(logger_file, a_folder_that_was_removed_is_made_again)
{
	keep = (struct log_keep){ 0, 0 };
	struct log_files *fs = log_files_new(in_dir("logs"), batch, NULL);

	line(fs, get(fs, "a"), "x");
	log_files_flush(fs);
	cr_assert_eq(unlink(in_dir("logs/a.log")), 0);
	cr_assert_eq(rmdir(in_dir("logs")), 0);
	line(fs, get(fs, "b"), "dropped");
	log_files_flush(fs);
	line(fs, get(fs, "c"), "x");
	log_files_free(fs);
	cr_expect_str_eq(text_of("logs/c.log"), STAMP " stdout x\n");
}
