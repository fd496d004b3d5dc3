/* Preloaded into user-mode-linux: its room for the processor's state is from before AMX, and a kernel that has more takes
 * none but the whole. So what it sets goes over what is there, and what it does not know of stays. */
#include <dlfcn.h>
#include <elf.h>
#include <stdarg.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/uio.h>

static char whole[1 << 16];

long ptrace(enum __ptrace_request request, ...)
{
	static long (*next)(enum __ptrace_request, ...);
	va_list ap;

	va_start(ap, request);
	pid_t pid = va_arg(ap, pid_t);
	void *what = va_arg(ap, void *);
	void *data = va_arg(ap, void *);
	va_end(ap);
	if (!next)
		next = (long (*)(enum __ptrace_request, ...))dlsym(RTLD_NEXT, "ptrace");
	if (request == PTRACE_SETREGSET && what == (void *)NT_X86_XSTATE) {
		const struct iovec *v = data;
		struct iovec all = { whole, sizeof whole };
		if (next(PTRACE_GETREGSET, pid, what, &all) == 0 && v->iov_len < all.iov_len) {
			memcpy(whole, v->iov_base, v->iov_len);
			return next(request, pid, what, &all);
		}
	}
	return next(request, pid, what, data);
}
