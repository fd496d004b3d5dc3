#include <criterion/criterion.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <poll.h>
#include <stddef.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include "os/priv.h"
#include "os/reap.h"
#include "os/shut.h"
#include "os/sigfd.h"
#include "os/spawn.h"
#include "procs.h"

enum { OUT = 64 * 1024 };

static char out[OUT];
static struct err err;
static int code, sig;

static struct child_spec a_spec(char *const *argv)
{
	static char *const env[] = { "PATH=/usr/bin:/bin", "LANG=C", NULL };

	return (struct child_spec){
		.argv = argv, .envp = env, .fd = { -1, -1, -1 }, .cgroup_fd = -1
	};
}

/* How many descriptors are open; the numbers themselves are the test runner's too. */
static int descriptors(void)
{
	int n = 0;

	for (int fd = 0; fd < 1024; fd++)
		n += fcntl(fd, F_GETFD) >= 0;
	return n;
}

static int verdict(int fd, const char *program)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };

	cr_assert_eq(poll(&p, 1, 5000), 1);
	int rc = spawn_result(0, fd, program, &err);
	close(fd);
	return rc;
}

/* What the child says of itself on its stdout, into out. The verdict of its start. */
static int run(struct child_spec *spec)
{
	struct spawned s;
	int p[2];
	size_t n = 0;

	cr_assert_eq(pipe2(p, O_CLOEXEC), 0);
	spec->fd[1] = p[1];
	cr_assert_eq(spawn_start(spec, &s, &err), 0, "%s", err.msg);
	close(p[1]);
	for (ssize_t m; n < OUT - 1 && (m = read(p[0], out + n, OUT - 1 - n)) > 0;)
		n += (size_t)m;
	out[n] = '\0';
	close(p[0]);
	int rc = verdict(s.status_fd, spec->argv[0]);
	cr_assert_eq(reap_wait(s.pid, 5000, &code, &sig), 0);
	return rc;
}

static int run_sh(struct child_spec *spec, char *script)
{
	char *argv[] = { "/bin/sh", "-c", script, NULL };

	if (!spec->argv)
		*spec = a_spec(argv);
	spec->argv = argv;
	return run(spec);
}

static unsigned long long fact(const char *key)
{
	char want[40];
	unsigned long long v = ~0ULL;

	snprintf(want, sizeof want, "\n%s:\t", key);
	char *at = strstr(out, want);
	cr_assert_not_null(at, "no %s in %s", key, out);
	sscanf(at + strlen(want),
		strncmp(key, "Sig", 3) && strncmp(key, "Cap", 3) ? "%llu" : "%llx", &v);
	return v;
}

static void expect_status(struct child_spec *spec)
{
	char *argv[] = { "/bin/cat", "/proc/self/status", NULL };
	struct child_spec mine = a_spec(argv);

	if (!spec)
		spec = &mine;
	spec->argv = argv;
	cr_assert_eq(run(spec), 1, "%s", err.msg);
}

/* --- descriptors, signals, session
 * ------------------------------------------------------------------ */

Test(os_stages, a_child_has_its_three_descriptors_and_no_other)
{
	struct child_spec spec = { 0 };

	for (int i = 0; i < 300; i++) /* not close-on-exec: as something inherited would be */
		(void)open("/dev/null", O_RDONLY);
	/* 3 is the directory that ls itself reads */
	cr_assert_eq(run_sh(&spec, "ls /proc/self/fd; readlink /proc/self/fd/0"), 1);
	cr_expect_str_eq(out, "0\n1\n2\n3\n/dev/null\n");
}

