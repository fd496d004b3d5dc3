#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "os/slurp.h"

enum { CAP = 100000 };

static char dir[] = "/tmp/sysg-slurp-XXXXXX";
static char path[100];
static struct buf b;
static struct err err;

/* How many descriptors are open; the numbers themselves are the test runner's too. */
static int descriptors(void)
{
	int n = 0;

	for (int fd = 0; fd < 1024; fd++)
		n += fcntl(fd, F_GETFD) >= 0;
	return n;
}

static const char *at(const char *name)
{
	snprintf(path, sizeof path, "%s/%s", dir, name);
	return path;
}

static void begin(void)
{
	cr_assert_not_null(mkdtemp(dir));
	cr_assert_eq(chmod(dir, 0755), 0);
	buf_init(&b, CAP);
}

static void end(void)
{
	char cmd[100];

	buf_done(&b);
	snprintf(cmd, sizeof cmd, "rm -rf %s", dir);
	cr_expect_eq(system(cmd), 0);
}

static const char *file_of(const char *name, size_t n, mode_t mode)
{
	int fd = open(at(name), O_WRONLY | O_CREAT | O_EXCL, 0600);
	char *bytes = malloc(n + 1);

	for (size_t i = 0; i < n; i++)
		bytes[i] = (char)(i * 7 % 251);
	cr_assert_eq(write(fd, bytes, n), (ssize_t)n);
	cr_assert_eq(fchmod(fd, mode), 0);
	free(bytes);
	close(fd);
	return path;
}

static void expect_refused(const char *p, bool trust, int sys, const char *says)
{
	int64_t began = clock_mono_ns();

	cr_expect_lt(slurp(p, trust, 2000, &b, &err), 0);
	cr_expect_eq(err.code, ERR_BAD_VALUE);
	cr_expect_eq(err.sys, sys, "errno %d", err.sys);
	cr_expect_not_null(strstr(err.msg, says), "%s", err.msg);
	cr_expect_not_null(strstr(err.msg, p), "%s", err.msg);
	cr_expect_lt(clock_mono_ns() - began, 1500 * NS_PER_MS);
}

TestSuite(os_slurp, .init = begin, .fini = end);

Test(os_slurp, a_file_comes_through_byte_for_byte)
{
	static const size_t sizes[] = { 0, 1, 16383, 16384, 16385, 99999 };

	for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
		char name[20];
		snprintf(name, sizeof name, "f%d", (int)i);
		buf_reset(&b);
		cr_assert_eq(slurp(file_of(name, sizes[i], 0644), false, 2000, &b, &err), 0, "%s",
			err.msg);
		cr_assert_eq(b.len, sizes[i]);
		for (size_t k = 0; k < b.len; k++)
			cr_assert_eq(b.p[k], (char)(k * 7 % 251));
	}
}

Test(os_slurp, a_file_at_the_cap_is_read_and_one_byte_more_is_refused)
{
	cr_expect_eq(slurp(file_of("n", CAP, 0644), false, 2000, &b, &err), 0, "%s", err.msg);
	cr_expect_eq(b.len, CAP);
	buf_reset(&b);
	expect_refused(file_of("n1", CAP + 1, 0644), false, EFBIG, "too large");
}

Test(os_slurp, a_fifo_without_a_writer_is_refused_at_once)
{
	cr_assert_eq(mkfifo(at("fifo"), 0644), 0);
	expect_refused(path, false, 0, "not a regular file");
}

Test(os_slurp, a_directory_a_device_and_nothing_at_all_are_refused)
{
	cr_assert_eq(mkdir(at("d"), 0755), 0);
	expect_refused(path, false, 0, "not a regular file");
	expect_refused("/dev/zero", false, 0, "not a regular file");
	expect_refused(at("none"), false, ENOENT, "No such file");
	expect_refused(at("none/below"), false, ENOENT, "No such file");
}

Test(os_slurp, with_trust_a_file_that_others_may_write_is_refused)
{
	file_of("w", 10, 0646);
	expect_refused(path, true, 0, "others may write it");
	cr_expect_eq(slurp(path, false, 2000, &b, &err), 0);
	cr_assert_eq(chmod(path, 0664), 0);
	cr_expect_eq(slurp(path, true, 2000, &b, &err), 0, "%s", err.msg);
}

Test(os_slurp, with_trust_a_link_of_somebody_else_is_refused_and_our_own_is_followed)
{
	char target[100];

	strcpy(target, file_of("t", 10, 0644));
	cr_assert_eq(symlink(target, at("link")), 0);
	cr_expect_eq(slurp(path, true, 2000, &b, &err), 0, "%s", err.msg);
	cr_assert_eq(lchown(path, 4242, 4242), 0);
	expect_refused(path, true, 0, "symbolic link");
	cr_expect_eq(slurp(path, false, 2000, &b, &err), 0);
}

Test(os_slurp, forty_links_are_followed_each_looked_at_and_not_one_more)
{
	char first[100], before[100];

	strcpy(before, file_of("t", 10, 0644));
	for (int i = 41; i > 0; i--) {
		char name[20];
		snprintf(name, sizeof name, "link%d", i);
		cr_assert_eq(symlink(before, at(name)), 0);
		strcpy(before, path);
	}
	strcpy(first, path);
	expect_refused(first, true, ELOOP, "Too many levels");
	cr_expect_eq(slurp(at("link2"), true, 2000, &b, &err), 0, "%s", err.msg);
	cr_assert_eq(lchown(at("link41"), 4242, 4242), 0); /* the fortieth from there */
	expect_refused(at("link2"), true, 0, "symbolic link");
}

Test(os_slurp, nothing_of_ours_stays_open_and_every_fork_ends)
{
	int before = descriptors(), n = 0;

	for (int i = 0; i < 20; i++) {
		char name[20];
		snprintf(name, sizeof name, "f%d", i);
		buf_reset(&b);
		(void)slurp(file_of(name, i % 2 ? 10 : CAP + 1, 0644), false, 2000, &b, &err);
		(void)slurp(at("none"), false, 2000, &b, &err);
	}
	while (waitpid(-1, NULL, 0) > 0)
		n++;
	cr_expect_eq(n, 40);
	cr_expect_eq(descriptors(), before);
}

Test(os_slurp, want_of_descriptors_is_an_error_with_its_reason)
{
	struct rlimit rl;
	char p[100];

	strcpy(p, file_of("f", 10, 0644));
	while (open("/dev/null", O_RDONLY | O_CLOEXEC) < 200)
		continue;
	getrlimit(RLIMIT_NOFILE, &rl);
	rlim_t soft = rl.rlim_cur;
	rl.rlim_cur = 4;
	cr_assert_eq(setrlimit(RLIMIT_NOFILE, &rl), 0);
	cr_expect_lt(slurp(p, false, 2000, &b, &err), 0);
	cr_expect_eq(err.sys, EMFILE);
	rl.rlim_cur = soft;
	setrlimit(RLIMIT_NOFILE, &rl);
}
