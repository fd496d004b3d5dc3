#include <criterion/criterion.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <pthread.h>
#include <stddef.h>
#include <sys/syscall.h>

#include "os/proc.h"
#include "os/sweep.h"
#include "procs.h"

/* --- an init in small: reaps, tells the sweep, steps it ------------------------ */

static struct mark_range range;
static struct sweep *sw;
static struct sweep_target target, second;
static pid_t main_pid;
static bool gone[2];
static unsigned last_members, passes;

static void told(struct sweep_target *t, unsigned members, bool is_gone)
{
	passes++;
	if (t == &target)
		last_members = members;
	if (!is_gone)
		return;
	gone[t == &second] = true;
	sweep_del(sw, t);
}

static void reap_all(void)
{
	siginfo_t si;

	for (;;) {
		si.si_pid = 0;
		if (waitid(P_ALL, 0, &si, WEXITED | WNOHANG | WNOWAIT | __WALL) < 0 || !si.si_pid)
			return;
		if (si.si_pid == main_pid)
			sweep_poke(sw);
		else
			sweep_orphan(sw, si.si_pid);
		waitpid(si.si_pid, NULL, __WALL);
	}
}

/* Until *flag is true; false after ms. No step may take longer than the budget and a little. */
static int64_t longest_step;

static bool run_until(const bool *flag, int ms)
{
	int64_t end = clock_mono_ns() + ms * NS_PER_MS;

	while (!*flag && clock_mono_ns() < end) {
		reap_all();
		int64_t begun = clock_mono_ns(), wait = sweep_step(sw, begun, 2 * NS_PER_MS);
		int64_t took = clock_mono_ns() - begun;
		if (took > longest_step)
			longest_step = took;
		if (wait != 0)
			ms_sleep(1);
	}
	return *flag;
}

static void init_sweep(bool pid1)
{
	mark_range_init(&range, UINT64_MAX, 0x54321);
	sw = sweep_new(&range, pid1);
	MUST(sw);
	target = (struct sweep_target){
		.mark = mark_next(&range, NULL, NULL), .cgroup_kill_fd = -1, .fn = told
	};
	second = (struct sweep_target){
		.mark = mark_next(&range, NULL, NULL), .cgroup_kill_fd = -1, .fn = told
	};
	if (!pid1)
		MUST(prctl(PR_SET_CHILD_SUBREAPER, 1) == 0);
}

/* So many processes wear the mark within ten seconds. */
static bool members_come_to(uint64_t mark, unsigned n)
{
	for (int i = 0; i < 2000; i++, ms_sleep(5))
		if (sweep_members(sw, mark, 0, NULL, 0) == n)
			return true;
	return false;
}

static unsigned living(void)
{
	return sweep_members(sw, target.mark, target.session, NULL, 0);
}

static void start(void (*fn)(void))
{
	main_pid = marked(target.mark, fn);
	target.session = main_pid;
}

/* A unit of this shape is ended whole; at least so many processes lived before. */
static void ends(void (*fn)(void), unsigned at_least)
{
	start(fn);
	for (int i = 0; i < 200 && living() < at_least; i++)
		ms_sleep(5);
	MUST(living() >= at_least);
	sweep_add(sw, &target, SIGKILL);
	MUST(run_until(&gone[0], 8000));
	MUST(living() == 0);
	sweep_free(sw);
}

static int counts;

static void count(int sig)
{
	char c = 'x';

	(void)sig;
	MUST(write(counts, &c, 1) == 1);
}

/* --- shapes -------------------------------------------------------------------- */

static void background(void)
{
	for (int i = 0; i < 3; i++)
		if (fork() == 0)
			wait_for_ever();
	wait_for_ever();
}

static void in_sessions(void)
{
	if (fork() == 0) {
		setsid();
		if (fork() == 0) {
			setsid();
			wait_for_ever();
		}
		_exit(0);
	}
	if (fork() == 0) {
		setsid();
		wait_for_ever();
	}
	wait_for_ever();
}

