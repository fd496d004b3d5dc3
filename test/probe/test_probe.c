#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <poll.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "os/filewatch.h"
#include "probing.h"

TestSuite(probe, .init = begin, .fini = end, .timeout = 30);

static void make_file(void)
{
	close(open(path, O_WRONLY | O_CREAT, 0644));
}

/* --- command ---------------------------------------------------------------------------------------- */

static char *sh[] = { "/bin/sh", "-c", NULL, NULL };

static void command(char *script)
{
	sh[2] = script;
	check.argv = sh;
}

Test(probe, a_command_that_answers_nought_is_ready_once)
{
	command("exit 0");
	start(CHECK_COMMAND, 30, 1000, 5000, 1);
	until(&ready, 2000);
	cr_expect_eq(ready, 1);
	until(&failing, 200);
	cr_expect_eq(ready, 1, "said once");
	cr_expect_gt(runs, 2, "it is still asked");
	cr_expect_eq(never + failing, 0);
}

Test(probe, retries_failures_in_a_row_are_failing_and_one_less_is_not)
{
	char script[300];

	/* ready, then two failures, a success, three failures */
	snprintf(script, sizeof script,
		"echo >>%s; n=$(wc -l <%s); case $n in 1|4) exit 0;; *) exit 3;; esac", path, path);
	command(script);
	start(CHECK_COMMAND, 30, 1000, 5000, 3);
	until(&failing, 5000);
	cr_expect_eq(ready, 1);
	cr_expect_eq(failing, 1);
	cr_expect_eq(runs, 7);
	cr_expect_eq(last.code, ERR_CHECK_UNHEALTHY);
	int64_t before = runs;
	until(&never, 150);
	cr_expect_eq(runs, before, "it does nothing any more");
}

Test(probe, one_that_is_never_ready_is_told_so_once_its_time_is_spent_and_no_earlier)
{
	command("exit 1");
	start(CHECK_COMMAND, 30, 1000, 300, 2);
	int64_t ms = until(&never, 5000);
	cr_expect_eq(never, 1);
	cr_expect(ms >= 300 && ms < 2000, "%d ms", (int)ms);
	cr_expect_eq(ready + failing, 0);
}

Test(probe, an_attempt_whose_command_has_to_wait_for_an_earlier_one_runs_it_then)
{
	busy = true;
	command("exit 0");
	start(CHECK_COMMAND, 30, 5000, 5000, 1);
	until(&ready, 100);
	cr_expect_eq(ready + runs, 0);
	probe_again(probe); /* it is still to wait */
	busy = false;
	probe_again(probe);
	probe_again(probe);
	cr_expect_eq(runs, 1);
	until(&ready, 2000);
	cr_expect_eq(ready, 1);
	probe_again(probe);
	cr_expect_eq(runs, 1, "between two attempts there is nothing to run");
}

Test(probe, an_attempt_whose_command_has_to_wait_too_long_is_too_slow)
{
	busy = true;
	command("exit 0");
	start(CHECK_COMMAND, 30, 100, 100, 2);
	until(&never, 2000);
	cr_expect_eq(never, 1);
	cr_expect_eq(last.code, ERR_CHECK_SLOW);
}

Test(probe, a_command_that_hangs_is_killed_with_its_group_and_counts_as_too_slow)
{
	char script[200];
	FILE *f;
	int inner = 0;

	snprintf(script, sizeof script, "sleep 1000 & echo $! >%s; wait", path);
	command(script);
	start(CHECK_COMMAND, 30, 200, 100, 1);
	until(&never, 5000);
	cr_expect_eq(never, 1);
	cr_expect_eq(last.code, ERR_CHECK_SLOW);
	f = fopen(path, "r");
	cr_assert_not_null(f);
	cr_assert_eq(fscanf(f, "%d", &inner), 1);
	fclose(f);
	for (int i = 0; i < 100 && kill(inner, 0) == 0; i++)
		turn(10 * NS_PER_MS);
	char stat[64] = "", line[200] = "";
	snprintf(stat, sizeof stat, "/proc/%d/stat", inner);
	f = fopen(stat, "r"); /* gone, or a zombie of whoever adopted it */
	cr_expect(!f || (fgets(line, sizeof line, f) && strstr(line, ") Z ")), "%s", line);
	if (f)
		fclose(f);
}

