/* nsrun_filter - seccomp filters that take away what older kernels or stricter sandboxes lack. */
#include "nsrun.h"

#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#define LOAD(field)           BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, field))
#define SKIP_UNLESS(value, n) BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (value), 0, (n))
#define FAIL(err)             BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | (err))
#define ALLOW                 BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW)

#define WITHOUT(number) SKIP_UNLESS(number, 1), FAIL(ENOSYS)
#define WITHOUT_OPT(call, opt)                                                                     \
	LOAD(nr), SKIP_UNLESS(call, 3), LOAD(args[2]), SKIP_UNLESS(opt, 1), FAIL(ENOPROTOOPT)

static const struct sock_filter old_kernel[] = {
	LOAD(nr),
	WITHOUT(424),                    /* pidfd_send_signal, 5.1 */
	WITHOUT(434),                    /* pidfd_open, 5.3 */
	WITHOUT(435),                    /* clone3, 5.3 */
	WITHOUT(436),                    /* close_range, 5.9 */
	WITHOUT(437),                    /* openat2, 5.6 */
	WITHOUT(439),                    /* faccessat2, 5.8 */
	WITHOUT(441),                    /* epoll_pwait2, 5.11 */
	WITHOUT(444),                    /* landlock_create_ruleset, 5.13 */
	WITHOUT_OPT(SYS_setsockopt, 83), /* SO_PASSRIGHTS, 6.16 */
	WITHOUT_OPT(SYS_setsockopt, 76), /* SO_PASSPIDFD, 6.5 */
	WITHOUT_OPT(SYS_getsockopt, 77), /* SO_PEERPIDFD, 6.5 */
	ALLOW,
};

static const struct sock_filter no_passrights[] = { WITHOUT_OPT(SYS_setsockopt, 83), ALLOW };

static const struct sock_filter no_prlimit[] = { LOAD(nr), SKIP_UNLESS(SYS_prlimit64, 4),
	LOAD(args[0]), SKIP_UNLESS(0, 1), ALLOW, FAIL(EPERM), ALLOW };

/* No more watches than the lowest descriptors need. */
static const struct sock_filter few_watches[] = { LOAD(nr), SKIP_UNLESS(SYS_epoll_ctl, 5),
	LOAD(args[1]), SKIP_UNLESS(EPOLL_CTL_ADD, 3), LOAD(args[2]),
	BPF_JUMP(BPF_JMP | BPF_JGE | BPF_K, 40, 0, 1), FAIL(ENOSPC), ALLOW };

static const struct {
	const char *name;
	const struct sock_filter *code;
	unsigned short len;
} filters[] = {
	{ "old", old_kernel, sizeof(old_kernel) / sizeof(old_kernel[0]) },
	{ "no-passrights", no_passrights, sizeof(no_passrights) / sizeof(no_passrights[0]) },
	{ "few-watches", few_watches, sizeof(few_watches) / sizeof(few_watches[0]) },
	{ "no-prlimit", no_prlimit, sizeof(no_prlimit) / sizeof(no_prlimit[0]) },
};

void set_filter(const char *name)
{
	for (size_t i = 0; i < sizeof(filters) / sizeof(filters[0]); i++) {
		if (strcmp(filters[i].name, name))
			continue;
		struct sock_fprog prog = { .len = filters[i].len,
			.filter = (struct sock_filter *)filters[i].code };
		must(prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &prog, 0, 0), "seccomp");
		return;
	}
	errno = EINVAL;
	die(name);
}
