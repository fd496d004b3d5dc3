/*
 * imp - a program that does what services shouldn't, and measures what happens then. For the tests.
 *
 * imp orphans N FILE: N orphans as fast as it can; FILE gets the time when the last one has ended
 *
 * imp hop [setsid]: forks and exits in a loop: each pid lives for a moment
 *
 * imp bomb: every process forks without end, each in a session of its own; use it under a limit
 *
 * imp threadzombie: its main thread ends, another one goes on: state Z with two threads
 *
 * imp deaf: ignores every signal that can be ignored
 *
 * imp fill FULL FREE: forks until that fails, writes FULL, and ends once FREE exists
 *
 * imp become: set-uid: takes its file's uid whole, and stays
 *
 * imp count FILE STOP PID...: every 2 ms, until STOP exists: how many live children of PID 1 lead a
 * session, but those given (units do, adopted orphans don't); FILE gets "max N samples M"
 *
 * imp pingloop STOP CMD...: runs CMD again and again: "max MICROSECONDS runs N failed N"
 *
 * imp filter CMD...: runs it under a seccomp filter that lets everything pass
 *
 * imp foreign FILE: a system call of another architecture: FILE gets how the process that makes it ends
 *
 * imp reuse FILE [early|send]: one process connects and ends, the next has its pid and its connection, and asks who it
 * is; FILE gets both answers. early: the first asks nothing, and the next waits until FILE.go exists
 *
 * imp facts FILE: what it was started with: one "key value" a line
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <spawn.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

extern char **environ;

static double now(clockid_t clock)
{
	struct timespec t;
	clock_gettime(clock, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* Written under another name first: who sees the file sees all of it. */
static void put_file(const char *path, const char *text)
{
	char tmp[512];
	snprintf(tmp, sizeof(tmp), "%s.new", path);
	FILE *f = fopen(tmp, "we");
	if (!f || fputs(text, f) < 0 || fclose(f) || rename(tmp, path))
		_exit(1);
}

static void orphan(int parent)
{
	while (getppid() == parent)
		sched_yield();
	_exit(0);
}

static int orphans(int argc, char **argv)
{
	int n = argc > 1 ? atoi(argv[0]) : 0;
	int hold[2];
	char text[64], c;
	signal(SIGCHLD, SIG_IGN); /* the ones between are nobody's zombies */
	if (n <= 0 || pipe2(hold, O_CLOEXEC))
		return 2;
	for (int i = 0; i < n; i++) {
		pid_t pid = fork();
		if (!pid) {
			pid_t me = getpid(), again = fork();
			if (!again)
				orphan(me);
			_exit(again < 0);
		}
		if (pid < 0 && errno == EAGAIN)
			i--;
	}
	close(hold[1]);
	while (read(hold[0], &c, 1) > 0)
		;
	snprintf(text, sizeof(text), "%.6f\n", now(CLOCK_REALTIME));
	put_file(argv[1], text);
	while (pause())
		;
	return 0;
}

static int hop(int argc, char **argv)
{
	bool session = argc > 0 && !strcmp(argv[0], "setsid");
	for (;;) {
		pid_t pid = fork();
		if (pid > 0)
			_exit(0);
		if (!pid && session)
			setsid();
	}
}

static int bomb(int argc, char **argv)
{
	(void)argc;
	(void)argv;
	signal(SIGTERM, SIG_IGN);
	while (fork() || setsid() > 0)
		;
	return 1;
}

static void *linger(void *arg)
{
	(void)arg;
	while (pause())
		;
	return 0;
}

static int threadzombie(int argc, char **argv)
{
	(void)argc;
	(void)argv;
	pthread_t t;
	if (pthread_create(&t, NULL, linger, NULL))
		return 1;
	syscall(SYS_exit, 0); /* of this thread only */
	return 1;
}

static int deaf(int argc, char **argv)
{
	(void)argc;
	(void)argv;
	for (int i = 1; i < 65; i++)
		signal(i, SIG_IGN);
	while (pause())
		;
	return 0;
}

static int fill(int argc, char **argv)
{
	if (argc < 2)
		return 2;
	for (;;) {
		pid_t pid = fork();
		if (pid < 0)
			break;
		while (!pid)
			pause();
	}
	put_file(argv[0], "full\n");
	while (access(argv[1], F_OK))
		usleep(10000);
	return 0;
}

static int become(int argc, char **argv)
{
	(void)argc;
	(void)argv;
	if (setresuid(geteuid(), geteuid(), geteuid()))
		return 1;
	while (pause())
		;
	return 0;
}