Test(probe, freeing_a_probe_ends_its_command_even_one_that_has_no_group_yet)
{
	int status = 0;

	command("sleep 1000");
	for (int i = 0; i < 20; i++) {
		start(CHECK_COMMAND, 30, 5000, 5000, 1);
		probes_run(probes, clock_mono_ns());
		probe = probe_free(probe);
		pid_t pid = 0;
		for (int k = 0; k < 1000 && (pid = waitpid(-1, &status, WNOHANG)) == 0; k++)
			poll(NULL, 0, 1);
		cr_assert_gt(pid, 0, "the command goes on");
		cr_expect(WIFSIGNALED(status));
	}
}

Test(probe, a_pid_that_is_not_the_probe_s_is_ignored)
{
	command("sleep 1000");
	start(CHECK_COMMAND, 30, 5000, 5000, 1);
	turn(0);
	probe_exited(probe, 1, 0);
	probe_exited(probe, 0, 0);
	cr_expect_eq(ready, 0);
}

Test(probe, it_may_be_freed_from_within_what_it_says)
{
	command("exit 1");
	free_when_told = true;
	start(CHECK_COMMAND, 30, 1000, 1, 1);
	until(&never, 2000);
	cr_expect_eq(never, 1);
	cr_expect_null(probe);
}

/* --- many ------------------------------------------------------------------------------------------- */

enum { MANY = 40 };

static int first[MANY], nfirst;

static int note_who(void *arg, char *const *argv, pid_t *ret_pid, struct err *e)
{
	(void)argv;
	(void)e;
	*ret_pid = 0;
	first[nfirst++] = *(const int *)arg;
	return 0;
}

static void start_many(struct probe **many, int *number, int n)
{
	check.kind = CHECK_COMMAND;
	check.attempt_timeout_ns = 60 * NS_PER_SEC;
	for (int i = 0; i < n; i++) {
		struct probe_host host = { .arg = &number[i],
			.says = says,
			.run = note_who,
			.cut = cut,
			.clock = probes };
		number[i] = i;
		many[i] = probe_new(&check, dir, &host, &err);
		cr_assert_not_null(many[i]);
	}
}

Test(probe,
	of_40_that_are_due_at_once_16_begin_in_a_call_the_longest_due_first_and_all_within_three)
{
	struct probe *many[MANY];
	int number[MANY];
	static const int by_then[] = { 16, 32, MANY };

	start_many(many, number, MANY);
	for (int call = 0; call < 3; call++) {
		int64_t now = clock_mono_ns();
		probes_run(probes, now);
		cr_expect_eq(nfirst, by_then[call], "%d after call %d", nfirst, call + 1);
		if (call < 2)
			cr_expect_eq(
				wake, now + 1, "called again in the next turn, not in this one");
		else
			cr_expect_gt(wake, now + NS_PER_SEC, "none is left");
	}
	for (int i = 0; i < MANY; i++) {
		cr_expect_eq(first[i], i);
		probe_free(many[i]);
	}
}

Test(probe, of_16_that_are_due_at_once_none_is_left)
{
	struct probe *many[16];
	int number[16];

	start_many(many, number, 16);
	probes_run(probes, clock_mono_ns());
	cr_expect_eq(nfirst, 16);
	cr_expect_gt(wake, clock_mono_ns() + NS_PER_SEC);
	for (int i = 0; i < 16; i++)
		probe_free(many[i]);
}

