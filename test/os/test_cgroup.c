#include <criterion/criterion.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "os/cgroup.h"
#include "os/proc.h"
#include "procs.h"

#define POINT "/mnt"

static struct cgroup *cg;
static char name[64];

/* The one hierarchy that the test sees, wherever the machine has it mounted, or whether: in a container of a runtime that
 * goes by v1 there is no other. */
static void mount_it(void)
{
	cr_assert(unshare(CLONE_NEWNS) == 0 &&
		  mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0);
	(void)umount2("/sys/fs/cgroup", MNT_DETACH);
	cr_assert_eq(mount("none", POINT, "cgroup2", 0, NULL), 0);
}

TestSuite(cgroup, .init = mount_it);

static void open_cgroup(void)
{
	MUST(cgroup_open(&cg) == 0);
	snprintf(name, sizeof name, "sysg.test.%d", (int)getpid());
}

static pid_t joined(int procs, void (*fn)(void))
{
	pid_t pid = fork();

	if (pid == 0) {
		MUST(write(procs, "0", 1) == 1);
		fn();
	}
	ms_sleep(50);
	return pid;
}

static void background(void)
{
	if (fork() == 0) {
		setsid();
		wait_for_ever();
	}
	wait_for_ever();
}

Test(cgroup, a_child_joins_by_itself_and_the_kill_file_ends_all)
{
	int procs = -1, kill_fd = -1;
	char path[512];

	open_cgroup();
	cr_assert_eq(cgroup_make(cg, name, &procs, &kill_fd), 0);
	cr_assert_geq(kill_fd, 0);
	cr_expect_eq(fcntl(procs, F_GETFD), FD_CLOEXEC);
	cr_expect_eq(fcntl(kill_fd, F_GETFD), FD_CLOEXEC);
	cr_expect_eq(cgroup_populated(cg, name), 0);
	pid_t pid = joined(procs, background);
	cr_expect_eq(proc_cgroup_read(pid, path, sizeof path), 0);
	cr_expect(strstr(path, name));
	cr_expect_eq(cgroup_populated(cg, name), 1);
	errno = 0;
	cr_expect(cgroup_remove(cg, name) < 0 && errno == EBUSY);
	errno = 0;
	cr_expect(cgroup_make(cg, name, &procs, &kill_fd) < 0 && errno == EEXIST);
	cr_expect_eq(write(kill_fd, "1", 1), 1);
	waitpid(pid, NULL, 0);
	for (int i = 0; i < 100 && cgroup_populated(cg, name) == 1; i++)
		ms_sleep(5);
	cr_expect_eq(cgroup_remove(cg, name), 0);
	cr_expect_eq(cgroup_remove(cg, name), 0, "one that isn't there is removed");
	cg = cgroup_free(cg);
}

Test(cgroup, a_group_left_behind_is_used_again_with_what_was_made_inside_removed)
{
	int procs = -1, kill_fd = -1;
	char link[64], path[1024];

	open_cgroup();
	cr_assert_eq(cgroup_make(cg, name, &procs, &kill_fd), 0);
	snprintf(link, sizeof link, "/proc/self/fd/%d", procs);
	ssize_t n = readlink(link, path, sizeof path - 20);
	cr_assert_gt(n, 0);
	path[n] = '\0';
	strcpy(strrchr(path, '/'), "/inner");
	cr_assert_eq(mkdir(path, 0755), 0);
	strcat(path, "/most");
	cr_assert_eq(mkdir(path, 0755), 0);
	close(procs);
	close(kill_fd);
	cr_assert_eq(cgroup_make(cg, name, &procs, &kill_fd), 0);
	cr_expect(access(path, F_OK) < 0);
	cr_expect_eq(cgroup_remove(cg, name), 0);
	cgroup_free(cg);
}

/* A group with a process in it; the group's name is name, with the number behind it. */
static pid_t in_use(int number)
{
	int procs = -1, kill_fd = -1;

	snprintf(name, sizeof name, "sysg.test.%d.%d", (int)getpid(), number);
	cr_assert_eq(cgroup_make(cg, name, &procs, &kill_fd), 0);
	pid_t pid = joined(procs, wait_for_ever);
	close(procs);
	close(kill_fd);
	return pid;
}

static void end(pid_t pid)
{
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
}

