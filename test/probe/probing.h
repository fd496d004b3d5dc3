/* What the tests of the checks share: one probe, its loop, and a host that notes what it says. */
#ifndef TEST_PROBE_PROBING_H
#define TEST_PROBE_PROBING_H

#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "probe/probe.h"

static struct loop *loop;
static struct probes *probes;
static struct probe *probe;
static struct health_check check;
static int64_t wake = INT64_MAX;
static int turns, ready, never, failing, runs, put_off;
static struct err last, err;
static char dir[] = "/tmp/sysg-probe-XXXXXX", path[100];
static bool free_when_told, busy;

/* How many descriptors are open; the numbers themselves are the test runner's too. */
static int descriptors(void)
{
	int n = 0;

	for (int fd = 0; fd < 1024; fd++)
		n += fcntl(fd, F_GETFD) >= 0;
	return n;
}

static void wake_at(void *arg, int64_t deadline_ns)
{
	(void)arg;
	wake = deadline_ns;
}

static void says(void *arg, enum probe_news news, const struct err *e)
{
	(void)arg;
	ready += news == PROBE_READY;
	never += news == PROBE_NEVER_READY;
	failing += news == PROBE_FAILING;
	put_off += news == PROBE_PUT_OFF;
	if (e)
		last = *e;
	if (free_when_told)
		probe = probe_free(probe);
}

static int run(void *arg, char *const *argv, pid_t *ret_pid, struct err *e)
{
	(void)arg;
	*ret_pid = 0;
	if (busy)
		return 0;
	runs++;
	pid_t pid = fork();
	if (pid == 0) {
		setsid();
		execv(argv[0], argv);
		_exit(127);
	}
	*ret_pid = pid;
	return pid < 0 ? err_set(e, ERR_EXEC_FAILED, errno, "fork") : 0;
}

static void cut(void *arg, pid_t pid)
{
	(void)arg;
	if (kill(-pid, SIGKILL) < 0)
		(void)kill(pid, SIGKILL);
}

static void begin(void)
{
	cr_assert_not_null(mkdtemp(dir));
	snprintf(path, sizeof path, "%s/up", dir);
	loop = loop_new();
	probes = probes_new(loop, NULL, wake_at);
	cr_assert_not_null(probes);
}

static void end(void)
{
	char cmd[100];

	probe_free(probe);
	probes_free(probes);
	loop_free(loop);
	snprintf(cmd, sizeof cmd, "rm -rf %s", dir);
	cr_expect_eq(system(cmd), 0);
}

static void start(enum check_kind kind, int64_t interval_ms, int64_t attempt_ms, int64_t total_ms,
	int retries)
{
	struct probe_host host = { .says = says, .run = run, .cut = cut, .clock = probes };

	check.kind = kind;
	check.interval_ns = interval_ms * NS_PER_MS;
	check.attempt_timeout_ns = attempt_ms * NS_PER_MS;
	check.total_timeout_ns = total_ms * NS_PER_MS;
	check.start_interval_ns = 20 * NS_PER_MS;
	check.retries = retries;
	probe = probe_new(&check, dir, &host, &err);
	cr_assert_not_null(probe);
	cr_expect_eq(ready + never + failing, 0, "nothing is said from within");
}

static void turn(int64_t most_ns)
{
	int64_t now = clock_mono_ns(), left = wake - now < most_ns ? wake - now : most_ns;
	int status;

	turns++;
	(void)loop_wait(loop, left <= 0 ? 0 : (int)(left / NS_PER_MS) + 1);
	(void)loop_run(loop, &(int64_t){ INT64_MAX });
	for (pid_t pid; (pid = waitpid(-1, &status, WNOHANG)) > 0;)
		if (probe)
			probe_exited(probe, pid,
				WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status));
	if (wake <= clock_mono_ns())
		probes_run(probes, clock_mono_ns());
}

/* Goes round until *what is set, at most so long. */
static int64_t until(const int *what, int64_t most_ms)
{
	int64_t began = clock_mono_ns(), now;

	while (!*what && (now = clock_mono_ns()) - began < most_ms * NS_PER_MS)
		turn(5 * NS_PER_MS);
	return (clock_mono_ns() - began) / NS_PER_MS;
}

#endif
