/* latency: how long it takes from a command to the program that it has started.
 *
 * latency run N FIFO COMMAND...   runs COMMAND N times, one after another, each time until it has ended and a stamp has come
 *                                 by FIFO; prints the median and the 99th percentile of the times to the stamp, in ns
 * latency stamp FIFO              what COMMAND has to have run: says by FIFO what the time was when it began
 *
 * latency again N FIFO            kills by KILL N times, a second after it came, what says by FIFO that it is there; prints the
 *                                 median and the 99th percentile of the times from that to the next one's stamp, in ns
 * latency                         what is killed: says by $FIFO what the time was when it began, and its pid, and stays */
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

extern char **environ;

static int64_t now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

static int stamp(const char *fifo)
{
	int64_t at = now();
	int fd = open(fifo, O_WRONLY | O_CLOEXEC);

	return fd >= 0 && write(fd, &at, sizeof at) == (ssize_t)sizeof at ? 0 : 1;
}

static int by_size(const void *a, const void *b)
{
	int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

	return (x > y) - (x < y);
}

static void tell(int64_t *took, int n)
{
	qsort(took, (size_t)n, sizeof *took, by_size);
	printf("%lld %lld\n", (long long)took[n / 2], (long long)took[n * 99 / 100]);
}

/* Read and written, so that it is never at its end between two stamps. */
static int run(int n, const char *fifo, char **command)
{
	int64_t *took = calloc((size_t)n, sizeof *took), began, at;
	int fd = mkfifo(fifo, 0666) == 0 ? open(fifo, O_RDWR | O_CLOEXEC) : -1, status;
	posix_spawn_file_actions_t quiet;
	pid_t pid;

	if (!took || fd < 0 || posix_spawn_file_actions_init(&quiet) != 0 ||
		posix_spawn_file_actions_addopen(&quiet, 1, "/dev/null", O_WRONLY, 0) != 0)
		return 1;
	for (int i = 0; i < n; i++) {
		began = now();
		if (posix_spawnp(&pid, command[0], &quiet, NULL, command, environ) != 0 ||
			waitpid(pid, &status, 0) != pid || status != 0 ||
			read(fd, &at, sizeof at) != (ssize_t)sizeof at)
			return 1;
		took[i] = at - began;
	}
	tell(took, n);
	(void)unlink(fifo);
	return 0;
}

struct life {
	int64_t at, pid;
};

static int stay(const char *fifo)
{
	struct life me = { .at = now(), .pid = getpid() };
	int fd = open(fifo, O_WRONLY | O_CLOEXEC);

	if (fd < 0 || write(fd, &me, sizeof me) != (ssize_t)sizeof me)
		return 1;
	for (;;)
		pause();
}

/* A second, as runsv waits as long where what it runs ended sooner. */
static int again(int n, const char *fifo)
{
	int64_t *took = calloc((size_t)n, sizeof *took), began;
	int fd = open(fifo, O_RDWR | O_CLOEXEC);
	struct life life;

	if (!took || fd < 0 || read(fd, &life, sizeof life) != (ssize_t)sizeof life)
		return 1;
	for (int i = 0; i < n; i++) {
		usleep(1100000);
		began = now();
		if (kill((pid_t)life.pid, SIGKILL) != 0 ||
			read(fd, &life, sizeof life) != (ssize_t)sizeof life)
			return 1;
		took[i] = life.at - began;
	}
	tell(took, n);
	return 0;
}

int main(int argc, char **argv)
{
	if (argc == 1 && getenv("FIFO"))
		return stay(getenv("FIFO"));
	if (argc == 4 && !strcmp(argv[1], "again") && atoi(argv[2]) > 0)
		return again(atoi(argv[2]), argv[3]);
	if (argc == 3 && !strcmp(argv[1], "stamp"))
		return stamp(argv[2]);
	if (argc > 4 && !strcmp(argv[1], "run") && atoi(argv[2]) > 0)
		return run(atoi(argv[2]), argv[3], argv + 4);
	return 2;
}
