/* For the static binary, parts of libc in the size that is needed here, under the names that the linker looks for. libc's printf
 * functions bring floating point, wide characters and files along, 10 KB that nothing here uses; its fork() and setrlimit() what
 * takes care of threads, of which there are none; its strtol() a file to read from; most others are unrolled. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <malloc.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "base/small.h"

#define NAMED(name) __asm__(name)

int sysg_vsnprintf(char *buf, size_t size, const char *format, va_list ap) NAMED("vsnprintf");
int sysg_snprintf(char *buf, size_t size, const char *format, ...) NAMED("snprintf");
void sysg_qsort(void *base, size_t n, size_t size, int (*cmp)(const void *, const void *))
	NAMED("qsort");
char *sysg_strstr(const char *text, const char *word) NAMED("strstr");
size_t sysg_strspn(const char *text, const char *set) NAMED("strspn");
size_t sysg_strcspn(const char *text, const char *set) NAMED("strcspn");
long sysg_strtol(const char *text, char **ret_end, int base) NAMED("strtol");
long long sysg_strtoll(const char *text, char **ret_end, int base) NAMED("strtoll");
unsigned long sysg_strtoul(const char *text, char **ret_end, int base) NAMED("strtoul");
unsigned long long sysg_strtoull(const char *text, char **ret_end, int base) NAMED("strtoull");
char *sysg_strchrnul(const char *text, int c) NAMED("strchrnul");
char *sysg_strchrnul_inside(const char *text, int c) NAMED("__strchrnul");
char *sysg_stpcpy(char *to, const char *text) NAMED("stpcpy");
char *sysg_strcpy(char *to, const char *text) NAMED("strcpy");
char *sysg_strncpy(char *to, const char *text, size_t n) NAMED("strncpy");
size_t sysg_strlen(const char *text) NAMED("strlen");
void *sysg_memset(void *to, int byte, size_t n) NAMED("memset");
void *sysg_calloc(size_t n, size_t size) NAMED("calloc");
void *sysg_realloc(void *p, size_t n) NAMED("realloc");
int sysg_isatty(int fd) NAMED("isatty");
int sysg_strncmp(const char *a, const char *b, size_t n) NAMED("strncmp");
int sysg_strncasecmp(const char *a, const char *b, size_t n) NAMED("strncasecmp");
int sysg_strcasecmp(const char *a, const char *b) NAMED("strcasecmp");

int sysg_vsnprintf(char *buf, size_t size, const char *format, va_list ap)
{
	return small_print(buf, size, format, ap);
}

int sysg_snprintf(char *buf, size_t size, const char *format, ...)
{
	va_list ap;

	va_start(ap, format);
	int n = small_print(buf, size, format, ap);
	va_end(ap);
	return n;
}

void sysg_qsort(void *base, size_t n, size_t size, int (*cmp)(const void *, const void *))
{
	small_sort(base, n, size, cmp);
}

char *sysg_strstr(const char *text, const char *word)
{
	return small_find(text, word);
}

size_t sysg_strspn(const char *text, const char *set)
{
	return small_span(text, set, true);
}

size_t sysg_strcspn(const char *text, const char *set)
{
	return small_span(text, set, false);
}

long sysg_strtol(const char *text, char **ret_end, int base)
{
	return (long)small_number(text, ret_end, base, (unsigned long long)LLONG_MIN);
}

long long sysg_strtoll(const char *text, char **ret_end, int base)
{
	return (long long)small_number(text, ret_end, base, (unsigned long long)LLONG_MIN);
}

unsigned long sysg_strtoul(const char *text, char **ret_end, int base)
{
	return (unsigned long)small_number(text, ret_end, base, ULLONG_MAX);
}

unsigned long long sysg_strtoull(const char *text, char **ret_end, int base)
{
	return small_number(text, ret_end, base, ULLONG_MAX);
}

_Static_assert(sizeof(long) == sizeof(long long), "their limits are one");

char *sysg_strchrnul(const char *text, int c)
{
	while (*text && *text != (char)c)
		text++;
	return (char *)text;
}

char *sysg_strchrnul_inside(const char *text, int c)
{
	return sysg_strchrnul(text, c);
}

char *sysg_stpcpy(char *to, const char *text)
{
	size_t n = strlen(text);

	return (char *)memcpy(to, text, n + 1) + n;
}

/* The compiler makes calls of it, after it has seen that there are none. */
__attribute__((used)) char *sysg_strcpy(char *to, const char *text)
{
	return memcpy(to, text, strlen(text) + 1);
}

