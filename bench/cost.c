/* cost N CMD ARG...: runs CMD N times, output to /dev/null; prints the median of the time from fork to the end, in
 * milliseconds, the median and the greatest of the resident memory at its peak, in KiB, and the exit status.
 * A small static program of its own: what is forked from a large one counts that one's memory as its peak (wait4). */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { MOST = 10000 };

static double ms[MOST];
static long kib[MOST];

static int by_ms(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static int by_kib(const void *a, const void *b)
{
	long x = *(const long *)a, y = *(const long *)b;

	return (x > y) - (x < y);
}

static int once(char **argv, int i)
{
	struct timespec from, to;
	struct rusage used;
	int status;

	clock_gettime(CLOCK_MONOTONIC, &from);
	pid_t pid = vfork();
	if (pid == 0) {
		int null = open("/dev/null", O_RDWR);
		dup2(null, 1);
		dup2(null, 2);
		execvp(argv[0], argv);
		_exit(127);
	}
	if (pid < 0 || wait4(pid, &status, 0, &used) != pid)
		return -1;
	clock_gettime(CLOCK_MONOTONIC, &to);
	ms[i] = (double)(to.tv_sec - from.tv_sec) * 1e3 + (double)(to.tv_nsec - from.tv_nsec) / 1e6;
	kib[i] = used.ru_maxrss;
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

int main(int argc, char **argv)
{
	int n = argc > 2 ? atoi(argv[1]) : 0, status = 0;

	if (n < 1 || n > MOST)
		return 2;
	for (int i = 0; i < n && status >= 0; i++)
		status = once(argv + 2, i);
	qsort(ms, (size_t)n, sizeof *ms, by_ms);
	qsort(kib, (size_t)n, sizeof *kib, by_kib);
	printf("%.3f %ld %ld %d\n", ms[n / 2], kib[n / 2], kib[n - 1], status);
	return status < 0;
}