static void main_ends(void)
{
	if (fork() == 0) {
		setsid();
		if (fork() == 0)
			wait_for_ever();
		_exit(0);
	}
	_exit(0);
}

static void ignores(void)
{
	signal(SIGTERM, SIG_IGN);
	signal(SIGHUP, SIG_IGN);
	background();
}

static void *forever(void *arg)
{
	wait_for_ever();
	return arg;
}

static void leader_leaves(void)
{
	pthread_t t;

	pthread_create(&t, NULL, forever, NULL);
	pthread_exit(NULL);
}

static void limited(unsigned uid, rlim_t n)
{
	MUST(setrlimit(RLIMIT_NPROC, &(struct rlimit){ n, n }) == 0);
	MUST(setresgid(uid, uid, uid) == 0 && setresuid(uid, uid, uid) == 0);
}

static void other_user(void)
{
	limited(54322, 50);
	background();
}

/* Those that fork without end have one all the same, should nobody end them. */
static int64_t bomb_until;

static void fuse(void)
{
	if (!bomb_until)
		bomb_until = clock_mono_ns() + 12 * NS_PER_SEC;
	if (clock_mono_ns() > bomb_until)
		_exit(0);
}

/* Forks and ends in a loop: never there when one looks. */
static void runner(void)
{
	limited(54323, 60);
	for (;;) {
		fuse();
		if (fork() > 0)
			_exit(0);
		setsid();
	}
}

static void bomb(void)
{
	limited(54324, 100);
	for (;;) {
		fuse();
		if (fork() == 0)
			setsid();
	}
}

