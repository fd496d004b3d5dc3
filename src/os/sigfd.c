#include "os/sigfd.h"

#include <errno.h>
#include <signal.h>
#include <stdint.h>
#include <sys/signalfd.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/units.h"

/* The kernel's own layouts: libc's sigset_t is larger, and its functions leave out 32 to 34. */
struct kernel_sigaction {
	void (*handler)(int);
	unsigned long flags;
	void (*restorer)(void);
	uint64_t mask;
};

static void set_default(int sig)
{
	struct kernel_sigaction sa = { .handler = SIG_DFL };

	(void)syscall(SYS_rt_sigaction, sig, &sa, NULL, sizeof sa.mask);
}

static int set_mask(uint64_t mask)
{
	return (int)syscall(SYS_rt_sigprocmask, SIG_SETMASK, &mask, NULL, sizeof mask);
}

int sigfd_open(void)
{
	uint64_t all = ~UINT64_C(0);

	set_default(SIGCHLD);
	if (set_mask(all) < 0)
		return -1;
	return (int)syscall(SYS_signalfd4, -1, &all, sizeof all, SFD_CLOEXEC | SFD_NONBLOCK);
}

/* PIPE and XFSZ come to the thread whose write raised them, with its own pid; TTIN and TTOU from
 * the terminal. */
static bool raised_by_us(const struct signalfd_siginfo *si)
{
	if (si->ssi_code == SI_KERNEL)
		return si->ssi_signo == SIGTTIN || si->ssi_signo == SIGTTOU ||
		       si->ssi_signo == SIGPIPE || si->ssi_signo == SIGXFSZ;
	return si->ssi_code <= 0 && (pid_t)si->ssi_pid == getpid();
}

int sigfd_next(int fd, struct sig_got *ret)
{
	struct signalfd_siginfo si;
	ssize_t n;

	do
		n = read(fd, &si, sizeof si);
	while (n < 0 && errno == EINTR);
	if (n != (ssize_t)sizeof si)
		return 0;
	*ret = (struct sig_got){ .sig = (int)si.ssi_signo, .ours = raised_by_us(&si) };
	return 1;
}

void signals_reset(void)
{
	for (int sig = 1; sig <= SIGNAL_COUNT; sig++)
		if (sig != SIGKILL && sig != SIGSTOP)
			set_default(sig);
}

void signals_block_all(void)
{
	(void)set_mask(~UINT64_C(0));
}

void signals_unblock_all(void)
{
	(void)set_mask(0);
}
