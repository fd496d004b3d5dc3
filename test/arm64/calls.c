/*
 * calls - what isolation.seccomp does to a process, by the numbers of the kernel's own header and not of a libc's.
 * Refuses to run outside of a filter, as it would reboot the machine. Says "calls: ok" and how many of each it tried.
 */
#include <asm/unistd.h>
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#define CALL(name)                                                                                 \
	{                                                                                          \
#name, __NR_##name                                                                 \
	}

static const struct call {
	const char *name;
	long number;
} denied[] = {
	CALL(acct), CALL(add_key), CALL(bpf), CALL(clock_settime), CALL(delete_module),
	CALL(fanotify_init), CALL(finit_module), CALL(init_module), CALL(kexec_load),
	CALL(kexec_file_load), CALL(keyctl), CALL(lookup_dcookie), CALL(mount), CALL(nfsservctl),
	CALL(open_by_handle_at), CALL(perf_event_open), CALL(pivot_root), CALL(quotactl),
	CALL(reboot), CALL(request_key), CALL(setns), CALL(settimeofday), CALL(swapoff),
	CALL(swapon), CALL(syslog), CALL(umount2), CALL(unshare), CALL(userfaultfd),
	CALL(vhangup), CALL(io_uring_setup), CALL(io_uring_enter), CALL(io_uring_register),
	CALL(open_tree), CALL(move_mount), CALL(fsopen), CALL(fsconfig), CALL(fsmount),
	CALL(fspick), CALL(mount_setattr), CALL(quotactl_fd),
}, unknown[] = { CALL(clone3), { "463", 463 }, { "500", 500 }, { "100000", 100000 } };

static int wrong;

/* Without arguments that could be of any use. */
static void expect(const char *name, long number, int want)
{
	errno = 0;
	long rc = syscall(number, 0, 0, 0, 0, 0, 0);
	int got = rc == -1 ? errno : 0;

	if (got != want) {
		printf("calls: %s (%ld): errno %d, not %d\n", name, number, got, want);
		wrong++;
	}
}

/* Not EPERM, nor ENOSYS: the kernel itself answers, and not to our liking. */
static void lives(const char *name, long number, long a, long b)
{
	long rc = syscall(number, a, b, 0, 0, 0, 0);

	if (rc == -1 && (errno == EPERM || errno == ENOSYS)) {
		printf("calls: %s (%ld) is denied: errno %d\n", name, number, errno);
		wrong++;
	}
}

static void *thread(void *arg)
{
	*(int *)arg = 1;
	return NULL;
}

int main(void)
{
	int ran = 0, status = -1;
	pthread_t t;

	if (prctl(PR_GET_SECCOMP) != 2) {
		puts("calls: no filter");
		return 1;
	}
	for (size_t i = 0; i < sizeof denied / sizeof *denied; i++)
		expect(denied[i].name, denied[i].number, EPERM);
	for (size_t i = 0; i < sizeof unknown / sizeof *unknown; i++)
		expect(unknown[i].name, unknown[i].number, ENOSYS);
	for (unsigned bit = 25; bit < 31;
		bit++) { /* CLONE_NEWCGROUP to CLONE_NEWNET, of which each is a namespace */
		errno = 0;
		if (syscall(__NR_clone, 1UL << bit | SIGCHLD, 0, 0, 0, 0) != -1 || errno != EPERM)
			printf("calls: clone with bit %u: errno %d\n", bit, errno), wrong++;
	}
	lives("getpid", __NR_getpid, 0, 0);
	lives("ptrace", __NR_ptrace, 4321, 0);
	lives("personality", __NR_personality, 0xffffffff, 0);
	lives("process_vm_readv", __NR_process_vm_readv, getpid(), 0);
	lives("openat", __NR_openat, -1, 0);
	if (pthread_create(&t, NULL, thread, &ran) || pthread_join(t, NULL) || !ran)
		puts("calls: no thread"), wrong++;
	pid_t pid = fork();
	if (pid == 0)
		_exit(7);
	if (pid < 0 || waitpid(pid, &status, 0) != pid || WEXITSTATUS(status) != 7)
		puts("calls: no child"), wrong++;
	if (!wrong)
		printf("calls: ok, %zu denied, %zu not there\n", sizeof denied / sizeof *denied,
			sizeof unknown / sizeof *unknown);
	return wrong != 0;
}