/* Fills in state, parent and session of /proc/PID/stat; false where it is gone. */
static bool read_stat(const char *pid, char *ret_state, int *ret_ppid, int *ret_session)
{
	char path[300], text[512];
	snprintf(path, sizeof(path), "/proc/%s/stat", pid);
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return false;
	ssize_t n = read(fd, text, sizeof(text) - 1);
	close(fd);
	if (n <= 0)
		return false;
	text[n] = '\0';
	const char *p = strrchr(text, ')');
	return p && sscanf(p + 1, " %c %d %*d %d", ret_state, ret_ppid, ret_session) == 3;
}

static bool listed(const char *pid, int argc, char **argv)
{
	for (int i = 0; i < argc; i++) {
		if (!strcmp(pid, argv[i]))
			return true;
	}
	return false;
}

static int children_of_init(int argc, char **argv)
{
	DIR *d = opendir("/proc");
	int n = 0, ppid, session;
	char state;
	for (struct dirent *e; d && (e = readdir(d));) {
		if (e->d_name[0] < '1' || e->d_name[0] > '9' || listed(e->d_name, argc, argv))
			continue;
		if (read_stat(e->d_name, &state, &ppid, &session) && ppid == 1 &&
			session == atoi(e->d_name) && state != 'Z' && state != 'X')
			n++;
	}
	if (d)
		closedir(d);
	return n;
}

static int count(int argc, char **argv)
{
	if (argc < 2)
		return 2;
	int max = 0, samples = 0;
	char text[64];
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	while (access(argv[1], F_OK)) {
		int n = children_of_init(argc - 2, argv + 2);
		max = n > max ? n : max;
		samples++;
		t.tv_nsec += 2000000;
		if (t.tv_nsec >= 1000000000) {
			t.tv_nsec -= 1000000000;
			t.tv_sec++;
		}
		clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &t, NULL);
	}
	snprintf(text, sizeof(text), "max %d samples %d\n", max, samples);
	put_file(argv[0], text);
	return 0;
}

static int pingloop(int argc, char **argv)
{
	if (argc < 2)
		return 2;
	double worst = 0;
	int runs = 0, failed = 0, status;
	posix_spawn_file_actions_t fa;
	posix_spawn_file_actions_init(&fa);
	posix_spawn_file_actions_addopen(&fa, 1, "/dev/null", O_WRONLY, 0);
	while (access(argv[0], F_OK)) {
		pid_t pid;
		double t = now(CLOCK_MONOTONIC);
		if (posix_spawnp(&pid, argv[1], &fa, NULL, argv + 1, environ) ||
			waitpid(pid, &status, 0) != pid || status)
			failed++;
		t = now(CLOCK_MONOTONIC) - t;
		worst = t > worst ? t : worst;
		runs++;
		usleep(2000);
	}
	printf("max %.0f runs %d failed %d\n", worst * 1e6, runs, failed);
	return 0;
}

static int filter(int argc, char **argv)
{
	struct sock_filter pass = BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
	struct sock_fprog prog = { 1, &pass };
	if (argc < 1 || prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &prog, 0, 0))
		return 2;
	execvp(argv[0], argv);
	return 1;
}

static int foreign(int argc, char **argv)
{
	char text[32] = "none\n";
	if (argc < 1)
		return 2;
#ifdef __x86_64__
	int status = 0;
	pid_t pid = fork();
	if (pid == 0) {
		long rc;
		__asm__ volatile("int $0x80" : "=a"(rc) : "a"(20L) : "memory"); /* getpid */
		_exit(rc != getpid());
	}
	if (pid < 0 || waitpid(pid, &status, 0) != pid)
		return 1;
	snprintf(text, sizeof(text), "%d\n", status);
#endif
	put_file(argv[0], text);
	return 0;
}

