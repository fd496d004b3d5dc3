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

/* Descriptors that stay, in ascending order, from 3 on. */
struct kept {
	unsigned v[CONFINE_KEEP];
	size_t n;
};

static struct kept sorted(const int *keep, size_t n)
{
	struct kept k = { .n = 0 };

	for (size_t i = 0; i < n; i++) {
		size_t at = k.n;
		if (keep[i] < 3 || k.n == CONFINE_KEEP)
			continue;
		for (; at && k.v[at - 1] > (unsigned)keep[i]; at--)
			k.v[at] = k.v[at - 1];
		k.v[at] = (unsigned)keep[i];
		k.n++;
	}
	return k;
}

static bool stays(const struct kept *k, int fd)
{
	bool found = false;

	for (size_t i = 0; i < k->n; i++)
		found |= k->v[i] == (unsigned)fd;
	return found;
}

static int close_span(unsigned first, unsigned last)
{
	return first > last ? 0 : (int)syscall(SYS_close_range, first, last, 0u);
}

static int close_ranges(const struct kept *k)
{
	unsigned from = 3;

	for (size_t i = 0; i < k->n; i++) {
		if (close_span(from, k->v[i] - 1) < 0)
			return -1;
		from = k->v[i] + 1;
	}
	return close_span(from, UINT_MAX);
}

static void close_blindly(const struct kept *k)
{
	for (int fd = 3; fd < BLIND_BOUND; fd++)
		if (!stays(k, fd))
			(void)close(fd);
}

/* Removing entries while reading is fine in /proc/self/fd: it goes by number, and only those behind
 * us are gone. */
static void close_listed(const struct kept *k)
{
	DIR *d = opendir("/proc/self/fd");

	if (!d) {
		close_blindly(k);
		return;
	}
	for (struct dirent *e; (e = readdir(d));) {
		int fd = (int)strtol(e->d_name, NULL, 10);
		if (fd > 2 && !stays(k, fd) && fd != dirfd(d))
			(void)close(fd);
	}
	(void)closedir(d);
}

void confine_descriptors(const int *keep, size_t n, bool use_range)
{
	struct kept k = sorted(keep, n);
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);

	if (null > 0)
		(void)dup2(null, 0);
	if (!use_range || close_ranges(&k) < 0)
		close_listed(&k);
}
