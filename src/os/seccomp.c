/* "seccomp: baseline-v1": what no service in a container has a use for, and what a kernel is attacked by. Frozen: another
 * list gets another name. What is newer than the list isn't there at all, as for an older kernel. */
#include <errno.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <sys/prctl.h>
#include <sys/syscall.h>

#include "os/fence.h"

#if defined(__x86_64__)
#define ARCH AUDIT_ARCH_X86_64
#elif defined(__aarch64__)
#define ARCH AUDIT_ARCH_AARCH64
#else
#define ARCH 0
#endif

enum {
	CLONE3 = 435,            /* its flags can't be looked at: programs go back to clone */
	FIRST_UNKNOWN = 463,     /* Linux 6.10 has 462; those of x32 begin at 2^30 */
	NAMESPACES = 0x7e020000, /* CLONE_NEW... */
};

/* EPERM. From 424 on the numbers are those of every machine. */
static const unsigned short denied[] = {
	SYS_acct, SYS_add_key, SYS_bpf, SYS_clock_settime, SYS_delete_module, SYS_fanotify_init,
	SYS_finit_module, SYS_init_module, SYS_kexec_load, SYS_keyctl, SYS_lookup_dcookie,
	SYS_mount, SYS_nfsservctl, SYS_open_by_handle_at, SYS_perf_event_open, SYS_pivot_root,
	SYS_quotactl, SYS_reboot, SYS_request_key, SYS_setns, SYS_settimeofday, SYS_swapoff,
	SYS_swapon, SYS_syslog, SYS_umount2, SYS_unshare, SYS_userfaultfd, SYS_vhangup,
#ifdef SYS_kexec_file_load
	SYS_kexec_file_load,
#endif
#ifdef __x86_64__
	SYS__sysctl, SYS_create_module, SYS_get_kernel_syms, SYS_ioperm, SYS_iopl, SYS_query_module,
	SYS_sysfs, SYS_uselib, SYS_ustat,
#endif
	425, 426, 427,                     /* io_uring */
	428, 429, 430, 431, 432, 433, 442, /* mounts: open_tree to fspick, mount_setattr */
	443,                               /* quotactl_fd */
};

#ifdef SYS_io_uring_setup
_Static_assert(SYS_io_uring_setup == 425 && SYS_io_uring_register == 427 && SYS_open_tree == 428 &&
		       SYS_fspick == 433 && SYS_clone3 == CLONE3,
	"as the headers have them, where they do");
#endif

enum {
	DENIED = sizeof denied / sizeof *denied,
	BEFORE = 5,
	CLONE = BEFORE + DENIED,
	END = CLONE + 7
};
enum { ALLOW = END - 4, EPERMS, ENOSYSS, KILL };

/* Jumps are counted from the next one on. */
#define TO(at, where) (unsigned char)((where) - (at)-1)
#define FIELD(name)                                                                                \
	{                                                                                          \
		BPF_LD | BPF_W | BPF_ABS, 0, 0, offsetof(struct seccomp_data, name)                \
	}
#define IF(op, value, at, then, otherwise)                                                         \
	{                                                                                          \
		BPF_JMP | BPF_##op | BPF_K, TO(at, then), TO(at, otherwise), (value)               \
	}
#define RETURN(what)                                                                               \
	{                                                                                          \
		BPF_RET | BPF_K, 0, 0, (what)                                                      \
	}

int fence_seccomp(const struct child_spec *spec)
{
	struct sock_filter code[END] = {
		FIELD(arch),
		IF(JEQ, ARCH, 1, 2, KILL),
		FIELD(nr),
		IF(JGE, FIRST_UNKNOWN, 3, ENOSYSS, 4),
		IF(JEQ, CLONE3, 4, ENOSYSS, 5),
		[CLONE] = IF(JEQ, SYS_clone, CLONE, CLONE + 1, ALLOW),
		FIELD(args), /* on both machines the low half of the first */
		IF(JSET, NAMESPACES, CLONE + 2, EPERMS, ALLOW),
		RETURN(SECCOMP_RET_ALLOW),
		RETURN(SECCOMP_RET_ERRNO | EPERM),
		RETURN(SECCOMP_RET_ERRNO | ENOSYS),
		RETURN(SECCOMP_RET_KILL_PROCESS),
	};
	struct sock_fprog program = { END, code };

	if (!spec->fence->seccomp)
		return 0;
	errno = ENOSYS;
	if (!ARCH)
		return -1;
	for (int i = BEFORE; i < CLONE; i++)
		code[i] = (struct sock_filter)IF(JEQ, denied[i - BEFORE], i, EPERMS, i + 1);
	return prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program);
}