static void gets_a_fourth(int as)
{
	char *argv[] = { "/bin/sh", "-c", NULL, NULL }, script[100], got[8] = "", want[40];
	struct child_spec spec = a_spec(argv);
	struct rlimit files;
	int p[2];

	getrlimit(RLIMIT_NOFILE,
		&files); /* as the init has it: others are needed above the highest */
	files.rlim_cur = files.rlim_max;
	setrlimit(RLIMIT_NOFILE, &files);
	for (int i = 0; i < 300; i++)
		(void)open("/dev/null", O_RDONLY);
	cr_assert_eq(pipe2(p, O_CLOEXEC), 0);
	spec.extra_as = as;
	spec.extra_fd = p[1];
	/* bash of its own accord keeps none below 255; ls has its directory at the first that is free */
	snprintf(script, sizeof script, "ls /proc/self/fd; /bin/bash -c 'echo up >&%d'", as);
	cr_assert_eq(run_sh(&spec, script), 1);
	snprintf(want, sizeof want, as == 3 ? "0\n1\n2\n3\n4\n" : "0\n1\n%s2\n3\n%s",
		as == 10     ? "10\n"
		: as == 1023 ? "1023\n"
			     : "",
		as == 4 ? "4\n" : "");
	cr_expect_str_eq(out, want);
	close(p[1]);
	cr_expect_eq(read(p[0], got, sizeof got), 3);
	cr_expect_str_eq(got, "up\n");
	close(p[0]);
}

Test(os_stages, a_fourth_descriptor_is_passed_on_by_the_number_of_the_status_pipe_too)
{
	gets_a_fourth(3);
}

Test(os_stages, a_fourth_descriptor_is_passed_on_by_the_next_number)
{
	gets_a_fourth(4);
}

Test(os_stages, a_fourth_descriptor_is_passed_on_by_a_number_that_sources_are_moved_to)
{
	gets_a_fourth(10);
}

Test(os_stages, a_fourth_descriptor_is_passed_on_by_the_highest_number)
{
	gets_a_fourth(1023);
}

static void refuse_close_range(void)
{
	no_syscall(SYS_close_range);
}

static void shut_all_but_two(void)
{
	int keep[2] = { 250, 7 };

	for (int fd = 3; fd < 600; fd++)
		(void)dup2(2, fd);
	shut_from(5, keep);
	for (int fd = 0; fd < 700; fd++)
		MUST((fcntl(fd, F_GETFD) >= 0) == (fd < 5 || fd == 7 || fd == 250));
}

static void expect_in_a_fork(void (*first)(void), void (*fn)(void))
{
	int status = 1;
	pid_t pid = fork();

	if (pid == 0) {
		if (first)
			first();
		fn();
		_exit(0);
	}
	waitpid(pid, &status, 0);
	cr_expect_eq(status, 0, "status %x", status);
}

Test(os_stages, a_fork_lets_go_of_every_descriptor_but_those_it_keeps)
{
	expect_in_a_fork(NULL, shut_all_but_two);
}

Test(os_stages, without_close_range_it_lets_go_of_them_too)
{
	expect_in_a_fork(refuse_close_range, shut_all_but_two);
}

static void keep_none(void)
{
	shut_from(4, (const int[]){ -1, -1 });
	MUST(open("/dev/null", O_RDONLY) <= 4);
}

Test(os_stages, keeping_none_is_keeping_none)
{
	expect_in_a_fork(NULL, keep_none);
	expect_in_a_fork(refuse_close_range, keep_none);
}

Test(os_stages, descriptors_of_ours_may_be_any_numbers_also_those_they_become)
{
	char *argv[] = { "/bin/sh", "-c", "cat; echo err >&2", NULL };
	struct child_spec spec = a_spec(argv);
	int in[2], both[2];
	struct spawned s;

	cr_assert_eq(pipe2(in, O_CLOEXEC), 0);
	cr_assert_eq(pipe2(both, O_CLOEXEC), 0);
	cr_assert_eq(write(in[1], "in\n", 3), 3);
	close(in[1]);
	int keep1 = fcntl(1, F_DUPFD_CLOEXEC, 50), keep2 = fcntl(2, F_DUPFD_CLOEXEC, 50);
	dup2(both[1], 2); /* 1 from 2 and 2 from 2 */
	spec.fd[0] = in[0];
	spec.fd[1] = 2;
	spec.fd[2] = 2;
	int rc = spawn_start(&spec, &s, &err);
	dup2(keep2, 2);
	close(keep1);
	cr_assert_eq(rc, 0);
	cr_expect_eq(verdict(s.status_fd, "sh"), 1);
	reap_wait(s.pid, 5000, &code, &sig);
	ssize_t n = read(both[0], out, OUT);
	cr_expect_eq(n, 7);
	cr_expect_eq(memcmp(out, "in\nerr\n", 7), 0);
}

