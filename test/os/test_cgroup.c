#include <criterion/criterion.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "os/cgroup.h"
#include "os/proc.h"
#include "procs.h"

static struct cgroup *cg;
static char name[64];

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

Test(cgroup, names_that_lead_elsewhere_are_refused)
{
	static const char *const bad[] = { "", ".", "..", "a/b", "/x", ".hidden",
		"12345678901234567890123456789012345678901234567890123456789012345" };
	int a, b;

	open_cgroup();
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		errno = 0;
		cr_expect(cgroup_make(cg, bad[i], &a, &b) < 0 && errno == EINVAL, "%s", bad[i]);
		cr_expect(cgroup_remove(cg, bad[i]) < 0 && cgroup_populated(cg, bad[i]) < 0);
	}
	cr_assert_eq(cgroup_make(cg, bad[6] + 1, &a, &b), 0); /* 64 bytes */
	cr_expect_eq(cgroup_remove(cg, bad[6] + 1), 0);
	cgroup_free(cg);
}

static void read_only(void)
{
	struct cgroup *c = NULL;

	MUST(mount("none", "/sys/fs/cgroup/unified", NULL, MS_REMOUNT | MS_BIND | MS_RDONLY,
		     NULL) == 0);
	MUST(cgroup_open(&c) < 0 && errno == EROFS && !c);
	MUST(umount("/sys/fs/cgroup/unified") == 0);
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
