/*
 * want - lets the first process go without: memory, forks, descriptors, room on a disk. For the tests.
 *
 * LD_PRELOAD=want.so WANT=FILE sysg start: of that process, known by its first argument, the Nth call of a kind
 * fails, and as many after it as are ordered. FILE is a struct want, mapped shared: whoever has it arms and disarms,
 * and reads what came of it. What it executes is left alone, as its environment has neither name any more; what it
 * forks is told apart from it, and armed by itself.
 *
 * It counts what each place of the program holds in memory, too: a place that holds more each time leaks.
 */
#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

enum kind { NONE, MEM, FORK, FD, SPACE, WATCH, KINDS };
enum { SITES = 4096, HEAD = 16 };

#define MAGIC 0x73797367776e7400u

struct want {
	uint32_t kind;     /* which calls are to fail */
	uint32_t forks;    /* 1: those of forks of the first process; 0: its own */
	uint32_t error;    /* errno of those that fail */
	uint32_t loaded;   /* there is somebody to arm */
	int64_t countdown; /* as many pass before the first that fails */
	int64_t burst;     /* as many fail */
	uint64_t hits;     /* failed */
	uint64_t entry;    /* where the program begins */
	uint64_t last;     /* who made the call that failed last: an address in the program */
	uint64_t calls
		[2][KINDS]; /* of the process, and of its forks, of each kind, as long as it runs */
	struct {
		uint64_t at; /* who asked for the memory */
		int64_t held;
	} site[SITES];
};

struct head {
	uint64_t magic;
	uint64_t site;
};

extern void *__libc_malloc(size_t), *__libc_calloc(size_t, size_t), *__libc_realloc(void *, size_t);
extern void __libc_free(void *);

static struct want *want;
static int is_fork;

#define CALLER ((uint64_t)(uintptr_t)__builtin_return_address(0))

/* Is this the call that fails? */
static int fails(enum kind kind, uint64_t caller)
{
	if (!want)
		return 0;
	want->calls[is_fork][kind]++;
	if (want->kind != kind || (int)want->forks != is_fork)
		return 0;
	if (want->countdown-- > 0 || want->burst <= 0)
		return 0;
	want->burst--;
	want->hits++;
	want->last = caller - want->entry;
	errno = (int)want->error;
	return 1;
}