#define SHAPE(name, fn, n)                                                                         \
	static void name##_pid1(void)                                                              \
	{                                                                                          \
		init_sweep(true);                                                                  \
		ends(fn, n);                                                                       \
	}                                                                                          \
	static void name##_sub(void)                                                               \
	{                                                                                          \
		init_sweep(false);                                                                 \
		ends(fn, n);                                                                       \
	}                                                                                          \
	Test(sweep, name##_is_ended_whole)                                                         \
	{                                                                                          \
		cr_expect_eq(run_as_pid1(name##_pid1, true), 0);                                   \
		cr_expect_eq(run_forked(name##_sub), 0);                                           \
	}

SHAPE(a_background_child, background, 4)
SHAPE(a_double_fork_with_setsid, in_sessions, 3)
SHAPE(what_an_ended_main_process_left, main_ends, 1)
SHAPE(one_that_ignores_term, ignores, 4)
SHAPE(a_process_whose_first_thread_ended, leader_leaves, 1)
SHAPE(another_user, other_user, 4)
SHAPE(one_that_forks_and_ends_in_a_loop, runner, 0)
SHAPE(a_fork_bomb_with_sessions, bomb, 50)

/* --- who can't be signalled ------------------------------------------------------ */

static void drop_caps(uint64_t keep_not)
{
	struct __user_cap_header_struct h = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct d[2];

	MUST(syscall(SYS_capget, &h, d) == 0);
	for (int i = 0; i < 2; i++) {
		d[i].effective &= ~(uint32_t)(keep_not >> (32 * i));
		d[i].permitted = d[i].effective;
		d[i].inheritable = 0;
	}
	MUST(syscall(SYS_capset, &h, d) == 0);
}

static void without_cap_kill(void)
{
	init_sweep(true);
	start(other_user);
	while (living() < 4)
		ms_sleep(2);
	drop_caps(UINT64_C(1) << CAP_KILL);
	MUST(kill(main_pid, SIGKILL) < 0 && errno == EPERM);
	sweep_add(sw, &target, SIGKILL);
	MUST(run_until(&gone[0], 3000));
	MUST(living() == 0);
}

Test(sweep, without_cap_kill_a_helper_takes_the_members_uid)
{
	cr_expect_eq(run_as_pid1(without_cap_kill, true), 0);
}

static void without_any(void)
{
	init_sweep(true);
	start(other_user);
	while (living() < 4)
		ms_sleep(2);
	drop_caps(UINT64_C(1) << CAP_KILL | UINT64_C(1) << CAP_SETUID);
	sweep_add(sw, &target, SIGKILL);
	MUST(!run_until(&gone[0], 300));
	MUST(last_members == 4);
	pid_t pids[2];
	MUST(sweep_members(sw, target.mark, 0, pids, 2) == 4 && pids[0] > 1);
	MUST(passes < 60); /* the timer grew */
}

Test(sweep, what_may_not_be_signalled_stays_a_member)
{
	cr_expect_eq(run_as_pid1(without_any, true), 0);
}

/* --- a kernel without pidfds ----------------------------------------------------- */

static void without_pidfd(void)
{
	init_sweep(true);
	no_syscall(434);
	MUST(syscall(434, getpid(), 0) < 0 && errno == ENOSYS);
	ends(background, 4);
}

static void with_half_of_pidfd(void)
{
	init_sweep(true);
	no_syscall(424);
	ends(in_sessions, 3);
}

Test(sweep, a_kernel_without_pidfds_ends_them_too)
{
	cr_expect_eq(run_as_pid1(without_pidfd, true), 0);
	cr_expect_eq(run_as_pid1(with_half_of_pidfd, true), 0);
}

static void old_proc(void)
{
	init_sweep(true);
	MUST(!proc_is_ours());
	start(background);
	ms_sleep(50);
	sweep_add(sw, &target, SIGKILL);
	MUST(run_until(&gone[0], 30000));
	MUST(kill(-1, 0) < 0 && errno == ESRCH);
}

Test(sweep, another_namespaces_proc_is_done_without)
{
	cr_expect_eq(run_as_pid1(old_proc, false), 0);
}

/* --- who is left alone ----------------------------------------------------------- */

static void strangers(void)
{
	init_sweep(false);
	pid_t bystander = marked(second.mark, wait_for_ever), plain = marked(0, wait_for_ever);
	/* Wears the mark, but is not below us: its parent is our own parent's child. */
	uint64_t mark = target.mark;
	int p[2];
	MUST(pipe(p) == 0);
	pid_t us = fork();
	if (us == 0) {
		MUST(prctl(PR_SET_CHILD_SUBREAPER, 1) == 0);
		sw = sweep_new(&range, false);
		start(background);
		MUST(members_come_to(target.mark, 4));
		sweep_add(sw, &target, SIGKILL);
		MUST(run_until(&gone[0], 3000));
		_exit(0);
	}
	pid_t stranger = marked(mark, wait_for_ever);
	int status = -1;
	MUST(waitpid(us, &status, 0) == us && status == 0);
	MUST(kill(stranger, 0) == 0 && waitpid(stranger, NULL, WNOHANG) == 0);
	MUST(waitpid(bystander, NULL, WNOHANG) == 0 && waitpid(plain, NULL, WNOHANG) == 0);
	sweep_spare(sw, stranger);
	MUST(living() == 0);
	kill(stranger, SIGKILL);
	kill(bystander, SIGKILL);
	kill(plain, SIGKILL);
}

Test(sweep, no_stranger_is_signalled_even_under_the_same_mark)
{
	cr_expect_eq(run_forked(strangers), 0);
}

static void by_session(void)
{
	init_sweep(true);
	target.mark = 0;
	start(background);
	pid_t other = marked(0, wait_for_ever);
	for (int i = 0; i < 2000 && living() < 4; i++)
		ms_sleep(5);
	MUST(living() == 4);
	sweep_add(sw, &target, SIGKILL);
	MUST(run_until(&gone[0], 3000));
	MUST(waitpid(other, NULL, WNOHANG) == 0);
}

Test(sweep, without_marks_the_session_says_who_belongs)
{
	cr_expect_eq(run_as_pid1(by_session, true), 0);
}

static void nested(void)
{
	struct mark_range inner;

	init_sweep(true);
	mark_range_init(&inner, target.mark, 0);
	uint64_t m = mark_next(&inner, NULL, NULL);
	MUST(m != 0);
	marked(m, wait_for_ever);
	MUST(living() == 1);
	sweep_add(sw, &target, SIGKILL);
	MUST(run_until(&gone[0], 3000));
	MUST(living() == 0);
}

Test(sweep, a_nested_inits_marks_count_with_the_unit_it_runs_in)
{
	cr_expect_eq(run_as_pid1(nested, true), 0);
}

/* --- each once ------------------------------------------------------------------- */

static void counters(void)
{
	signal(SIGTERM, count);
	for (int i = 0; i < 3; i++)
		if (fork() == 0)
			wait_for_ever();
	wait_for_ever();
}

static void once(void)
{
	char buf[64];
	int p[2];
	bool never = false;

	init_sweep(true);
	MUST(pipe(p) == 0);
	counts = p[1];
	start(counters);
	while (living() < 4)
		ms_sleep(2);
	MUST(kill(main_pid, SIGTERM) == 0);
	sweep_add(sw, &target, SIGTERM);
	sweep_mark_sent(sw, &target, main_pid);
	for (int i = 0, told = 0; told < 4 || i < 20; i++) {
		MUST(i < 1000);
		run_until(&never, 10);
		sweep_add(sw, &target, SIGTERM); /* the same again is no new signal */
		MUST(ioctl(p[0], FIONREAD, &told) == 0);
	}
	MUST(read(p[0], buf, sizeof buf) == 4);
	sweep_add(sw, &target, SIGKILL);
	MUST(run_until(&gone[0], 3000));
}

Test(sweep, a_signal_reaches_each_member_once_and_not_who_has_had_it)
{
	cr_expect_eq(run_as_pid1(once, true), 0);
}

/* --- gone, and not before ---------------------------------------------------------- */

static void orphan_counts(void)
{
	init_sweep(true);
	sweep_add(sw, &target, 0);
	/* One process that wears the mark ends while the pass is under way: the pass proves
	 * nothing. */
	pid_t pid = marked(target.mark, wait_for_ever);
	kill(pid, SIGKILL);
	siginfo_t si;
	waitid(P_PID, (id_t)pid, &si, WEXITED | WNOWAIT);
	for (int i = 0; i < 40; i++)
		marked(0, wait_for_ever);
	sweep_step(sw, clock_mono_ns(), 0); /* sixteen processes of it */
	MUST(!gone[0]);
	sweep_orphan(sw, pid);
	waitpid(pid, NULL, 0);
	unsigned before = passes;
	while (passes == before)
		sweep_step(sw, clock_mono_ns(), 0);
	MUST(!gone[0] && last_members == 0);
	MUST(run_until(&gone[0], 1000));
}

Test(sweep, an_orphan_reaped_during_the_pass_asks_for_another)
{
	cr_expect_eq(run_as_pid1(orphan_counts, true), 0);
}

static void added_midway(void)
{
	init_sweep(true);
	for (int i = 0; i < 40; i++)
		marked(0, wait_for_ever);
	sweep_add(sw, &target, 0);
	target.session = 0;
	sweep_step(sw, clock_mono_ns(), 0);
	sweep_add(sw, &second, 0);
	while (!gone[0])
		sweep_step(sw, clock_mono_ns(), 0);
	MUST(!gone[1]);
	MUST(run_until(&gone[1], 1000));
	MUST(sweep_step(sw, clock_mono_ns(), 0) == -1);
}

Test(sweep, what_came_in_the_midst_of_a_pass_waits_for_a_whole_one)
{
	cr_expect_eq(run_as_pid1(added_midway, true), 0);
}

static void main_alive_before(void)
{
	init_sweep(true);
	start(wait_for_ever);
	sweep_add(sw, &target, 0);
	sweep_step(sw, clock_mono_ns(), NS_PER_SEC);
	MUST(last_members == 1 && passes == 1);
	kill(main_pid, SIGKILL);
	waitpid(main_pid, NULL, 0);
	sweep_poke(sw);
	ms_sleep(5);
	sweep_step(sw, clock_mono_ns(), NS_PER_SEC);
	MUST(passes == 2 && last_members == 0 && !gone[0]); /* it may have forked behind this one */
	MUST(run_until(&gone[0], 1000) && passes == 3);
}

Test(sweep, only_a_pass_begun_after_the_main_process_was_seen_dead_says_gone)
{
	cr_expect_eq(run_as_pid1(main_alive_before, true), 0);
}

static void no_descriptors(void)
{
	bool never = false;

	init_sweep(true);
	start(other_user);
	while (living() < 4)
		ms_sleep(2);
	target.session = 0; /* the marks alone have to say it */
	sweep_add(sw, &target, 0);
	setrlimit(RLIMIT_NOFILE, &(struct rlimit){ 0, 4096 });
	run_until(&never, 50);
	setrlimit(RLIMIT_NOFILE, &(struct rlimit){ 256, 4096 });
	MUST(!gone[0]);
	/* Room for the walk alone: the members' limits, which prlimit(2) may not read, can't be
	 * opened. */
	rlim_t next = (rlim_t)dup(0);
	MUST(close((int)next) == 0);
	setrlimit(RLIMIT_NOFILE, &(struct rlimit){ next + 1, 4096 });
	unsigned before = passes;
	run_until(&never, 300);
	MUST(passes > before && last_members == 0 && !gone[0]);
	setrlimit(RLIMIT_NOFILE, &(struct rlimit){ 256, 4096 });
	sweep_add(sw, &target, SIGKILL);
	MUST(run_until(&gone[0], 3000));
}

Test(sweep, want_of_descriptors_is_never_taken_for_gone)
{
	cr_expect_eq(run_as_pid1(no_descriptors, true), 0);
}

static void looks_wait(void)
{
	bool never = false;

	init_sweep(true);
	start(wait_for_ever);
	sweep_add(sw, &target, 0);
	run_until(&never, 700);
	MUST(passes >= 2 && passes <= 4); /* at 0, 250 and 750 ms */
}

Test(sweep, a_look_waits_for_a_death_and_not_in_rounds)
{
	cr_expect_eq(run_as_pid1(looks_wait, true), 0);
}

/* --- everything stopped, everyone, leftovers ---------------------------------------- */

static char state_of(pid_t pid)
{
	struct proc_stat st;

	return proc_stat_read(pid, &st) == 0 ? st.state : '-';
}

static bool becomes(pid_t pid, char state)
{
	for (int i = 0; i < 400 && state_of(pid) != state; i++)
		ms_sleep(5);
	return state_of(pid) == state;
}

/* Makes new members from outside of the target, so that rounds go on. They may be killed before they have said that they are
 * there, and there may be no room for one. */
static void feeder(void)
{
	struct rlimit mark = { target.mark, target.mark };

	signal(SIGCHLD, SIG_IGN);
	while (clock_mono_ns() < bomb_until) {
		if (fork() == 0) {
			MUST(setsid() > 0 && setrlimit(RLIMIT_LOCKS, &mark) == 0);
			wait_for_ever();
		}
		usleep(200);
	}
	wait_for_ever();
}

static void told_late(struct sweep_target *t, unsigned members, bool is_gone)
{
	told(t, members, is_gone && clock_mono_ns() > bomb_until);
}

static void says_cont(void)
{
	signal(SIGCONT, count);
	for (;;)
		pause();
}

static pid_t kid;
static int jobs;

/* A shell would take a child that still stands for a stopped job. */
static void looks_at_its_job(int sig)
{
	int status;

	(void)sig;
	if (waitpid(kid, &status, WUNTRACED | WNOHANG) > 0 && WIFSTOPPED(status))
		MUST(write(jobs, "x", 1) == 1);
}

static void like_a_shell(void)
{
	if ((kid = fork()) == 0)
		wait_for_ever();
	signal(SIGCONT, looks_at_its_job);
	for (;;)
		pause();
}

/* It was stopped, and went on. */
static bool went_on(pid_t pid)
{
	siginfo_t si = { 0 };

	return waitid(P_PID, (id_t)pid, &si, WCONTINUED | WNOHANG) == 0 && si.si_pid == pid;
}

static void freezes(void)
{
	enum { SHELLS = 50 };
	char buf[64];
	int p[2], q[2];

	init_sweep(true);
	MUST(pipe2(p, O_NONBLOCK) == 0 && pipe2(q, O_NONBLOCK) == 0);
	counts = p[1];
	jobs = q[1];
	pid_t stopped = marked(0, says_cont), spare = marked(0, wait_for_ever),
	      other = marked(0, says_cont);
	for (int i = 0; i < SHELLS; i++)
		(void)marked(0, like_a_shell);
	ms_sleep(20);
	kill(stopped, SIGSTOP);
	sweep_spare(sw, spare);
	bomb_until = clock_mono_ns() + 2500 * NS_PER_MS;
	pid_t feed = fork();
	if (feed == 0)
		feeder();
	while (!living())
		;
	target.fn = told_late;
	sweep_add(sw, &target, SIGKILL);
	MUST(run_until(&gone[0], 20000));
	MUST(becomes(spare, 'S') && becomes(other, 'S') && becomes(feed, 'S'));
	MUST(state_of(stopped) == 'T');
	MUST(read(p[0], buf, sizeof buf) >= 1);
	MUST(went_on(other) && !went_on(stopped));
	/* children first: else most shells would have seen a job that stands. A few see the next stop, which has come already */
	MUST(read(q[0], buf, sizeof buf) < SHELLS / 2);
}

Test(sweep, after_a_second_of_new_members_all_is_stopped_and_put_right_again)
{
	cr_expect_eq(run_as_pid1(freezes, true), 0);
}

static void everyone(void)
{
	init_sweep(true);
	pid_t spare = marked(0, wait_for_ever);

	sweep_spare(sw, spare);
	marked(target.mark, ignores);
	pid_t other = marked(0, wait_for_ever);
	MUST(members_come_to(target.mark, 4)); /* they ignore TERM by then */
	MUST(sweep_everyone(sw, SIGTERM) == 5);
	for (int i = 0; i < 2000 && kill(other, 0) == 0; i++, ms_sleep(5))
		reap_all();
	MUST(sweep_everyone(sw, SIGKILL) == 4);
	MUST(members_come_to(target.mark, 0));
	reap_all();
	MUST(sweep_everyone(sw, SIGKILL) == 0);
	MUST(becomes(spare, 'S'));
}

Test(sweep, at_the_end_everyone_but_the_spare_one_is_signalled)
{
	cr_expect_eq(run_as_pid1(everyone, true), 0);
}

static void leftovers(void)
{
	struct mark_range other;

	init_sweep(true);
	mark_range_init(&other, UINT64_MAX, 0x11111);
	pid_t stranger = marked(mark_next(&other, NULL, NULL), wait_for_ever);
	marked(target.mark, background);
	marked(second.mark, in_sessions);
	MUST(members_come_to(target.mark, 4) && members_come_to(second.mark, 3));
	signal(SIGCHLD, SIG_IGN);
	MUST(sweep_leftovers(&range) == 0);
	MUST(sweep_members(sw, target.mark, 0, NULL, 0) +
			sweep_members(sw, second.mark, 0, NULL, 0) ==
		0);
	MUST(state_of(stranger) == 'S');
}

Test(sweep, what_a_killed_run_left_is_ended_by_its_upper_bits)
{
	cr_expect_eq(run_as_pid1(leftovers, true), 0);
}

/* --- cost ----------------------------------------------------------------------------- */

static void two_thousand(void)
{
	bool never = false;

	init_sweep(true);
	for (int i = 0; i < 2000; i++)
		if (fork() == 0)
			wait_for_ever();
	target.session = 0;
	sweep_add(sw, &second, 0);
	start(wait_for_ever);
	sweep_add(sw, &target, 0);
	longest_step = 0;
	run_until(&never, 200);
	MUST(last_members == 1);
	MUST(longest_step <
		100 * NS_PER_MS); /* a whole pass at once takes longer where the machine is busy */
}

Test(sweep, a_step_among_2000_processes_stays_inside_its_budget)
{
	cr_expect_eq(run_as_pid1(two_thousand, true), 0);
}
