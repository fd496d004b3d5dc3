/* spawns: makes N children that run PROGRAM, one after another, and says how many a second.
 *
 * spawns floor N PROGRAM   by fork, exec and wait: what the kernel takes for it
 * spawns sysg N PROGRAM    by libsysg over one connection; as (part of) a service that may spawn
 * spawns many N PROGRAM    so, 100 in a call */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <sysg.h>
#include <time.h>
#include <unistd.h>

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static int by_fork(const char *program)
{
	int status;
	pid_t pid = fork();

	if (pid == 0) {
		execl(program, program, (char *)NULL);
		_exit(127);
	}
	return pid > 0 && waitpid(pid, &status, 0) == pid && status == 0 ? 0 : -1;
}

static int by_hundreds(struct sysg *s, const char *const *command, int n)
{
	enum { AT_ONCE = 100 };
	struct sysg_spawn what[AT_ONCE];
	struct sysg_child ret[AT_ONCE];
	int failed = 0;

	for (int i = 0; i < AT_ONCE; i++)
		what[i] = (struct sysg_spawn){ .argv = command };
	for (; n > 0; n -= AT_ONCE)
		failed += sysg_spawn_many(s, what, n < AT_ONCE ? (size_t)n : AT_ONCE, ret) < 0;
	return failed;
}

int main(int argc, char **argv)
{
	int n = argc == 4 ? atoi(argv[2]) : 0, failed = 0;
	struct sysg *s = n && strcmp(argv[1], "floor") != 0 ? sysg_open(NULL) : NULL;
	int many = n && !strcmp(argv[1], "many");
	const char *const command[] = { n ? argv[3] : NULL, NULL };

	if (!n || (!s && strcmp(argv[1], "floor") != 0))
		return 2;
	double began = now();
	if (many)
		failed = by_hundreds(s, command, n);
	for (int i = 0; i < n && !many; i++)
		failed += s ? sysg_spawn(s, &(struct sysg_spawn){ .argv = command }, NULL) < 0
			    : by_fork(argv[3]) < 0;
	printf("%.0f\n", n / (now() - began));
	if (failed)
		fprintf(stderr, "%d failed: %s\n", failed, s ? sysg_error(NULL) : "");
	sysg_close(s);
	return failed != 0;
}