char *sysg_strncpy(char *to, const char *text, size_t n)
{
	size_t have = strnlen(text, n);

	memset(to + have, 0, n - have);
	return memcpy(to, text, have);
}

int sysg_strncmp(const char *a, const char *b, size_t n)
{
	for (; n && *a && *a == *b; n--)
		a++, b++;
	return n ? (unsigned char)*a - (unsigned char)*b : 0;
}

size_t sysg_strlen(const char *text)
{
	const char *end = text;

	while (*end)
		end++;
	return (size_t)(end - text);
}

#ifdef __x86_64__
__attribute__((used)) void *sysg_memset(void *to, int byte, size_t n)
{
	void *at = to;

	__asm__ volatile("rep stosb" : "+D"(at), "+c"(n) : "a"(byte) : "memory");
	return to;
}
#endif

#ifndef __GLIBC__ /* whose malloc() is in one piece with it */
/* All of it is written to: libc's has a look first at what is zero already. */
void *sysg_calloc(size_t n, size_t size)
{
	void *p = NULL;
	size_t all;

	if (__builtin_mul_overflow(n, size, &all))
		errno = ENOMEM;
	else
		p = malloc(all);
	__asm__ volatile("" : "+r"(p)); /* else the compiler makes one call of the two: to this */
	return p ? memset(p, 0, all) : NULL;
}

/* Where there is no room it is moved, however long it is: libc has the kernel move it by pages. */
void *sysg_realloc(void *p, size_t n)
{
	size_t have = malloc_usable_size(p);

	if (n <= have && n > have / 2)
		return p;
	void *to = malloc(n);
	if (!to)
		return n <= have ? p : NULL;
	if (p)
		memcpy(to, p, n < have ? n : have);
	free(p);
	return to;
}
#endif

static int lower(char c)
{
	return (unsigned char)(c >= 'A' && c <= 'Z' ? c + ('a' - 'A') : c);
}

int sysg_strncasecmp(const char *a, const char *b, size_t n)
{
	for (; n && *a && lower(*a) == lower(*b); n--)
		a++, b++;
	return n ? lower(*a) - lower(*b) : 0;
}

int sysg_strcasecmp(const char *a, const char *b)
{
	return sysg_strncasecmp(a, b, SIZE_MAX);
}

/* --- system calls: libc's also get by without flags that each kernel has since 2.6.27 --- */

#define CALL(name, params, ...)                                                                    \
	long sysg_##name params NAMED(#name); /* or an int, which is the half of it */             \
	long sysg_##name params                                                                    \
	{                                                                                          \
		return syscall(__VA_ARGS__);                                                       \
	}

