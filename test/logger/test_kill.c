/* A logger that is killed, at every system call; and what it then leaves to the next. */
#include <sys/ptrace.h>

#include "logger/journal.h"
#include "reading.h"

TestSuite(logger_kill, .timeout = 200);

enum { LINES = 12, IDLE_MS = 150 };

static int kept, writer;

static void begin_round(void)
{
	keep.max_files = 9;
	begin();
	keep.max_bytes = 120; /* every third line rotates */
	writer = unit(1, "a", 1, BOTH, &kept);
	settled();
}

static void end_round(void)
{
	const int fds[] = { lg.ctl, lg.own, lg.own_read, lg.out, lg.err, lg.out_w, lg.err_w,
		lg.journal, kept, writer };

	end();
	for (size_t i = 0; i < sizeof fds / sizeof *fds; i++)
		close(fds[i]);
}

/* True: it went to sleep before its n-th stop. It is dead in any case. */
static bool kill_at(int n)
{
	int status, waited = 0;

	cr_assert_eq(ptrace(PTRACE_SEIZE, lg.pid, NULL, PTRACE_O_TRACESYSGOOD), 0);
	cr_assert_eq(ptrace(PTRACE_INTERRUPT, lg.pid, NULL, NULL), 0);
	cr_assert_eq(waitpid(lg.pid, &status, 0), lg.pid);
	for (int i = 0; i < LINES / 2; i++) {
		char text[32];
		snprintf(text, sizeof text, "line-%02d\n", i);
		say(writer, text);
	}
	say(writer, "line-");
	for (int i = 0; i < n && waited < IDLE_MS; i++) {
		cr_assert_eq(ptrace(PTRACE_SYSCALL, lg.pid, NULL, NULL), 0);
		for (waited = 0; waited < IDLE_MS && !waitpid(lg.pid, &status, WNOHANG); waited++)
			usleep(1000);
	}
	kill(lg.pid, SIGKILL);
	exit_status();
	close(lg.ctl);
	return waited >= IDLE_MS;
}

static void expect_lines(const char *text, bool once, int n)
{
	const char *at = text;
	char want[32];

	for (int i = 0; i < LINES; i++) {
		snprintf(want, sizeof want, " line-%02d\n", i);
		at = strstr(text, want);
		cr_expect_not_null(at, "line %d is missing in %s, killed at %d:\n%s", i,
			once ? "the files" : "stdout", n, text);
		cr_expect(!once || !at || !strstr(at + 1, want),
			"line %d is there twice, killed at %d:\n%s", i, n, text);
	}
}

static const char *all_files(void)
{
	static char all[4096];
	size_t used = 0;

	for (int k = 9; k >= 0; k--) {
		char rel[32];
		snprintf(rel, sizeof rel, k ? "log/a.log.%d" : "log/a.log", k);
		const char *text = file_text(rel);
		size_t len = strnlen(text, sizeof all - 1 - used);
		memcpy(all + used, text, len);
		used += len;
	}
	all[used] = '\0';
	return all;
}

Test(logger_kill, at_whatever_system_call_it_is_killed_a_file_has_each_line_once)
{
	bool slept = false;
	int n = 1;

	for (; !slept && n < 1000; n++) {
		char shown[4096] = "";
		begin_round();
		slept = kill_at(n);
		start(120);
		hand_over(1, "a", 1, BOTH, kept);
		for (int i = LINES / 2; i < LINES; i++) {
			char text[32];
			snprintf(text, sizeof text, i == LINES / 2 ? "%02d\n" : "line-%02d\n", i);
			say(writer, text);
		}
		finish();
		const char *text = drain(lg.out);
		memcpy(shown, text, strnlen(text, sizeof shown - 1));
		expect_lines(shown, false, n);
		expect_lines(all_files(), true, n);
		end_round();
	}
	cr_log_info("%d stops", n);
	cr_expect_gt(n, 30);
}

