#include "os/trim.h"

#include <link.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { RANGES = 8, STACK_TRIMMED = 96 * 1024, STACK_KEPT = 8 * 1024 };

struct ranges {
	struct {
		uintptr_t from;
		size_t size;
	} v[RANGES];
	size_t n;
};

static void add(struct ranges *r, uintptr_t from, uintptr_t to)
{
	uintptr_t page = (uintptr_t)getauxval(AT_PAGESZ);

	from &= ~(page - 1);
	to &= ~(page - 1);
	if (to <= from || r->n == RANGES)
		return;
	r->v[r->n].from = from;
	r->v[r->n++].size = to - from;
}

/* The linker's. NOLINTNEXTLINE(bugprone-reserved-identifier) */
extern const ElfW(Ehdr) __ehdr_start __attribute__((visibility("hidden")));

static void add_read_only_parts(struct ranges *r)
{
	uintptr_t base = (uintptr_t)&__ehdr_start;
	const ElfW(Phdr) *parts = (const void *)(base + __ehdr_start.e_phoff);

	for (size_t i = 0; i < __ehdr_start.e_phnum; i++) {
		if (parts[i].p_type != PT_LOAD)
			continue;
		if (!parts[i].p_offset) /* the first, which the header is in */
			base -= parts[i].p_vaddr;
		uintptr_t at = base + parts[i].p_vaddr;
		if (!(parts[i].p_flags & PF_W))
			add(r, at, at + parts[i].p_filesz);
	}
}

/* Not by libc's functions: their pages would be mapped again, each with what lies around it, before the wait begins. */
#if defined(__x86_64__)
static inline long direct(long number, long a, long b, long c)
{
	long ret;

	__asm__ volatile("syscall"
			 : "=a"(ret)
			 : "a"(number), "D"(a), "S"(b), "d"(c)
			 : "rcx", "r11", "memory");
	return ret;
}
#define WAIT(fds, n) (direct(SYS_poll, (long)(fds), (long)(n), -1))
#else
static inline long direct(long number, long a, long b, long c)
{
	return syscall(number, a, b, c);
}
#define WAIT(fds, n) poll((fds), (n), -1)
#endif

int memory_trim_and_poll(struct pollfd *fds, nfds_t n)
{
	uintptr_t here = (uintptr_t)__builtin_frame_address(0);
	struct ranges r = { .n = 0 };

	/* What lies below the frames in use is nobody's; a part that was never mapped is an error that changes nothing. */
	add(&r, here - STACK_KEPT - STACK_TRIMMED, here - STACK_KEPT);
	add_read_only_parts(&r);
	for (size_t i = 0; i < r.n; i++)
		(void)direct(SYS_madvise, (long)r.v[i].from, (long)r.v[i].size, MADV_DONTNEED);
	long ret = WAIT(fds, n);
	if (ret >= 0)
		return (int)ret;
	return -1;
}