// clang-format off
CALL(socket, (int domain, int type, int protocol), SYS_socket, domain, type, protocol)
CALL(socketpair, (int domain, int type, int protocol, int ret[2]), SYS_socketpair, domain, type, protocol, ret)
CALL(accept4, (int fd, void *ret, void *ret_len, int flags), SYS_accept4, fd, ret, ret_len, flags)
CALL(pipe2, (int ret[2], int flags), SYS_pipe2, ret, flags)
CALL(dup3, (int fd, int as, int flags), SYS_dup3, fd, as, flags)
CALL(epoll_create1, (int flags), SYS_epoll_create1, flags)
CALL(epoll_ctl, (int fd, int op, int of, void *event), SYS_epoll_ctl, fd, op, of, event)
CALL(epoll_wait, (int fd, void *ret, int n, int ms), SYS_epoll_pwait, fd, ret, n, ms, NULL, 0)
CALL(inotify_init1, (int flags), SYS_inotify_init1, flags)
CALL(inotify_add_watch, (int fd, const char *path, uint32_t events), SYS_inotify_add_watch, fd, path, events)
CALL(inotify_rm_watch, (int fd, int watch), SYS_inotify_rm_watch, fd, watch)
CALL(read, (int fd, void *ret, size_t n), SYS_read, fd, ret, n)
CALL(write, (int fd, const void *bytes, size_t n), SYS_write, fd, bytes, n)
CALL(pread, (int fd, void *ret, size_t n, off_t at), SYS_pread64, fd, ret, n, at)
CALL(pwrite, (int fd, const void *bytes, size_t n, off_t at), SYS_pwrite64, fd, bytes, n, at)
CALL(fsync, (int fd), SYS_fsync, fd)
CALL(readlink, (const char *path, char *ret, size_t n), SYS_readlinkat, AT_FDCWD, path, ret, n)
CALL(getrandom, (void *ret, size_t n, unsigned flags), SYS_getrandom, ret, n, flags)
CALL(waitid, (int which, int id, void *ret, int flags), SYS_waitid, which, id, ret, flags, NULL)
CALL(connect, (int fd, const void *to, socklen_t n), SYS_connect, fd, to, n)
CALL(recvfrom, (int fd, void *ret, size_t n, int flags, void *from, socklen_t *ret_len), SYS_recvfrom, fd, ret, n, flags, from, ret_len)
CALL(sendto, (int fd, const void *bytes, size_t n, int flags, const void *to, socklen_t len), SYS_sendto, fd, bytes, n, flags, to, len)
CALL(ioctl, (int fd, int what, void *arg), SYS_ioctl, fd, what, arg)
CALL(prctl, (int what, unsigned long a, unsigned long b, unsigned long c, unsigned long d), SYS_prctl, what, a, b, c, d)
CALL(recvmsg, (int fd, void *message, int flags), SYS_recvmsg, fd, message, flags)
CALL(sendmsg, (int fd, const void *message, int flags), SYS_sendmsg, fd, message, flags)
CALL(fchmod, (int fd, mode_t mode), SYS_fchmod, fd, mode)
CALL(fchown, (int fd, uid_t uid, gid_t gid), SYS_fchown, fd, uid, gid)
CALL(nanosleep, (const struct timespec *how_long, struct timespec *ret_left), SYS_nanosleep, how_long, ret_left)
CALL(clock_gettime, (clockid_t which, struct timespec *ret), SYS_clock_gettime, which, ret)
CALL(getrlimit, (int what, struct rlimit *ret), SYS_prlimit64, 0, what, NULL, ret)
CALL(setrlimit, (int what, const struct rlimit *to), SYS_prlimit64, 0, what, to, NULL)
CALL(fork, (void), SYS_clone, SIGCHLD, 0, 0, 0, 0)
CALL(raise, (int sig), SYS_kill, getpid(), sig)
#ifdef __x86_64__ /* where libc's struct is the kernel's */
CALL(stat, (const char *path, struct stat *ret), SYS_stat, path, ret)
CALL(lstat, (const char *path, struct stat *ret), SYS_lstat, path, ret)
CALL(fstat, (int fd, struct stat *ret), SYS_fstat, fd, ret)
CALL(fstatat, (int dir, const char *path, struct stat *ret, int flags), SYS_newfstatat, dir, path, ret, flags)
_Static_assert(sizeof(struct stat) == 144 && offsetof(struct stat, st_mode) == 24 && offsetof(struct stat, st_size) == 48 &&
	offsetof(struct stat, st_ctim) == 104, "as asm/stat.h has it");