Test(os_stages, a_child_starts_with_default_signals_and_an_empty_mask_whatever_we_had)
{
	for (int s = 1; s < 32; s++)
		signal(s, SIG_IGN);
	signal(SIGCHLD, SIG_DFL);
	(void)sigfd_open();
	expect_status(NULL);
	cr_expect_eq(fact("SigBlk"), 0);
	cr_expect_eq(fact("SigIgn"), 0);
	cr_expect_eq(fact("SigPnd"), 0);
}

Test(os_stages, a_child_leads_a_session_of_its_own)
{
	struct child_spec spec = { 0 };
	int pid, pgrp, session;

	cr_assert_eq(run_sh(&spec, "read p x s pp g sid rest </proc/$$/stat; echo $p $g $sid"), 1);
	cr_assert_eq(sscanf(out, "%d %d %d", &pid, &pgrp, &session), 3);
	cr_expect(pid == pgrp && pid == session, "%s", out);
}

/* --- limits and marks
 * ------------------------------------------------------------------------------- */

Test(os_stages, the_mark_is_worn_soft_and_hard)
{
	char *argv[] = { "/bin/cat", "/proc/self/limits", NULL };
	struct child_spec spec = a_spec(argv);
	unsigned long long soft = 0, hard = 0;

	spec.mark = 0x123456789abcdULL;
	cr_assert_eq(run(&spec), 1);
	char *line = strstr(out, "Max file locks");
	cr_assert_not_null(line);
	sscanf(line, "Max file locks %llu %llu", &soft, &hard);
	cr_expect_eq(soft, spec.mark);
	cr_expect_eq(hard, spec.mark);
}

Test(os_stages, the_soft_limit_of_descriptors_goes_back_to_what_it_was)
{
	struct child_spec spec = { 0 };
	struct rlimit rl;

	getrlimit(RLIMIT_NOFILE, &rl);
	rl.rlim_cur = rl.rlim_max;
	setrlimit(RLIMIT_NOFILE, &rl);
	char *none[] = { NULL };
	spec = a_spec(none);
	spec.nofile_soft = 123;
	cr_assert_eq(run_sh(&spec, "ulimit -Sn"), 1);
	cr_expect_str_eq(out, "123\n");
}

/* --- not an escape
 * ---------------------------------------------------------------------------------- */

static const uint64_t CHOWN_BIT = 1 << 0, KILL_BIT = 1 << 5, SETUID_BIT = 1 << 7;

static struct child_confine as_ours(void)
{
	struct child_confine c = { .cap_bounding = ~UINT64_C(0), .umask = 022 };
	uint64_t effective;

	cr_assert_eq(priv_get_caps(&c.cap_permitted, &effective, &c.cap_inheritable), 0);
	for (int r = 0; r < CHILD_RLIMITS; r++) {
		struct rlimit rl;
		getrlimit(r, &rl);
		c.rlim_soft[r] = rl.rlim_cur == RLIM_INFINITY ? UINT64_MAX : rl.rlim_cur;
		c.rlim_hard[r] = rl.rlim_max == RLIM_INFINITY ? UINT64_MAX : rl.rlim_max;
	}
	return c;
}

static void confined(const struct child_cred *cred, const struct child_confine *c)
{
	char *none[] = { NULL };
	struct child_spec spec = a_spec(none);

	spec.cred = cred;
	spec.confine = c;
	expect_status(&spec);
}