/* A header that some process wrote over: the next loggers run, and write what comes. */
Test(logger_kill, whatever_stands_in_the_journal_ends_no_logger)
{
	enum { BYTES = 900 * 1024 };
	char *bytes = malloc(BYTES);
	unsigned seed = 1;

	cr_assert_not_null(bytes);
	for (int round = 0; round < 24; round++) {
		begin_round();
		say(writer, "no end");
		settled();
		kill(lg.pid, SIGKILL);
		exit_status();
		close(lg.ctl);
		for (size_t i = 0; i < BYTES; i++)
			bytes[i] = (char)(round == 0   ? 0xff
					  : round == 1 ? 1
						       : rand_r(&seed) >> (round % 12));
		cr_assert_eq(pwrite(lg.journal, bytes, BYTES, 8), BYTES);
		lseek(lg.journal, round % 3 ? rand_r(&seed) : 0, SEEK_SET);
		start(0);
		hand_over(1, "a", 1, BOTH, kept);
		say(writer, "\nafter\n");
		finish();
		cr_expect_not_null(strstr(file_text("log/a.log"), " stdout after\n"), "%d: %s",
			round, content);
		end_round();
	}
	free(bytes);
}

/* --- a write that was begun --- */

#define OURS   "2026-05-14T02:05:13.470911Z stdout ours-of-some-length-so-that-it-is-more\n"
#define THEIRS "2026-05-14T02:05:13.470912Z stdout theirs\n"

static struct slot *intended(const char *before, struct journal **ret)
{
	struct stat st;

	begin_dir();
	mkdir(in_dir("log"), 0700);
	FILE *f = fopen(in_dir("log/a.log"), "w");
	cr_assert_not_null(f);
	fputs(before, f);
	fclose(f);
	cr_assert_eq(stat(in_dir("log/a.log"), &st), 0);
	*ret = journal_open(memfd_create("journal", MFD_CLOEXEC));
	cr_assert_not_null(*ret);
	struct slot *s = journal_slot(*ret, 1, 1);
	slot_now(s)->len = 50;
	journal_intend(*ret, s, 50,
		&(struct journal_write){
			.path = "a", .file = &st, .p = OURS, .n = sizeof OURS - 1 });
	return s;
}

static void goes_on(struct journal *j, const char *now, const char *want, struct slot *s, bool done)
{
	static char batch[LOG_FILES_BATCH];
	FILE *f = fopen(in_dir("log/a.log"), "w");

	cr_assert_not_null(f);
	fputs(now, f);
	fclose(f);
	struct log_files *fs = log_files_new(in_dir("log"), batch, j);
	cr_expect_str_eq(file_text("log/a.log"), want);
	cr_expect_eq(slot_now(s)->done[SLOT_FILE], done ? 50 : 0);
	cr_expect_null(journal_intent(j));
	log_files_free(fs);
	journal_close(j);
	remove_dir();
}

Test(logger_kill, a_write_that_was_begun_is_known_by_what_stands_there)
{
	struct journal *j;
	struct slot *s = intended("before\n", &j);

	goes_on(j, "before\n" OURS, "before\n" OURS, s, true);
	s = intended("before\n", &j);
	goes_on(j, "before\n", "before\n", s, false);
	s = intended("before\n", &j);
	goes_on(j, "before\n2026-05-14T02", "before\n", s, false);
}

Test(logger_kill, what_another_writer_added_is_neither_cut_nor_taken_for_ours)
{
	struct journal *j;
	struct slot *s = intended("before\n", &j);

	goes_on(j, "before\n" THEIRS, "before\n" THEIRS, s, false);
	s = intended("before\n", &j);
	goes_on(j, "before\n" THEIRS THEIRS, "before\n" THEIRS THEIRS, s, false);
	s = intended("before\n", &j);
	goes_on(j, "before\n" OURS THEIRS, "before\n" OURS THEIRS, s, true);
}

Test(logger_kill, a_file_that_was_emptied_before_the_write_has_it_at_its_start)
{
	struct journal *j;
	struct slot *s = intended(THEIRS THEIRS THEIRS, &j);

	goes_on(j, OURS, OURS, s, true);
}
