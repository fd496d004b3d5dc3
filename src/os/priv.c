#include "os/priv.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/capability.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { CAPS = 64, GROUPS_MAX = 1024 };

int priv_drop_bounding(uint64_t keep)
{
	for (int cap = 0; cap < CAPS; cap++) {
		int have = prctl(PR_CAPBSET_READ, cap, 0, 0, 0);
		if (have < 0)
			return 0; /* past the last one that this kernel knows */
		if (have && !(keep >> cap & 1) && prctl(PR_CAPBSET_DROP, cap, 0, 0, 0) < 0)
			return -1;
	}
	return 0;
}

static int get_caps(struct __user_cap_data_struct d[2])
{
	struct __user_cap_header_struct h = { .version = _LINUX_CAPABILITY_VERSION_3 };

	return (int)syscall(SYS_capget, &h, d);
}

static uint64_t both(uint32_t low, uint32_t high)
{
	return (uint64_t)high << 32 | low;
}

int priv_get_caps(uint64_t *ret_permitted, uint64_t *ret_effective, uint64_t *ret_inheritable)
{
	struct __user_cap_data_struct d[2];

	if (get_caps(d) < 0)
		return -1;
	*ret_permitted = both(d[0].permitted, d[1].permitted);
	*ret_effective = both(d[0].effective, d[1].effective);
	*ret_inheritable = both(d[0].inheritable, d[1].inheritable);
	return 0;
}

int priv_set_caps(uint64_t permitted, uint64_t inheritable, uint64_t ambient)
{
	struct __user_cap_header_struct h = { .version = _LINUX_CAPABILITY_VERSION_3 };
	uint64_t p, e, i;

	if (priv_get_caps(&p, &e, &i) < 0)
		return -1;
	/* ambient ones have to be inheritable and permitted; never more than was held */
	i = inheritable & (i | p);
	p &= permitted;
	struct __user_cap_data_struct d[2] = {
		{ (uint32_t)p, (uint32_t)p, (uint32_t)i },
		{ (uint32_t)(p >> 32), (uint32_t)(p >> 32), (uint32_t)(i >> 32) },
	};
	(void)prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
	if (syscall(SYS_capset, &h, d) < 0)
		return -1;
	for (int cap = 0; cap < CAPS; cap++)
		if ((ambient & p & i) >> cap & 1 &&
			prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, cap, 0, 0) < 0)
			return -1;
	return 0;
}

static bool among(gid_t gid, const gid_t *groups, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (groups[i] == gid)
			return true;
	return false;
}

static bool groups_are(const gid_t *groups, size_t n)
{
	gid_t have[GROUPS_MAX];
	int m = (int)syscall(SYS_getgroups, GROUPS_MAX, have);

	if (m < 0 || (size_t)m != n)
		return false;
	/* both ways: either may name one twice */
	for (int i = 0; i < m; i++)
		if (!among(have[i], groups, n) || !among(groups[i], have, n))
			return false;
	return true;
}

int priv_set_groups(const gid_t *groups, size_t n)
{
	if (groups_are(groups, n))
		return 0;
	/* by the system call: musl's setgroups synchronises threads that aren't there */
	return (int)syscall(SYS_setgroups, n, groups);
}

static int add_to_score(int64_t base, int add)
{
	char text[16], digits[16];
	int fd = open("/proc/self/oom_score_adj", O_RDWR | O_CLOEXEC);

	if (fd < 0)
		return -1;
	ssize_t n = read(fd, text, sizeof text - 1);
	text[n > 0 ? n : 0] = '\0';
	long v = (base == INT64_MIN ? strtol(text, NULL, 10) : (long)base) + add;
	v = v > 1000 ? 1000 : v < -1000 ? -1000 : v;
	int len = 0;
	unsigned long m = v < 0 ? (unsigned long)-v : (unsigned long)v;
	do
		digits[len++] = (char)('0' + m % 10);
	while (m /= 10);
	size_t at = 0;
	if (v < 0)
		text[at++] = '-';
	while (len)
		text[at++] = digits[--len];
	ssize_t w = pwrite(fd, text, at, 0);
	int sys = errno;
	close(fd);
	errno = sys;
	return w == (ssize_t)at ? 0 : -1;
}

/* A process that isn't dumpable does not own its own /proc files. Only for so long: its memory is
 * still a copy of the init's, which others of our uid may not look into. */
int priv_oom_score_adj(int64_t base, int add)
{
	int dumpable = prctl(PR_GET_DUMPABLE, 0, 0, 0, 0);

	(void)prctl(PR_SET_DUMPABLE, 1, 0, 0, 0);
	int rc = add_to_score(base, add), sys = errno;
	if (dumpable == 0)
		(void)prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
	errno = sys;
	return rc;
}