Test(os_stages, a_child_of_a_caller_of_uid_0_holds_no_more_than_the_caller_held)
{
	struct child_confine c = as_ours();
	struct child_cred root = { 0 };

	c.cap_permitted = CHOWN_BIT | KILL_BIT;
	confined(&root, &c);
	cr_expect_eq(fact("CapPrm"), CHOWN_BIT | KILL_BIT);
	cr_expect_eq(fact("CapEff"), CHOWN_BIT | KILL_BIT);
	cr_expect_eq(fact("CapBnd"), CHOWN_BIT | KILL_BIT);
	c.cap_permitted = 0;
	confined(&root, &c);
	cr_expect_eq(fact("CapPrm"), 0);
	cr_expect_eq(fact("CapBnd"), 0);
}

Test(os_stages, an_inheritable_set_is_no_way_past_the_permitted_one)
{
	struct child_confine c = as_ours();
	struct child_cred root = { 0 };

	c.cap_permitted = CHOWN_BIT;
	c.cap_inheritable = CHOWN_BIT | KILL_BIT;
	confined(&root, &c);
	cr_expect_eq(fact("CapPrm"), CHOWN_BIT);
	cr_expect_eq(fact("CapInh"), CHOWN_BIT);
}

Test(os_stages, a_bounding_set_is_the_caller_s_under_another_uid_too)
{
	struct child_confine c = as_ours();
	struct child_cred user = { .uid = 4242, .gid = 4243 };

	c.cap_permitted = 0;
	c.cap_bounding = SETUID_BIT;
	c.cap_inheritable =
		CHOWN_BIT | SETUID_BIT; /* one of them past the bounding set, as a kernel lets be */
	confined(&user, &c);
	cr_expect_eq(fact("CapBnd"), SETUID_BIT);
	cr_expect_eq(fact("CapPrm"), 0);
	cr_expect_eq(fact("CapInh"), SETUID_BIT);
	cr_expect_eq(fact("CapAmb"), 0);
}

Test(os_stages, ambient_capabilities_of_a_caller_go_on_under_its_uid)
{
	struct child_confine c = as_ours();
	struct child_cred user = { .uid = 4242, .gid = 4243 };

	c.cap_permitted = c.cap_inheritable = KILL_BIT | CHOWN_BIT;
	c.cap_ambient = KILL_BIT;
	confined(&user, &c);
	cr_expect_eq(fact("CapAmb"), KILL_BIT);
	cr_expect_eq(fact("CapPrm"), KILL_BIT);
	cr_expect_eq(fact("CapEff"), KILL_BIT);
}

Test(os_stages, all_four_ids_and_the_groups_are_those_it_was_given)
{
	const gid_t groups[] = { 4243, 5, 6 };
	struct child_cred user = { .uid = 4242, .gid = 4243, .groups = groups, .ngroups = 3 };
	struct child_confine c = as_ours();

	confined(&user, &c);
	cr_expect_not_null(strstr(out, "\nUid:\t4242\t4242\t4242\t4242\n"), "%s", out);
	cr_expect_not_null(strstr(out, "\nGid:\t4243\t4243\t4243\t4243\n"));
	cr_expect_not_null(strstr(out, "\nGroups:\t5 6 4243 \n"));
}

Test(os_stages, no_groups_are_no_groups_and_one_named_twice_hides_no_other)
{
	struct child_cred user = { .uid = 4242, .gid = 4243 };
	char *none[] = { NULL };
	struct child_spec spec = a_spec(none);

	cr_assert_eq(setgroups(2, (const gid_t[]){ 7, 7 }), 0);
	spec.cred = &user;
	expect_status(&spec);
	cr_expect_not_null(strstr(out, "\nGroups:\t \n"), "%s", out);
	user.groups = (const gid_t[]){ 7, 8 };
	user.ngroups = 2;
	expect_status(&spec);
	cr_expect_not_null(strstr(out, "\nGroups:\t7 8 \n"), "%s", out);
}

