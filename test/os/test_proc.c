#include <criterion/criterion.h>
#include <fcntl.h>
#include <grp.h>
#include <pthread.h>
#include <string.h>
#include <sys/stat.h>

#include "os/proc.h"
#include "procs.h"

Test(proc, stat_is_counted_from_the_last_bracket)
{
	struct proc_stat st;

	prctl(PR_SET_NAME, "a) R 1 2 (b) Z");
	cr_assert_eq(proc_stat_read(getpid(), &st), 0);
	cr_expect_eq(st.pid, getpid());
	cr_expect_eq(st.ppid, getppid());
	cr_expect_eq(st.pgrp, getpgrp());
	cr_expect_eq(st.session, getsid(0));
	cr_expect_eq(st.state, 'R');
	cr_expect_geq(st.threads, 1);
	cr_expect_gt(st.start, 0);
	cr_expect(!st.kthread && proc_alive(&st));
}

Test(proc, what_has_gone_is_esrch)
{
	struct proc_stat st;
	struct proc_status status;
	uint64_t soft[16], hard[16];
	pid_t pid = fork();

	if (pid == 0)
		_exit(0);
	char path[32];
	snprintf(path, sizeof path, "/proc/%d", (int)pid);
	int dir = open(path, O_RDONLY | O_DIRECTORY);
	waitpid(pid, NULL, 0);
	errno = 0;
	cr_expect(proc_stat_read(pid, &st) < 0 && errno == ESRCH);
	errno = 0;
	cr_expect(proc_stat_read_at(dir, &st) < 0 && errno == ESRCH);
	errno = 0;
	cr_expect(proc_status_read(pid, &status) < 0 && errno == ESRCH);
	errno = 0;
	cr_expect(proc_limits_read(pid, soft, hard) < 0 && errno == ESRCH);
	errno = 0;
	cr_expect(proc_stat_read(0, &st) < 0 && errno == ESRCH);
}

Test(proc, want_of_descriptors_is_told_from_a_process_that_has_gone)
{
	struct rlimit rl = { 3, 3 };
	struct proc_stat st;

	int fd = dup(0);
	cr_assert_geq(fd, 3);
	setrlimit(RLIMIT_NOFILE, &rl);
	int r = proc_stat_read(getpid(), &st), e = errno;
	struct proc_iter *it = proc_iter_new();
	int e2 = errno;
	cr_expect(r < 0 && e == EMFILE);
	cr_expect(!it && e2 == EMFILE);
}

static void *sleeper(void *arg)
{
	wait_for_ever();
	return arg;
}

static void leader_leaves(void)
{
	pthread_t t;

	pthread_create(&t, NULL, sleeper, NULL);
	pthread_exit(NULL);
}

Test(proc, a_zombie_lives_while_it_has_a_second_thread)
{
	struct proc_stat st;
	pid_t a = marked(0, leader_leaves), b = fork();

	if (b == 0)
		_exit(0);
	ms_sleep(50);
	cr_assert_eq(proc_stat_read(a, &st), 0);
	cr_expect_eq(st.state, 'Z');
	cr_expect(proc_alive(&st));
	cr_assert_eq(proc_stat_read(b, &st), 0);
	cr_expect_eq(st.state, 'Z');
	cr_expect(!proc_alive(&st));
	kill(a, SIGKILL);
}

static void many_groups(void)
{
	gid_t g[2000], *got = NULL;
	struct proc_status st;
	size_t n = 0;

	for (int i = 0; i < 2000; i++)
		g[i] = 100000 + (gid_t)i;
	MUST(setgroups(2000, g) == 0);
	umask(027);
	MUST(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0);
	MUST(setresgid(77, 78, 79) == 0 && setresuid(66, 67, 68) == 0);
	MUST(proc_status_read(getpid(), &st) == 0);
	MUST(st.uid[0] == 66 && st.uid[1] == 67 && st.uid[2] == 68 && st.uid[3] == 67);
	MUST(st.gid[0] == 77 && st.gid[1] == 78 && st.gid[2] == 79);
	MUST(st.umask == 027 && st.no_new_privs && st.seccomp == 0);
	MUST(st.cap_permitted == 0 && st.cap_bounding != 0);
	MUST(proc_groups_read(getpid(), &got, &n) == 0 && n == 2000);
	MUST(memcmp(got, g, sizeof g) == 0);
}

Test(proc, status_is_read_past_a_line_of_any_length)
{
	cr_expect_eq(run_forked(many_groups), 0);
}

Test(proc, limits_are_those_of_getrlimit)
{
	uint64_t soft[16], hard[16];
	struct rlimit rl = { 0 };

	setrlimit(RLIMIT_CORE, &(struct rlimit){ 0, 4096 });
	cr_assert_eq(proc_limits_read(getpid(), soft, hard), 0);
	for (int i = 0; i < 16; i++) {
		getrlimit(i, &rl);
		cr_expect_eq(
			soft[i], rl.rlim_cur == RLIM_INFINITY ? UINT64_MAX : rl.rlim_cur, "%d", i);
		cr_expect_eq(
			hard[i], rl.rlim_max == RLIM_INFINITY ? UINT64_MAX : rl.rlim_max, "%d", i);
	}
}

Test(proc, the_walk_meets_every_process_once)
{
	pid_t pid[300], p;
	int met[300] = { 0 };
	struct proc_iter *it = NULL;

	for (int i = 0; i < 300; i++)
		if ((pid[i] = fork()) == 0)
			wait_for_ever();
	it = proc_iter_new();
	while ((p = proc_iter_next(it)))
		for (int i = 0; i < 300; i++)
			met[i] += pid[i] == p;
	proc_iter_free(it);
	for (int i = 0; i < 300; i++) {
		cr_expect_eq(met[i], 1);
		kill(pid[i], SIGKILL);
	}
}

static void old_proc(void)
{
	MUST(!proc_is_ours());
}

Test(proc, another_namespaces_proc_is_not_ours)
{
	char path[512];
	int64_t rss = 0;
	int adj = -5000;

	cr_expect(proc_is_ours());
	cr_expect_eq(run_as_pid1(old_proc, false), 0);
	cr_expect_eq(proc_cgroup_read(getpid(), path, sizeof path), 0);
	cr_expect_eq(path[0], '/');
	cr_expect(proc_rss_read(getpid(), &rss) == 0 && rss > 100000);
	cr_expect(proc_oom_score_adj_read(getpid(), &adj) == 0 && adj >= -1000);
}