Test(cgroup, what_is_in_use_is_kept_and_gone_once_it_is_empty)
{
	open_cgroup();
	pid_t pid = in_use(1);
	cgroup_drop(cg, name);
	cgroup_drop(cg, name);
	cr_expect_eq(cgroup_retry(cg), 1, "one name is kept once");
	cr_expect_eq(cgroup_retry(cg), 1);
	end(pid);
	for (int i = 0; i < 100 && cgroup_retry(cg); i++)
		ms_sleep(5);
	cr_expect_eq(cgroup_retry(cg), 0);
	cr_expect_lt(cgroup_populated(cg, name), 0, "it is still there");
	pid = in_use(2);
	cgroup_drop(cg, name);
	cgroup_free(cg); /* with a name that is kept: the sanitizer looks for it */
	end(pid);
	MUST(cgroup_open(&cg) == 0);
	cr_expect_eq(cgroup_remove(cg, name), 0);
	cgroup_free(cg);
}

Test(cgroup, all_of_a_prefix_are_cleared_and_no_other)
{
	int procs = -1, kill_fd = -1;
	char prefix[64], other[64];

	open_cgroup();
	snprintf(prefix, sizeof prefix, "sysg.test.%d.", (int)getpid());
	snprintf(other, sizeof other, "sysg.tesu.%d.1", (int)getpid());
	cr_assert_eq(cgroup_make(cg, other, &procs, &kill_fd), 0);
	pid_t pid = in_use(1);
	for (int i = 2; i < 5; i++)
		end(in_use(i));
	cr_expect_eq(cgroup_clear(cg, prefix), 1);
	end(pid);
	for (int i = 0; i < 100 && cgroup_clear(cg, prefix); i++)
		ms_sleep(5);
	cr_expect_eq(cgroup_clear(cg, prefix), 0);
	cr_expect_eq(cgroup_populated(cg, other), 0, "another one's is gone");
	cr_expect_eq(cgroup_remove(cg, other), 0);
	cgroup_free(cg);
}

Test(cgroup, names_of_256_are_kept_and_of_no_more)
{
	pid_t pid[CGROUP_PENDING + 1];
	char prefix[64], n[96];
	int procs = -1, kill_fd = -1;

	open_cgroup();
	snprintf(prefix, sizeof prefix, "sysg.test.%d.", (int)getpid());
	for (int i = 0; i <= CGROUP_PENDING; i++) {
		snprintf(n, sizeof n, "%s%d", prefix, i);
		cr_assert_eq(cgroup_make(cg, n, &procs, &kill_fd), 0);
		pid[i] = fork();
		if (pid[i] == 0)
			wait_for_ever();
		cr_assert_gt(dprintf(procs, "%d", (int)pid[i]), 0);
		close(procs);
		close(kill_fd);
		cgroup_drop(cg, n);
		cr_expect_eq(
			cgroup_retry(cg), i < CGROUP_PENDING ? (unsigned)i + 1 : CGROUP_PENDING);
	}
	for (int i = 0; i <= CGROUP_PENDING; i++)
		end(pid[i]);
	for (int i = 0; i < 200 && (cgroup_retry(cg) || cgroup_clear(cg, prefix)); i++)
		ms_sleep(5);
	cr_expect_eq(cgroup_clear(cg, prefix), 0);
	cgroup_free(cg);
}

Test(cgroup, names_that_lead_elsewhere_are_refused)
{
	char longest[CGROUP_PATH + 1];
	const char *const bad[] = { "", ".", "..", "a/..", "a/.hidden", "/", "/..", ".hidden",
		longest };
	int a, b;

	memset(longest, 'x', CGROUP_PATH);
	longest[CGROUP_PATH] = '\0';
	open_cgroup();
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		errno = 0;
		cr_expect(cgroup_make(cg, bad[i], &a, &b) < 0 && errno == EINVAL, "%s", bad[i]);
		cr_expect(cgroup_remove(cg, bad[i]) < 0 && cgroup_populated(cg, bad[i]) < 0);
	}
	cgroup_free(cg);
}

static void read_only(void)
{
	struct cgroup *c = NULL;

	MUST(mount("none", POINT, NULL, MS_REMOUNT | MS_BIND | MS_RDONLY, NULL) == 0);
	MUST(cgroup_open(&c) < 0 && errno == EROFS && !c);
	MUST(umount(POINT) == 0);
	MUST(cgroup_open(&c) < 0 && errno == ENOENT && !c);
}

static void other_user(void)
{
	struct cgroup *c = NULL;

	MUST(setresuid(54330, 54330, 54330) == 0);
	MUST(cgroup_open(&c) < 0 && errno == EACCES && !c);
}

Test(cgroup, a_hierarchy_that_is_read_only_missing_or_not_ours_is_done_without)
{
	cr_expect_eq(run_as_pid1(read_only, true), 0);
	cr_expect_eq(run_forked(other_user), 0);
}