Test(os_stages, no_new_privs_and_umask_are_the_caller_s)
{
	struct child_confine c = as_ours();

	c.no_new_privs = true;
	c.umask = 0137;
	umask(0);
	confined(NULL, &c);
	cr_expect_eq(fact("NoNewPrivs"), 1);
	cr_expect_not_null(strstr(out, "\nUmask:\t0137\n"), "%s", out);
	c.no_new_privs = false;
	confined(NULL, &c);
	cr_expect_eq(fact("NoNewPrivs"), 0);
}

Test(os_stages, resource_limits_are_the_caller_s_and_never_above_ours)
{
	struct child_confine c = as_ours();
	char *none[] = { NULL };
	struct child_spec spec = a_spec(none);
	struct rlimit rl = { 1000, 2000 };

	setrlimit(RLIMIT_NOFILE, &rl);
	c.rlim_soft[RLIMIT_NOFILE] = 50;
	c.rlim_hard[RLIMIT_NOFILE] = 60;
	c.rlim_soft[RLIMIT_CORE] = c.rlim_hard[RLIMIT_CORE] = 0;
	spec.confine = &c;
	spec.nofile_soft = 900; /* of services: a caller's own counts instead */
	cr_assert_eq(run_sh(&spec, "ulimit -Sn; ulimit -Hn; ulimit -Hc"), 1);
	cr_expect_str_eq(out, "50\n60\n0\n");
	c.rlim_soft[RLIMIT_NOFILE] = c.rlim_hard[RLIMIT_NOFILE] = 5000;
	cr_assert_eq(run_sh(&spec, "ulimit -Sn; ulimit -Hn"), 1);
	cr_expect_str_eq(out, "2000\n2000\n");
}

Test(os_stages, nice_policy_and_affinity_are_the_caller_s)
{
	struct child_confine c = as_ours();
	char *none[] = { NULL };
	struct child_spec spec = a_spec(none);

	c.nice = 7;
	c.sched_policy = 3; /* SCHED_BATCH */
	c.affinity[0] = 1;
	c.affinity_bytes = 8;
	spec.confine = &c;
	cr_assert_eq(run_sh(&spec, "set -- $(cat /proc/self/stat); eval echo \\${19} \\${41}; "
				   "grep Cpus_allowed_list /proc/self/status"),
		1, "%s", err.msg);
	cr_expect_str_eq(out, "7 3\nCpus_allowed_list:\t0\n");
}

Test(os_stages, the_oom_score_is_added_to_ours_and_bounded_and_leaves_us_undumpable)
{
	char *none[] = { NULL };
	struct child_spec spec = a_spec(none);
	struct child_cred user = { .uid = 4242, .gid = 4243 };
	int own = 0;

	FILE *f = fopen("/proc/self/oom_score_adj", "r");
	cr_assert_eq(fscanf(f, "%d", &own), 1);
	fclose(f);
	prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
	spec.cred = &user;
	spec.oom_score_adj = 100;
	cr_assert_eq(run_sh(&spec, "cat /proc/self/oom_score_adj"), 1);
	cr_expect_eq(atoi(out), own + 100 > 1000 ? 1000 : own + 100);
	spec.oom_score_adj = 5000;
	cr_assert_eq(run_sh(&spec, "cat /proc/self/oom_score_adj"), 1);
	cr_expect_eq(atoi(out), 1000);
	cr_expect_eq(priv_oom_score_adj(INT64_MIN, 1), 0);
	cr_expect_eq(prctl(PR_GET_DUMPABLE, 0, 0, 0, 0), 0);
}

