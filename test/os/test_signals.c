#include <criterion/criterion.h>
#include <poll.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>

#include "os/reap.h"
#include "os/sigfd.h"
#include "procs.h"

static uint64_t status_mask(const char *key)
{
	FILE *f = fopen("/proc/self/status", "r");
	char line[200];
	unsigned long long v = 0;

	while (f && fgets(line, sizeof line, f))
		if (strncmp(line, key, strlen(key)) == 0)
			sscanf(line + strlen(key), ": %llx", &v);
	if (f)
		fclose(f);
	return v;
}

/* KILL and STOP can't be blocked. */
#define ALL_BUT_TWO                                                                                \
	(~UINT64_C(0) & ~(UINT64_C(1) << (SIGKILL - 1)) & ~(UINT64_C(1) << (SIGSTOP - 1)))

static int next(int fd, bool *ret_ours)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };
	struct sig_got g;

	(void)poll(&p, 1, 1000);
	if (!sigfd_next(fd, &g))
		return 0;
	*ret_ours = g.ours;
	return g.sig;
}

static void from_a_child(int sig)
{
	pid_t self = getpid(), pid = fork();

	if (pid == 0)
		_exit(kill(self, sig) < 0);
	waitpid(pid, NULL, 0);
}

Test(os_signals, all_signals_are_blocked_those_that_a_libc_hides_too)
{
	cr_assert_geq(sigfd_open(), 0);
	cr_expect_eq(status_mask("SigBlk"), ALL_BUT_TWO);
}

/* In a process of its own: the test runner has threads, which block nothing. */
static void expect_in_a_fork(void (*fn)(void))
{
	int status = 1;
	pid_t pid = fork();

	if (pid == 0) {
		fn();
		_exit(0);
	}
	waitpid(pid, &status, 0);
	cr_expect_eq(status, 0, "status %x", status);
}

static void each_from_outside(void)
{
	int fd = sigfd_open();

	for (int sig = 1; sig <= 64; sig++) {
		bool ours = true;
		int got;
		if (sig == SIGKILL || sig == SIGSTOP || sig == SIGCHLD)
			continue;
		from_a_child(sig);
		while ((got = next(fd, &ours)) == SIGCHLD)
			continue;
		MUST(got == sig);
		MUST(!ours);
	}
}

Test(os_signals, every_signal_from_outside_is_read_as_one_from_outside)
{
	expect_in_a_fork(each_from_outside);
}

Test(os_signals, what_we_send_ourselves_is_ours)
{
	int fd = sigfd_open();
	bool ours = false;

	kill(getpid(), SIGTERM);
	cr_expect_eq(next(fd, &ours), SIGTERM);
	cr_expect(ours);
}

Test(os_signals, the_pipe_signal_of_our_own_write_is_ours)
{
	int fd = sigfd_open(), p[2];
	bool ours = false;

	cr_assert_eq(pipe(p), 0);
	close(p[0]);
	cr_expect_lt(write(p[1], "x", 1), 0);
	cr_expect_eq(next(fd, &ours), SIGPIPE);
	cr_expect(ours);
}

Test(os_signals, the_size_signal_of_our_own_write_is_ours)
{
	struct rlimit rl = { 0, 0 };
	int fd = sigfd_open(), file = fileno(tmpfile());
	bool ours = false;

	setrlimit(RLIMIT_FSIZE, &rl);
	cr_expect_lt(write(file, "x", 1), 0);
	cr_expect_eq(next(fd, &ours), SIGXFSZ);
	cr_expect(ours);
}

Test(os_signals, the_exit_code_of_a_child_is_not_lost_where_sigchld_came_ignored)
{
	signal(SIGCHLD, SIG_IGN);
	int fd = sigfd_open(), code = 0, sig = 0;
	struct reap_use use = { 0 };
	bool ours;

	pid_t pid = fork();
	if (pid == 0) {
		(void)mmap(NULL, 32 << 20, PROT_READ | PROT_WRITE,
			MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
		_exit(7);
	}
	cr_expect_eq(next(fd, &ours), SIGCHLD);
	cr_expect_eq(reap_peek(), pid);
	cr_expect_eq(reap_take(pid, &code, &sig, &use), 0);
	cr_expect_eq(code, 7);
	cr_expect_eq(sig, 0);
	cr_expect(use.peak_bytes >= 32 << 20 && use.peak_bytes < 256 << 20);
}

Test(os_signals, a_child_has_every_disposition_and_the_mask_again)
{
	for (int sig = 1; sig <= 64; sig++)
		signal(sig, SIG_IGN);
	(void)sigfd_open();
	pid_t pid = fork();
	if (pid == 0) {
		signals_reset();
		signals_unblock_all();
		/* glibc's own 32 and 33 are default already; they show like every other */
		MUST(status_mask("SigIgn") == 0);
		MUST(status_mask("SigCgt") == 0);
		MUST(status_mask("SigBlk") == 0);
		_exit(0);
	}
	int status = 1;
	waitpid(pid, &status, 0);
	cr_expect_eq(status, 0);
}

Test(os_signals, reaping_tells_codes_from_signals_and_takes_only_whom_it_is_asked_for)
{
	int code, sig;
	struct reap_use use;
	pid_t a = fork();

	if (a == 0) {
		raise(SIGKILL);
		_exit(1);
	}
	pid_t b = fork();
	if (b == 0)
		_exit(255);
	cr_expect_eq(reap_wait(b, 2000, &code, &sig), 0);
	cr_expect(code == 255 && sig == 0);
	cr_expect_eq(reap_wait(a, 2000, &code, &sig), 0);
	cr_expect(code == 128 + SIGKILL && sig == SIGKILL);
	cr_expect_eq(reap_peek(), 0);
	cr_expect_lt(reap_take(a, &code, &sig, &use), 0);
}

Test(os_signals, waiting_for_a_child_that_goes_on_ends_in_time)
{
	int code, sig;
	pid_t pid = fork();

	if (pid == 0) {
		pause();
		_exit(0);
	}
	int64_t began = clock_mono_ns();
	cr_expect_lt(reap_wait(pid, 50, &code, &sig), 0);
	cr_expect_lt(clock_mono_ns() - began, 1000 * NS_PER_MS);
	kill(pid, SIGKILL);
	cr_expect_eq(reap_wait(pid, 2000, &code, &sig), 0);
}