/* --- file ------------------------------------------------------------------------------------------- */

Test(probe, a_file_is_seen_as_soon_as_it_is_made)
{
	check.target = path;
	start(CHECK_FILE, 5000, 1000, 60000, 1);
	check.start_interval_ns = 2000 * NS_PER_MS;
	until(&ready, 150);
	cr_expect_eq(ready, 0);
	make_file();
	cr_expect_lt(until(&ready, 1500), 500);
	cr_expect_eq(ready, 1);
}

Test(probe, a_file_below_the_working_directory_is_found)
{
	check.target = "up";
	make_file();
	start(CHECK_FILE, 30, 1000, 1000, 1);
	until(&ready, 1000);
	cr_expect_eq(ready, 1);
}

Test(probe, a_file_that_goes_is_failing)
{
	check.target = path;
	make_file();
	start(CHECK_FILE, 30, 1000, 1000, 2);
	until(&ready, 1000);
	unlink(path);
	until(&failing, 1000);
	cr_expect_eq(failing, 1);
	cr_expect_eq(last.code, ERR_CHECK_NOTHING);
}

Test(probe, a_link_counts_as_what_it_leads_to_and_is_never_followed_by_ourselves)
{
	check.target = path;
	start(CHECK_FILE, 30, 1000, 60000, 2);
	until(&ready, 100);
	cr_assert_eq(symlink("nowhere", path), 0);
	cr_expect_eq(file_look(path), -1);
	until(&ready, 200);
	cr_expect_eq(ready, 0, "a link that leads nowhere");
	unlink(path);
	cr_assert_eq(symlink("/etc/passwd", path), 0);
	until(&ready, 2000);
	cr_expect_eq(ready, 1);
}

Test(probe, a_directory_made_later_is_seen_too)
{
	char deep[120];

	snprintf(deep, sizeof deep, "%s/later/up", dir);
	check.target = deep;
	start(CHECK_FILE, 30, 1000, 60000, 1);
	until(&ready, 100);
	*strrchr(deep, '/') = '\0';
	cr_assert_eq(mkdir(deep, 0755), 0);
	deep[strlen(deep)] = '/';
	close(open(deep, O_WRONLY | O_CREAT, 0644));
	until(&ready, 2000);
	cr_expect_eq(ready, 1);
}

Test(probe, whoever_makes_files_as_fast_as_possible_beside_it_does_not_hold_a_turn_up)
{
	char name[200];
	pid_t flood[3];

	check.target = path;
	start(CHECK_FILE, 30, 1000, 60000, 1);
	until(&ready, 100);
	for (int i = 0; i < 3; i++)
		if ((flood[i] = fork()) == 0)
			for (unsigned k = 0;; k++) {
				snprintf(name, sizeof name, "%s/%d-%u", dir, i, k % 100);
				close(open(name, O_WRONLY | O_CREAT, 0644));
				unlink(name);
			}
	int64_t began = clock_mono_ns(), longest = 0;
	while (clock_mono_ns() - began < 1000 * NS_PER_MS) {
		int64_t now = clock_mono_ns();
		turn(0);
		int64_t took = clock_mono_ns() - now;
		longest = took > longest ? took : longest;
	}
	for (int i = 0; i < 3; i++)
		kill(flood[i], SIGKILL);
	cr_expect_lt(longest, 250 * NS_PER_MS, "a turn of %d ms", (int)(longest / NS_PER_MS));
	cr_expect_gt(turns, 100);
	make_file();
	until(&ready, 2000);
	cr_expect_eq(ready, 1);
}