Test(os_stages, the_death_signal_outlives_the_switch_of_user)
{
	char *argv[] = { "/bin/sleep", "100", NULL };
	struct child_spec spec = a_spec(argv);
	struct child_cred user = { .uid = 4242, .gid = 4243 };
	int p[2];
	pid_t pid = 0;

	spec.cred = &user;
	spec.die_with_parent = true;
	cr_assert_eq(prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0), 0);
	cr_assert_eq(pipe2(p, O_CLOEXEC), 0);
	pid_t parent = fork();
	if (parent == 0) {
		struct spawned s;
		MUST(spawn_start(&spec, &s, &err) == 0);
		struct pollfd q = { .fd = s.status_fd, .events = POLLIN };
		MUST(poll(&q, 1, 5000) == 1);
		MUST(spawn_result(s.pid, s.status_fd, "sleep", &err) == 1);
		MUST(write(p[1], &s.pid, sizeof s.pid) == sizeof s.pid);
		_exit(0);
	}
	cr_assert_eq(read(p[0], &pid, sizeof pid), (ssize_t)sizeof pid);
	cr_expect_eq(reap_wait(parent, 5000, &code, &sig), 0);
	cr_expect_eq(reap_wait(pid, 5000, &code, &sig), 0);
	cr_expect_eq(sig, SIGKILL);
}

Test(os_stages, a_child_that_is_killed_in_its_set_up_was_not_executed)
{
	int p[2];

	cr_assert_eq(pipe2(p, O_CLOEXEC), 0);
	pid_t pid = fork();
	if (pid == 0)
		for (;;)
			pause();
	close(p[1]);
	(void)kill(pid, SIGKILL);
	struct pollfd q = { .fd = p[0], .events = POLLIN };
	cr_assert_eq(poll(&q, 1, 5000), 1);
	cr_expect_eq(spawn_result(pid, p[0], "sleep", &err), -1);
	cr_expect(err.code == ERR_EXEC_FAILED && strstr(err.msg, "cut off"), "%s", err.msg);
	cr_expect_eq(spawn_result(0, p[0], "sleep", &err), 1, "without a pid nobody knows");
	cr_expect_eq(reap_wait(pid, 5000, &code, &sig), 0);
	close(p[0]);
}

/* --- directory and program
 * -------------------------------------------------------------------------- */

Test(os_stages, the_directory_is_entered_under_the_child_s_uid)
{
	char dir[] = "/tmp/sysg-stages-XXXXXX";
	char *none[] = { NULL };
	struct child_spec spec = a_spec(none);
	struct child_cred user = { .uid = 4242, .gid = 4243 };

	cr_assert_not_null(mkdtemp(dir)); /* 0700 and root's */
	spec.cwd = dir;
	cr_expect_eq(run_sh(&spec, "pwd"), 1);
	cr_expect_eq(strncmp(out, dir, strlen(dir)), 0, "%s", out);
	spec.cred = &user;
	cr_expect_eq(run_sh(&spec, "pwd"), -1);
	cr_expect_eq(err.sys, EACCES);
	cr_expect_not_null(strstr(err.msg, "could not enter the directory"), "%s", err.msg);
	rmdir(dir);
	spec.cred = NULL;
	cr_expect_eq(run_sh(&spec, "pwd"), -1);
	cr_expect_eq(err.sys, ENOENT);
	cr_expect_eq(code, 127);
}

static void expect_no_exec(char *program, int sys, const char *says)
{
	char *argv[] = { program, NULL };
	struct child_spec spec = a_spec(argv);

	cr_expect_eq(run(&spec), -1, "%s", program);
	cr_expect_eq(err.code, ERR_EXEC_FAILED);
	cr_expect_eq(err.sys, sys, "%s: errno %d", program, err.sys);
	cr_expect_not_null(strstr(err.msg, says), "%s", err.msg);
}

Test(os_stages, an_exec_that_fails_comes_back_with_its_errno_and_in_words)
{
	char file[] = "/tmp/sysg-stages-XXXXXX";

	expect_no_exec("/no/such", ENOENT, "no such file");
	expect_no_exec("no-such-program-here", ENOENT, "no such program in PATH");
	expect_no_exec("", ENOENT, "no such program");
	expect_no_exec("/etc/passwd", EACCES, "not executable");
	expect_no_exec("/tmp/", EACCES, "not executable");
	int fd = mkstemp(file);
	cr_assert_eq(write(fd, "plain words\n", 12), 12);
	fchmod(fd, 0755);
	close(fd);
	expect_no_exec(file, ENOEXEC, "no #! line");
	unlink(file);
}