__attribute__((constructor)) static void load(void)
{
	const char *path = getenv("WANT");
	char args[256] = "";
	int fd = open("/proc/self/cmdline", O_RDONLY | O_CLOEXEC);

	if (fd >= 0 && (read(fd, args, sizeof args - 1) < 0 || close(fd) < 0))
		return;
	if (!path || strcmp(args + strlen(args) + 1, "start") ||
		(fd = open(path, O_RDWR | O_CLOEXEC)) < 0)
		return;
	struct want *w = mmap(NULL, sizeof *w, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	close(fd);
	if (w == MAP_FAILED)
		return;
	w->entry = getauxval(AT_ENTRY);
	w->loaded = 1;
	want = w;
	unsetenv("LD_PRELOAD");
	unsetenv("WANT");
}

/* --- memory: each piece knows which place it is of --- */

static uint64_t site_of(uint64_t caller)
{
	uint64_t at = caller - want->entry;

	for (uint64_t n = 0, i = at * 0x9e3779b97f4a7c15u >> 52; n < SITES;
		n++, i = (i + 1) % SITES)
		if (want->site[i].at == at || !want->site[i].at) {
			want->site[i].at = at;
			return i;
		}
	return 0;
}

static void *given(struct head *h, uint64_t caller)
{
	if (!h)
		return NULL;
	*h = (struct head){ MAGIC, want && !is_fork ? site_of(caller) : SITES };
	if (h->site < SITES)
		want->site[h->site].held++;
	return (char *)h + HEAD;
}

/* What the libc keeps for itself may have no head. */
static void *taken(void *p)
{
	struct head *h = (struct head *)((char *)p - HEAD);

	if (h->magic != MAGIC)
		return p;
	if (h->site < SITES && !is_fork)
		want->site[h->site].held--;
	h->magic = 0;
	return h;
}

static void *get(size_t n, uint64_t caller)
{
	return fails(MEM, caller) ? NULL : given(__libc_calloc(1, n + HEAD), caller);
}

void *malloc(size_t n)
{
	void *p = get(n, CALLER);

	return p ? memset(p, 0xa5, n) : NULL; /* it is not to be relied on that it is empty */
}

void *calloc(size_t n, size_t size)
{
	size_t all;

	if (__builtin_mul_overflow(n, size, &all)) {
		errno = ENOMEM;
		return NULL;
	}
	return get(all, CALLER);
}

void free(void *p)
{
	int before = errno;

	if (p)
		__libc_free(taken(p));
	errno = before;
}

static void *again(void *p, size_t n, uint64_t caller)
{
	if (!p)
		return get(n, caller);
	if (fails(MEM, caller))
		return NULL;
	struct head *h = __libc_realloc(taken(p), n + HEAD);
	return given(h, caller);
}

void *realloc(void *p, size_t n)
{
	return again(p, n, CALLER);
}

void *reallocarray(void *p, size_t n, size_t size)
{
	return again(p, n * size, CALLER); /* of what the program asks for */
}

char *strndup(const char *s, size_t most)
{
	size_t n = strnlen(s, most);
	char *p = get(n + 1, CALLER);

	return p ? memcpy(p, s, n) : NULL;
}

char *strdup(const char *s)
{
	size_t n = strlen(s) + 1;
	char *p = get(n, CALLER);

	return p ? memcpy(p, s, n) : NULL;
}

/* --- calls --- */

static void *next(const char *name)
{
	return dlsym(RTLD_NEXT, name);
}

/* The real one, looked up once, with nothing counted; ERROR where it is to fail. */
#define HOOK(type, name, params, args, condition, error)                                           \
	type name params                                                                           \
	{                                                                                          \
		static type(*real) params;                                                         \
		if (!real)                                                                         \
			real = (type(*) params)(uintptr_t)next(#name);                             \
		return (condition) ? (error) : real args;                                          \
	}

#define FAIL(kind) fails(kind, CALLER)

/* Logs to a pipe or a terminal are not what a full disk is about; nor is what the test itself reads. */
static int on_disk(int fd)
{
	struct stat st;
	int before = errno, rc = fd > 2 && fstat(fd, &st) == 0 && S_ISREG(st.st_mode);

	errno = before;
	return rc;
}

static int opening(int flags, uint64_t caller)
{
	return fails(FD, caller) ||
	       ((flags & O_CREAT || (flags & O_TMPFILE) == O_TMPFILE) && fails(SPACE, caller));
}

#define OPEN(name, params, args)                                                                   \
	int name params                                                                            \
	{                                                                                          \
		va_list ap;                                                                        \
		va_start(ap, flags);                                                               \
		mode_t mode = flags & (O_CREAT | __O_TMPFILE) ? va_arg(ap, mode_t) : 0;            \
		va_end(ap);                                                                        \
		return opening(flags, CALLER) ? -1 : (int)syscall args;                            \
	}

/* clang-format off */
OPEN(open, (const char *path, int flags, ...), (SYS_openat, AT_FDCWD, path, flags, mode))
OPEN(open64, (const char *path, int flags, ...), (SYS_openat, AT_FDCWD, path, flags, mode))
OPEN(openat, (int dir, const char *path, int flags, ...), (SYS_openat, dir, path, flags, mode))
OPEN(openat64, (int dir, const char *path, int flags, ...), (SYS_openat, dir, path, flags, mode))

HOOK(DIR *, opendir, (const char *path), (path), FAIL(FD), NULL)
HOOK(int, pipe, (int fd[2]), (fd), FAIL(FD), -1)
HOOK(int, pipe2, (int fd[2], int flags), (fd, flags), FAIL(FD), -1)
HOOK(int, socket, (int domain, int type, int protocol), (domain, type, protocol), FAIL(FD), -1)
HOOK(int, socketpair, (int domain, int type, int protocol, int fd[2]), (domain, type, protocol, fd), FAIL(FD), -1)
HOOK(int, accept4, (int fd, struct sockaddr *a, socklen_t *n, int flags), (fd, a, n, flags), FAIL(FD), -1)
HOOK(int, epoll_create1, (int flags), (flags), FAIL(FD), -1)
HOOK(int, timerfd_create, (int clock, int flags), (clock, flags), FAIL(FD), -1)
HOOK(int, inotify_init1, (int flags), (flags), FAIL(FD), -1)
struct epoll_event;
HOOK(int, epoll_ctl, (int fd, int op, int which, struct epoll_event *e), (fd, op, which, e), op == 1 && FAIL(WATCH), -1)
HOOK(int, inotify_add_watch, (int fd, const char *path, uint32_t mask), (fd, path, mask), FAIL(WATCH), -1)

HOOK(ssize_t, write, (int fd, const void *p, size_t n), (fd, p, n), on_disk(fd) && FAIL(SPACE), -1)
HOOK(ssize_t, pwrite64, (int fd, const void *p, size_t n, off64_t at), (fd, p, n, at), on_disk(fd) && FAIL(SPACE), -1)
HOOK(int, ftruncate64, (int fd, off64_t n), (fd, n), FAIL(SPACE), -1)
HOOK(int, fallocate64, (int fd, int mode, off64_t at, off64_t n), (fd, mode, at, n), FAIL(SPACE), -1)
HOOK(int, rename, (const char *from, const char *to), (from, to), FAIL(SPACE), -1)
HOOK(int, renameat, (int a, const char *from, int b, const char *to), (a, from, b, to), FAIL(SPACE), -1)
HOOK(int, mkdir, (const char *path, mode_t mode), (path, mode), FAIL(SPACE), -1)
HOOK(int, mkdirat, (int dir, const char *path, mode_t mode), (dir, path, mode), FAIL(SPACE), -1)
HOOK(int, linkat, (int a, const char *from, int b, const char *to, int flags), (a, from, b, to, flags), FAIL(SPACE), -1)
HOOK(int, symlink, (const char *to, const char *path), (to, path), FAIL(SPACE), -1)
HOOK(int, bind, (int fd, const struct sockaddr *a, socklen_t n), (fd, a, n), a->sa_family == AF_UNIX && *a->sa_data && FAIL(SPACE), -1)
/* clang-format on */

int fcntl64(int fd, int op, ...)
{
	va_list ap;

	va_start(ap, op);
	long arg = va_arg(ap, long);
	va_end(ap);
	return (op == F_DUPFD || op == F_DUPFD_CLOEXEC) && FAIL(FD)
		       ? -1
		       : (int)syscall(SYS_fcntl, fd, op, arg);
}

pid_t fork(void)
{
	static pid_t (*real)(void);

	if (!real)
		real = (pid_t(*)(void))(uintptr_t)next("fork");
	if (FAIL(FORK))
		return -1;
	pid_t pid = real();
	is_fork |= pid == 0;
	return pid;
}

static enum kind kind_of(long number)
{
	switch (number) {
	case SYS_clone:
	case SYS_clone3:
		return FORK;
	case SYS_memfd_create:
	case SYS_pidfd_open:
	case SYS_openat2:
		return FD;
	default:
		return NONE;
	}
}

/* What is made by its number only. */
long syscall(long number, ...)
{
	enum kind kind = kind_of(number);
	static long (*real)(long, ...);
	long a[6];
	va_list ap;

	va_start(ap, number);
	for (int i = 0; i < 6; i++)
		a[i] = va_arg(ap, long);
	va_end(ap);
	if (!real)
		real = (long (*)(long, ...))(uintptr_t)next("syscall");
	if (kind && FAIL(kind))
		return -1;
	long rc = real(number, a[0], a[1], a[2], a[3], a[4], a[5]);
	is_fork |= rc == 0 && kind == FORK;
	return rc;
}