#endif
// clang-format on

/* The kernel's lengths of a message are wider than libc's, with padding behind these that has a name and is therefore 0. */
_Static_assert(
	sizeof(struct msghdr) == 56 && sizeof(struct cmsghdr) == 16, "as linux/socket.h has it");

char *sysg_getcwd(char *ret, size_t size) NAMED("getcwd");
int sysg_fcntl(int fd, int what, ...) NAMED("fcntl");
int sysg_open(const char *path, int flags, ...) NAMED("open");
int sysg_openat(int dir, const char *path, int flags, ...) NAMED("openat");

int sysg_isatty(int fd)
{
	struct winsize any;

	return syscall(SYS_ioctl, fd, TIOCGWINSZ, &any) == 0;
}

char *sysg_getcwd(char *ret, size_t size)
{
	return syscall(SYS_getcwd, ret, size) > 0 ? ret : NULL;
}

int sysg_fcntl(int fd, int what, ...)
{
	va_list ap;

	va_start(ap, what);
	unsigned long arg = va_arg(ap, unsigned long);
	va_end(ap);
	return (int)syscall(SYS_fcntl, fd, what, arg);
}

/* The mode is there where the flags make a file; without them the kernel doesn't look at it. */
int sysg_openat(int dir, const char *path, int flags, ...)
{
	va_list ap;

	va_start(ap, flags);
	mode_t mode = va_arg(ap, mode_t);
	va_end(ap);
	return (int)syscall(SYS_openat, dir, path, flags | O_LARGEFILE, mode);
}

int sysg_open(const char *path, int flags, ...)
{
	va_list ap;

	va_start(ap, flags);
	mode_t mode = va_arg(ap, mode_t);
	va_end(ap);
	return sysg_openat(AT_FDCWD, path, flags, mode);
}

#ifdef __x86_64__
/* --- signals: of a handler, without what libc does for threads and abort() --- */

struct kernel_sigaction {
	void (*handler)(int);
	unsigned long flags;
	void (*restorer)(void);
	unsigned long mask;
};

void sysg_restore(void);
__asm__("sysg_restore: mov $15, %eax\n syscall"); /* rt_sigreturn */
_Static_assert(SYS_rt_sigreturn == 15, "as it stands there");

int sysg_sigaction(int sig, const struct sigaction *to, struct sigaction *ret) NAMED("sigaction");
void (*sysg_signal(int sig, void (*handler)(int)))(int) NAMED("signal");

enum { HAS_RESTORER = 0x04000000 };

static int set_action(int sig, void (*handler)(int), unsigned long flags, const void *mask)
{
	struct kernel_sigaction sa = { handler, flags | HAS_RESTORER, sysg_restore, 0 };

	memcpy(&sa.mask, mask, sizeof sa.mask);
	return (int)syscall(SYS_rt_sigaction, sig, &sa, NULL, sizeof sa.mask);
}

/* Nobody here asks for what was there before: that fails. */
int sysg_sigaction(int sig, const struct sigaction *to, struct sigaction *ret)
{
	return ret ? -1
		   : set_action(sig, to->sa_handler, (unsigned long)to->sa_flags, &to->sa_mask);
}

void (*sysg_signal(int sig, void (*handler)(int)))(int)
{
	static const unsigned long none;

	return set_action(sig, handler, SA_RESTART, &none) < 0 ? SIG_ERR : SIG_DFL;
}
#endif

#ifndef __GLIBC__ /* which sets it without asking where it is */
/* --- errno: of the one thread that there is, so that asking for it is no call --- */

int *__errno_location(void);
int *sysg_errno_inside(void) NAMED("___errno_location");

static int last_error;

int *__errno_location(void)
{
	return &last_error;
}

int *sysg_errno_inside(void)
{
	return &last_error;
}
#endif