Test(os_stages, a_program_is_looked_up_in_the_child_s_own_path)
{
	char dir[] = "/tmp/sysg-stages-XXXXXX", tool[100], path[200], *argv[] = { "tool", NULL };
	struct child_spec spec = a_spec(argv);
	char *env[] = { path, NULL };

	cr_assert_not_null(mkdtemp(dir));
	snprintf(tool, sizeof tool, "%s/tool", dir);
	FILE *f = fopen(tool, "w");
	fputs("#!/bin/sh\necho found\n", f);
	fclose(f);
	chmod(tool, 0755);
	cr_expect_eq(run(&spec), -1);
	snprintf(path, sizeof path, "PATH=/nowhere:/etc/passwd:%s", dir);
	spec.envp = env;
	cr_expect_eq(run(&spec), 1, "%s", err.msg);
	cr_expect_str_eq(out, "found\n");
	chmod(tool, 0644);
	cr_expect_eq(run(&spec), -1);
	cr_expect_eq(err.sys, EACCES);
	unlink(tool);
	rmdir(dir);
}

Test(os_stages, a_start_leaves_no_descriptor_behind)
{
	char *argv[] = { "/bin/true", NULL };
	int before = descriptors();

	for (int i = 0; i < 5; i++) {
		struct child_spec spec = a_spec(argv);
		cr_expect_eq(run(&spec), 1);
	}
	cr_expect_eq(descriptors(), before);
}

/* --- what its service is confined to
 * ------------------------------------------------------------------ */

static struct child_fence no_fence(void)
{
	struct child_fence f = { 0 };

	for (int i = 0; i < FENCE_NUMBERS; i++)
		f.v[i] = FENCE_UNSET;
	return f;
}

Test(os_stages, a_fence_lowers_what_a_caller_has_and_raises_nothing)
{
	struct child_fence f = no_fence();
	struct child_confine c = as_ours();
	struct child_spec spec = { 0 };

	c.rlim_soft[RLIMIT_NOFILE] = 200;
	c.rlim_hard[RLIMIT_NOFILE] = 300;
	c.rlim_soft[RLIMIT_CORE] = c.rlim_hard[RLIMIT_CORE] = 512;
	c.nice = 5;
	f.v[FENCE_NOFILE] = 250;
	f.v[FENCE_CORE] = -1;
	f.v[FENCE_NICE] = 3;
	(void)run_sh(&spec, "true");
	spec.confine = &c;
	spec.fence = &f;
	cr_assert_eq(run_sh(&spec, "ulimit -Sn; ulimit -Hn; ulimit -Sc; nice"), 1, "%s", err.msg);
	cr_expect_str_eq(out, "200\n250\n1\n5\n");
}

Test(os_stages, what_a_caller_has_beyond_what_its_service_keeps_its_child_has_not)
{
	struct child_fence f = no_fence();
	struct child_confine c = as_ours();
	struct child_cred user = { .uid = 4242, .gid = 4243 };
	struct child_spec spec = a_spec(NULL);

	f.has_caps = true;
	f.caps = KILL_BIT;
	c.cap_permitted = c.cap_inheritable = c.cap_ambient = KILL_BIT | CHOWN_BIT;
	spec.cred = &user;
	spec.confine = &c;
	spec.fence = &f;
	expect_status(&spec);
	cr_expect_eq(fact("CapPrm"), KILL_BIT);
	cr_expect_eq(fact("CapAmb"), KILL_BIT);
	cr_expect_eq(fact("CapInh"), KILL_BIT);
	cr_expect_eq(fact("CapBnd"), KILL_BIT);
}
