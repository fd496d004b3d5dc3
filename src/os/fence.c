#include "os/fence.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "os/priv.h"

int fence_limits(const struct child_spec *spec)
{
	const struct child_fence *f = spec->fence;
	static const unsigned char resources[FENCE_RLIMITS] = {
		[FENCE_NOFILE] = RLIMIT_NOFILE,
		[FENCE_NPROC] = RLIMIT_NPROC,
		[FENCE_MEMLOCK] = RLIMIT_MEMLOCK,
		[FENCE_CORE] = RLIMIT_CORE,
	};
	struct rlimit rl;

	for (int i = 0; i < FENCE_RLIMITS; i++) {
		rlim_t most = (rlim_t)f->v[i];
		if (f->v[i] == FENCE_UNSET)
			continue;
		if (getrlimit(resources[i], &rl) < 0)
			return -1;
		if (!spec->confine || rl.rlim_cur > most)
			rl.rlim_cur = most;
		if (!spec->confine || rl.rlim_max > most)
			rl.rlim_max = most;
		if (setrlimit(resources[i], &rl) < 0)
			return -1;
	}
	return 0;
}

int fence_nice(const struct child_spec *spec)
{
	const struct child_fence *f = spec->fence;
	int64_t nice = f->v[FENCE_NICE];

	if (nice == FENCE_UNSET || (spec->confine && getpriority(PRIO_PROCESS, 0) >= nice))
		return 0;
	return setpriority(PRIO_PROCESS, 0, (int)nice);
}

/* The kernel takes what there is of them, and says nothing of the others. */
int fence_cpus(const struct child_spec *spec)
{
	const struct child_fence *f = spec->fence;
	unsigned char now[CHILD_AFFINITY_BYTES] = { 0 }, want[CHILD_AFFINITY_BYTES] = { 0 };
	bool any = false;

	if (!f->has_cpus)
		return 0;
	memcpy(want, f->cpus, sizeof f->cpus);
	if (syscall(SYS_sched_getaffinity, 0, sizeof now, now) < 0)
		return -1;
	for (size_t i = 0; i < sizeof now; i++)
		any |= now[i] & want[i];
	for (size_t i = 0; spec->confine && any && i < sizeof now; i++)
		want[i] &= now[i];
	if (syscall(SYS_sched_setaffinity, 0, sizeof want, want) < 0 ||
		syscall(SYS_sched_getaffinity, 0, sizeof now, now) < 0)
		return -1;
	errno = EINVAL;
	return spec->confine || memcmp(now, want, sizeof now) == 0 ? 0 : -1;
}

bool fence_root(const struct child_spec *spec)
{
	return spec->cred ? spec->cred->uid == 0 : geteuid() == 0;
}

uint64_t fence_kept(const struct child_spec *spec)
{
	return spec->fence && spec->fence->has_caps ? spec->fence->caps : ~UINT64_C(0);
}

int fence_bounding(const struct child_spec *spec)
{
	return ~fence_kept(spec) ? priv_drop_bounding(fence_kept(spec)) : 0;
}

/* Under another uid than root's only ambient ones last over exec. */
int fence_caps(const struct child_spec *spec)
{
	uint64_t keep = fence_kept(spec), lasting = fence_root(spec) ? 0 : keep, p, e, i;

	if (!~keep || spec->confine)
		return 0;
	if (priv_get_caps(&p, &e, &i) < 0)
		return -1;
	errno = EPERM;
	return keep & ~p ? -1 : priv_set_caps(keep, lasting, lasting);
}

int fence_privileges(const struct child_spec *spec)
{
	const struct child_fence *f = spec->fence;

	return f->no_new_privs || f->seccomp || f->ro_paths || f->rw_paths
		       ? prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
		       : 0;
}

/* --- landlock(7); musl has no headers of it --- */

enum { CREATE_RULESET = 444, ADD_RULE, RESTRICT_SELF, ASK_ABI = 1, PATH_BENEATH = 1 };
enum {
	READS = 1 << 0 | 1 << 2 | 1 << 3, /* execute, files, folders */
	OF_FILES = 1 << 0 | 1 << 1 | 1 << 2 | 1 << 14 | 1 << 15
}; /* of what is no folder */

static int let(int rules, char *const *paths, uint64_t rights)
{
	struct {
		uint64_t rights;
		int32_t fd;
	} __attribute__((packed)) rule;
	struct stat st;

	for (; paths && *paths; paths++) {
		rule.fd = open(*paths, O_PATH | O_CLOEXEC);
		if (rule.fd < 0 || fstat(rule.fd, &st) < 0)
			return -1;
		rule.rights = S_ISDIR(st.st_mode) ? rights : rights & OF_FILES;
		if (syscall(ADD_RULE, rules, PATH_BENEATH, &rule, 0) < 0)
			return -1;
		close(rule.fd);
	}
	return 0;
}

/* All rights over files that the kernel has an idea of. */
int fence_landlock(const struct child_spec *spec)
{
	const struct child_fence *f = spec->fence;
	char *const in_front[] = { fence_new_pid(spec) ? (char[]){ "/proc/self/exe" } : NULL,
		NULL };
	long abi;

	if (!f->ro_paths && !f->rw_paths)
		return 0;
	if ((abi = syscall(CREATE_RULESET, NULL, 0, ASK_ABI)) < 0)
		return -1;
	uint64_t all = abi >= 5 ? 0xffff : abi >= 3 ? 0x7fff : abi == 2 ? 0x3fff : 0x1fff;
	int rules = (int)syscall(CREATE_RULESET, &all, sizeof all, 0);
	if (rules < 0 || let(rules, f->ro_paths, READS) < 0 || let(rules, f->rw_paths, all) < 0 ||
		let(rules, in_front, READS) < 0 || syscall(RESTRICT_SELF, rules, 0) < 0)
		return -1;
	return close(rules);
}
