#include "logger/confine.h"

#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/capability.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#ifndef SYS_close_range
#define SYS_close_range 436
#endif

enum {
	BLIND_BOUND = 65536
}; /* descriptors that are closed one by one where nothing tells which are open */

/* The faults keep their default: ignoring those that the kernel raises would not help. SIGCHLD has
 * no use here. */
static bool is_fault(int sig)
{
	return sig == SIGSEGV || sig == SIGBUS || sig == SIGILL || sig == SIGFPE ||
	       sig == SIGTRAP || sig == SIGABRT || sig == SIGCHLD;
}

static void ignore_signals(void)
{
	for (int sig = 1; sig <= 31; sig++)
		if (!is_fault(sig) && sig != SIGKILL && sig != SIGSTOP)
			(void)signal(sig, SIG_IGN);
}

static void raise_descriptor_limit(void)
{
	struct rlimit r;

	if (getrlimit(RLIMIT_NOFILE, &r) < 0 || r.rlim_cur >= r.rlim_max)
		return;
	r.rlim_cur = r.rlim_max;
	(void)setrlimit(RLIMIT_NOFILE, &r);
}

/* DAC_OVERRIDE stays: LOGDIR may be a volume that belongs to somebody else. */
static void drop_capabilities(void)
{
	struct __user_cap_header_struct head = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct data[2];

	if (syscall(SYS_capget, &head, data) < 0)
		return;
	data[0].permitted &= 1u << CAP_DAC_OVERRIDE;
	data[0].effective = data[0].permitted;
	data[1].permitted = data[1].effective = 0;
	data[0].inheritable = data[1].inheritable = 0;
	(void)syscall(SYS_capset, &head, data);
}

void confine_self(void)
{
	(void)prctl(PR_SET_NAME, "sysg-logger", 0, 0, 0);
	ignore_signals();
	(void)umask(027);
	raise_descriptor_limit();
	(void)prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
	drop_capabilities();
}

static int close_span(unsigned first, unsigned last)
{
	return first > last ? 0 : (int)syscall(SYS_close_range, first, last, 0u);
}

static int close_ranges(unsigned lo, unsigned hi)
{
	if (close_span(3, lo - 1) < 0)
		return -1;
	if (lo == hi)
		return close_span(lo + 1, UINT_MAX);
	return close_span(lo + 1, hi - 1) < 0 ? -1 : close_span(hi + 1, UINT_MAX);
}

static void close_blindly(int a, int b)
{
	for (int fd = 3; fd < BLIND_BOUND; fd++)
		if (fd != a && fd != b)
			(void)close(fd);
}

/* Removing entries while reading is fine in /proc/self/fd: it goes by number, and only those behind
 * us are gone. */
static void close_listed(int a, int b)
{
	DIR *d = opendir("/proc/self/fd");

	if (!d) {
		close_blindly(a, b);
		return;
	}
	for (struct dirent *e; (e = readdir(d));) {
		int fd = atoi(e->d_name);
		if (fd > 2 && fd != a && fd != b && fd != dirfd(d))
			(void)close(fd);
	}
	(void)closedir(d);
}

void confine_descriptors(int a, int b, bool use_range)
{
	int lo = a < b ? a : b, hi = a < b ? b : a;
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);

	if (null > 0)
		(void)dup2(null, 0);
	if (lo < 3)
		lo = hi < 3 ? 3 : hi;
	if (hi < 3)
		hi = lo;
	if (!use_range || close_ranges((unsigned)lo, (unsigned)hi) < 0)
		close_listed(a, b);
	else if (a < 3 && b < 3)
		(void)close(3);
}