Test(probe, events_come_a_bounded_number_at_a_time_and_none_is_left_out)
{
	int fd = inotify_open(), wds[INOTIFY_MOST], n = 0, calls = 0;
	char name[200];

	int wd = inotify_watch_dir_of(fd, path);
	cr_assert_geq(wd, 0);
	for (int i = 0; i < 500; i++) {
		snprintf(name, sizeof name, "%s/%d", dir, i);
		cr_assert_eq(mkdir(name, 0755), 0);
	}
	for (int got; (got = inotify_read(fd, wds, INOTIFY_MOST)) > 0; n += got, calls++)
		for (int i = 0; i < got; i++)
			cr_assert_eq(wds[i], wd);
	cr_expect_eq(n, 500);
	cr_expect_gt(calls, 500 / INOTIFY_MOST);
	close(fd);
}

/* As a mount that hangs: whoever asks for a file by access(2) from here on waits until the returned descriptor's owner
 * lets it go on. */
static int hang_questions(void)
{
	struct sock_filter f[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
#ifdef SYS_access
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_access, 1, 0),
#else
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
#endif
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_faccessat, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_USER_NOTIF),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog prog = { sizeof f / sizeof *f, f };

	cr_assert_eq(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), 0);
	return (int)syscall(
		SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_NEW_LISTENER, &prog);
}

static void let_go_on(int fd)
{
	struct seccomp_notif asked;
	struct seccomp_notif_resp go = { .flags = SECCOMP_USER_NOTIF_FLAG_CONTINUE };

	memset(&asked, 0, sizeof asked);
	cr_assert_eq(ioctl(fd, SECCOMP_IOCTL_NOTIF_RECV, &asked), 0);
	go.id = asked.id;
	cr_assert_eq(ioctl(fd, SECCOMP_IOCTL_NOTIF_SEND, &go), 0);
}

static int children_of_ours(void)
{
	char name[64], line[2000] = "";
	int n = 0;

	snprintf(name, sizeof name, "/proc/%d/task/%d/children", (int)getpid(), (int)getpid());
	FILE *f = fopen(name, "r");
	cr_assert_not_null(f);
	(void)!fgets(line, sizeof line, f);
	fclose(f);
	for (char *word = strtok(line, " \n"); word; word = strtok(NULL, " \n"))
		n++;
	return n;
}

Test(probe, while_a_question_hangs_no_second_one_is_asked_and_each_attempt_is_too_slow)
{
	check.target = path;
	make_file();
	int fd = hang_questions();
	cr_assert_geq(fd, 0);
	start(CHECK_FILE, 30, 40, 60000, 1);
	until(&ready, 400);
	cr_expect_eq(ready, 0);
	cr_expect_gt(probe_failures(probe), 2);
	cr_expect_eq(children_of_ours(), 1);
	/* an answer may come between two attempts: then the next one asks anew */
	for (int i = 0; i < 40 && !ready; i++) {
		struct pollfd question = { .fd = fd, .events = POLLIN };
		if (poll(&question, 1, 0) == 1)
			let_go_on(fd);
		until(&ready, 50);
	}
	cr_expect_eq(ready, 1);
	close(fd);
}

Test(probe, a_probe_that_goes_while_its_question_hangs_leaves_no_descriptor)
{
	int fd = hang_questions(), before = descriptors();

	cr_assert_geq(fd, 0);
	check.target = path;
	start(CHECK_FILE, 30, 40, 60000, 1);
	until(&ready, 100);
	probe = probe_free(probe);
	cr_expect_eq(descriptors(), before);
	close(fd); /* what hangs goes on, and ends */
}

Test(probe, no_descriptor_is_left_by_any_kind)
{
	int before = descriptors();

	check.host = "127.0.0.1";
	check.authority = check.host;
	check.path = "/";
	check.port = 1;
	check.target = path;
	command("exit 1");
	for (int kind = CHECK_COMMAND; kind <= CHECK_UNIX; kind++) {
		start((enum check_kind)kind, 30, 1000, 60000, 1);
		until(&ready, 100);
		probe = probe_free(probe);
	}
	probes = probes_free(probes);
	probes = probes_new(loop, NULL, wake_at);
	cr_expect_eq(descriptors(), before);
}