/* The answer's fields a line, appended to the file; "closed" where there is none. */
static void ask_who(int fd, const char *file, int sends)
{
	static const char who[] = "op=whoami\0", message[] = "op=send\0unit=target\0";
	char answer[4096];
	int out = open(file, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
	ssize_t n =
		send(fd, sends ? message : who, sends ? sizeof message : sizeof who, MSG_NOSIGNAL);
	n = n < 0 ? n : recv(fd, answer, sizeof answer, 0);
	for (ssize_t i = 0; i < n; i++)
		answer[i] = answer[i] ? answer[i] : ' ';
	if (n <= 0)
		n = sprintf(answer, "closed");
	answer[n++] = '\n';
	_exit(write(out, answer, (size_t)n) != n);
}

/* A child with this very pid: by clone3, or where there is none by the number that the kernel counts on from. */
static pid_t fork_as(pid_t pid)
{
	struct {
		uint64_t flags, pidfd, child_tid, parent_tid, exit_signal, stack, stack_size, tls,
			set_tid, set_tid_size;
	} args = { .exit_signal = SIGCHLD, .set_tid = (uint64_t)&pid, .set_tid_size = 1 };
	pid_t got = (pid_t)syscall(435, &args, sizeof args);
	for (int i = 0; got < 0 && errno == ENOSYS && i < 1000; i++) {
		int fd = open("/proc/sys/kernel/ns_last_pid", O_WRONLY | O_CLOEXEC);
		dprintf(fd, "%d", pid - 1);
		close(fd);
		got = fork();
		if (got == 0 && getpid() != pid)
			_exit(0);
		if (got > 0 && got != pid) {
			waitpid(got, NULL, 0);
			got = -1;
			errno = ENOSYS;
		}
	}
	return got;
}

static int reuse(int argc, char **argv)
{
	struct sockaddr_un sa = { .sun_family = AF_UNIX };
	char go[512];
	int fd = socket(AF_UNIX, SOCK_SEQPACKET, 0), status;
	int sends = argc > 1 && strcmp(argv[1], "send") == 0;
	if (argc < 1)
		return 2;
	snprintf(sa.sun_path, sizeof sa.sun_path, "%s", getenv("SYSG_SOCKET"));
	snprintf(go, sizeof go, "%s.go", argv[0]);
	pid_t first = fork(); /* the socket is ours as well, and stays open */
	if (first == 0) {
		if (connect(fd, (struct sockaddr *)&sa, sizeof sa))
			_exit(1);
		if (argc == 1 || sends)
			ask_who(fd, argv[0], 0);
		_exit(0);
	}
	if (waitpid(first, &status, 0) != first || status)
		return 3;
	usleep(50000); /* start times are told in hundredths of a second */
	pid_t next = fork_as(first);
	if (next == 0) {
		for (int i = 0; argc > 1 && !sends && i < 2000 && access(go, F_OK); i++)
			usleep(10000);
		ask_who(fd, argv[0], sends);
	}
	return next != first || waitpid(next, &status, 0) != next || status;
}

static void put_status(FILE *f)
{
	static const char *const keys[] = { "Uid:", "Gid:", "Groups:", "CapInh:", "CapPrm:",
		"CapEff:", "CapBnd:", "CapAmb:", "NoNewPrivs:", "SigBlk:", "SigIgn:", "Umask:",
		"Cpus_allowed_list:", "Seccomp:", "Seccomp_filters:" };
	char line[512];
	FILE *s = fopen("/proc/self/status", "re");
	while (s && fgets(line, sizeof(line), s)) {
		for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
			if (!strncmp(line, keys[i], strlen(keys[i])))
				fputs(line, f);
		}
	}
	if (s)
		fclose(s);
}

static void put_rlimits(FILE *f)
{
	for (int i = 0; i < RLIM_NLIMITS; i++) {
		struct rlimit r;
		if (i != RLIMIT_LOCKS && !getrlimit((__rlimit_resource_t)i, &r))
			fprintf(f, "rlimit%d: %lld %lld\n", i, (long long)r.rlim_cur,
				(long long)r.rlim_max);
	}
}

static void put_fds(FILE *f)
{
	struct stat st;
	fputs("fds:", f);
	for (int fd = 0; fd < 1024; fd++) {
		if (fd != fileno(f) && !fstat(fd, &st))
			fprintf(f, " %d", fd);
	}
	fputs("\n", f);
}

static int facts(int argc, char **argv)
{
	char tmp[512], cwd[512] = "?";
	if (argc < 1)
		return 2;
	snprintf(tmp, sizeof(tmp), "%s.new", argv[0]);
	FILE *f = fopen(tmp, "we");
	if (!f)
		return 1;
	put_status(f);
	put_rlimits(f);
	put_fds(f);
	fprintf(f, "nice: %d\nsched: %d\n", getpriority(PRIO_PROCESS, 0), sched_getscheduler(0));
	fprintf(f, "pid: %d\nppid: %d\npgid: %d\nsid: %d\n", getpid(), getppid(), getpgid(0),
		getsid(0));
	if (!getcwd(cwd, sizeof(cwd)))
		strcpy(cwd, "?");
	fprintf(f, "cwd: %s\n", cwd);
	for (char **e = environ; *e; e++)
		fprintf(f, "env %s\n", *e);
	return fclose(f) || rename(tmp, argv[0]);
}

int main(int argc, char **argv)
{
	static const struct {
		const char *name;
		int (*run)(int argc, char **argv);
	} all[] = { { "orphans", orphans }, { "hop", hop }, { "bomb", bomb },
		{ "threadzombie", threadzombie }, { "deaf", deaf }, { "become", become },
		{ "fill", fill }, { "filter", filter }, { "foreign", foreign }, { "reuse", reuse },
		{ "count", count }, { "pingloop", pingloop }, { "facts", facts } };
	for (size_t i = 0; argc > 1 && i < sizeof(all) / sizeof(all[0]); i++) {
		if (!strcmp(argv[1], all[i].name))
			return all[i].run(argc - 2, argv + 2);
	}
	fprintf(stderr, "imp: unknown trick\n");
	return 2;
}
