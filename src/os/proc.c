#include "os/proc.h"

#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/cleanup.h"
#include "base/clock.h"

enum {
	LINE_MAX_BYTES = 512,
	PF_KTHREAD = 0x00200000,
	PF_FORKNOEXEC = 0x40,
	STATUS_MAX = 2 * 1024 * 1024
};

/* A process that ends between two calls shows as ENOENT at open and as ESRCH at read; callers see
 * one of them. */
static int gone_errno(void)
{
	if (errno == ENOENT || errno == ENOTDIR)
		errno = ESRCH;
	return -1;
}

static int open_of(pid_t pid, const char *name)
{
	char path[64];

	if (pid <= 0) {
		errno = ESRCH;
		return -1;
	}
	(void)snprintf(path, sizeof path, "/proc/%d/%s", (int)pid, name);
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	return fd < 0 ? gone_errno() : fd;
}

/* Reads what fits (size - 1 bytes) and ends it with NUL. Length, or -1; an empty file is a process
 * that has gone. These files are made whole by the first read, so that a short one was the last. */
static ssize_t read_some(int fd, char *buf, size_t size)
{
	size_t n = 0;

	while (n < size - 1) {
		ssize_t r = read(fd, buf + n, size - 1 - n);
		if (r < 0 && errno == EINTR)
			continue;
		if (r < 0)
			return gone_errno();
		n += (size_t)r;
		if (n < size - 1)
			break;
	}
	buf[n] = '\0';
	if (n == 0) {
		errno = ESRCH;
		return -1;
	}
	return (ssize_t)n;
}

static ssize_t read_file(pid_t pid, const char *name, char *buf, size_t size)
{
	autoclose int fd = open_of(pid, name);

	return fd < 0 ? -1 : read_some(fd, buf, size);
}

static int bad_form(void)
{
	errno = EIO;
	return -1;
}

/* The name may hold spaces and brackets of its own, so all is counted from the last ')'. */
static int stat_parse(const char *s, struct proc_stat *ret)
{
	enum { AFTER_STATE = 19 }; /* fields 4 to 22 */
	long long v[AFTER_STATE];
	const char *p = strrchr(s, ')');

	if (!p || p[1] != ' ' || !p[2] || p[3] != ' ')
		return bad_form();
	ret->pid = (pid_t)strtol(s, NULL, 10);
	ret->state = p[2];
	p += 3;
	for (int i = 0; i < AFTER_STATE; i++) {
		char *end;
		v[i] = strtoll(p, &end, 10);
		if (end == p)
			return bad_form();
		p = end;
	}
	ret->ppid = (pid_t)v[0];
	ret->pgrp = (pid_t)v[1];
	ret->session = (pid_t)v[2];
	ret->kthread = (v[5] & PF_KTHREAD) != 0;
	ret->forked = (v[5] & PF_FORKNOEXEC) != 0;
	ret->nice = (int)v[15];
	ret->threads = (int)v[16];
	ret->start = (uint64_t)v[18];
	ret->ticks = (uint64_t)(v[10] + v[11] + v[12] + v[13]);
	return 0;
}

int proc_stat_read(pid_t pid, struct proc_stat *ret)
{
	char buf[1024];

	return read_file(pid, "stat", buf, sizeof buf) < 0 ? -1 : stat_parse(buf, ret);
}

int64_t proc_ticks_ns(uint64_t ticks)
{
	return (int64_t)ticks * (NS_PER_SEC / (int64_t)getauxval(AT_CLKTCK));
}

int proc_stat_read_at(int proc_fd, struct proc_stat *ret)
{
	char buf[1024];
	autoclose int fd = openat(proc_fd, "stat", O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		return gone_errno();
	return read_some(fd, buf, sizeof buf) < 0 ? -1 : stat_parse(buf, ret);
}

/* Lines of a file of any length through a small buffer; what a line has past LINE_MAX_BYTES is
 * dropped (Groups:). */
struct lines {
	int fd;
	size_t at, len;
	bool last; /* the read was short */
	char chunk[4096];
	char line[LINE_MAX_BYTES];
};

/* 1: a line is in l->line; 0: the end; -1 with errno. */
static int lines_next(struct lines *l)
{
	size_t n = 0;

	for (;;) {
		if (l->at == l->len) {
			ssize_t r = l->last ? 0 : read(l->fd, l->chunk, sizeof l->chunk);
			if (r < 0 && errno == EINTR)
				continue;
			if (r < 0)
				return gone_errno();
			l->last = r < (ssize_t)sizeof l->chunk;
			l->at = 0;
			l->len = (size_t)r;
			if (r == 0) {
				l->line[n] = '\0';
				return n > 0;
			}
		}
		char c = l->chunk[l->at++];
		if (c == '\n')
			break;
		if (n < sizeof l->line - 1)
			l->line[n++] = c;
	}
	l->line[n] = '\0';
	return 1;
}

/* What a "Key:\tvalue" line of status says of it, as a bit of what was seen; 0 for the lines that
 * aren't asked for. */
enum { SAW_UID = 1, SAW_GID = 2, SAW_INH = 4, SAW_PRM = 8, SAW_EFF = 16, SAW_BND = 32 };
enum { SAW_ALL = 63 };

static int four_ids(const char *s, unsigned v[4])
{
	for (int i = 0; i < 4; i++) {
		char *end;
		v[i] = (unsigned)strtoul(s, &end, 10);
		if (end == s)
			return 0;
		s = end;
	}
	return 1;
}

static unsigned status_line(const char *line, struct proc_status *st)
{
	static const struct {
		const char *key;
		size_t at;
		unsigned saw;
	} caps[] = {
		{ "CapInh:", offsetof(struct proc_status, cap_inheritable), SAW_INH },
		{ "CapPrm:", offsetof(struct proc_status, cap_permitted), SAW_PRM },
		{ "CapEff:", offsetof(struct proc_status, cap_effective), SAW_EFF },
		{ "CapBnd:", offsetof(struct proc_status, cap_bounding), SAW_BND },
		{ "CapAmb:", offsetof(struct proc_status, cap_ambient), 0 },
	};
	const char *v = strchr(line, ':');

	if (!v++)
		return 0;
	if (!strncmp(line, "Uid:", 4))
		return four_ids(v, st->uid) ? SAW_UID : 0;
	if (!strncmp(line, "Gid:", 4))
		return four_ids(v, st->gid) ? SAW_GID : 0;
	for (size_t i = 0; i < sizeof caps / sizeof *caps; i++)
		if (!strncmp(line, caps[i].key, 7)) {
			*(uint64_t *)(void *)((char *)st + caps[i].at) = strtoull(v, NULL, 16);
			return caps[i].saw;
		}
	if (!strncmp(line, "NoNewPrivs:", 11))
		st->no_new_privs = strtol(v, NULL, 10) != 0;
	else if (!strncmp(line, "Seccomp:", 8))
		st->seccomp = (int)strtol(v, NULL, 10);
	else if (!strncmp(line, "Seccomp_filters:", 16))
		st->seccomp_filters = (int)strtol(v, NULL, 10);
	else if (!strncmp(line, "Umask:", 6))
		st->umask = (mode_t)strtoul(v, NULL, 8);
	return 0;
}

int proc_status_read(pid_t pid, struct proc_status *ret)
{
	struct lines l = { .fd = open_of(pid, "status") };
	autoclose int fd = l.fd;
	unsigned saw = 0;
	int r;

	if (fd < 0)
		return -1;
	*ret = (struct proc_status){ .seccomp_filters = -1, .umask = (mode_t)-1 };
	while ((r = lines_next(&l)) > 0)
		saw |= status_line(l.line, ret);
	if (r < 0)
		return -1;
	return saw == SAW_ALL ? 0 : bad_form();
}

/* The whole file, however long its Groups: line is (65536 groups are 700 KB). */
static int slurp(int fd, struct buf *b)
{
	char chunk[4096];

	for (;;) {
		ssize_t r = read(fd, chunk, sizeof chunk);
		if (r < 0 && errno == EINTR)
			continue;
		if (r < 0)
			return gone_errno();
		if (r == 0)
			return 0;
		if (buf_add(b, chunk, (size_t)r) < 0)
			return -1;
	}
}

static int groups_parse(const char *p, gid_t **ret, size_t *ret_n)
{
	size_t n = 0, cap = 0;
	autofree gid_t *v = NULL;

	for (;;) {
		char *end;
		while (*p == ' ' || *p == '\t')
			p++;
		if (*p < '0' || *p > '9')
			break;
		gid_t g = (gid_t)strtoul(p, &end, 10);
		p = end;
		if (n == cap) {
			cap = cap ? cap * 2 : 32;
			gid_t *more = realloc(v, cap * sizeof *v);
			if (!more)
				return -1;
			v = more;
		}
		v[n++] = g;
	}
	*ret = n ? steal_ptr(v) : NULL;
	*ret_n = n;
	return 0;
}

int proc_groups_read(pid_t pid, gid_t **ret, size_t *ret_n)
{
	autoclose int fd = open_of(pid, "status");
	struct buf b;

	if (fd < 0)
		return -1;
	buf_init(&b, STATUS_MAX);
	int r = slurp(fd, &b);
	if (r == 0) {
		const char *p = b.p ? strstr(b.p, "\nGroups:") : NULL;
		r = p ? groups_parse(p + 8, ret, ret_n) : bad_form();
	}
	int e = errno;
	buf_done(&b);
	errno = e;
	return r;
}

static const struct {
	const char *name;
	int resource;
} limit_rows[] = {
	{ "Max cpu time ", RLIMIT_CPU },
	{ "Max file size ", RLIMIT_FSIZE },
	{ "Max data size ", RLIMIT_DATA },
	{ "Max stack size ", RLIMIT_STACK },
	{ "Max core file size ", RLIMIT_CORE },
	{ "Max resident set ", RLIMIT_RSS },
	{ "Max processes ", RLIMIT_NPROC },
	{ "Max open files ", RLIMIT_NOFILE },
	{ "Max locked memory ", RLIMIT_MEMLOCK },
	{ "Max address space ", RLIMIT_AS },
	{ "Max file locks ", RLIMIT_LOCKS },
	{ "Max pending signals ", RLIMIT_SIGPENDING },
	{ "Max msgqueue size ", RLIMIT_MSGQUEUE },
	{ "Max nice priority ", RLIMIT_NICE },
	{ "Max realtime priority ", RLIMIT_RTPRIO },
	{ "Max realtime timeout ", RLIMIT_RTTIME },
};

static const char *limit_value(const char *p, uint64_t *ret)
{
	char *end;

	while (*p == ' ')
		p++;
	if (!strncmp(p, "unlimited", 9)) {
		*ret = UINT64_MAX;
		return p + 9;
	}
	*ret = strtoull(p, &end, 10);
	return end == p ? NULL : end;
}

/* The number of the limit, or -1 for the heading and for limits of kernels to come. */
static int limit_line(const char *line, uint64_t soft[16], uint64_t hard[16])
{
	for (size_t i = 0; i < sizeof limit_rows / sizeof *limit_rows; i++) {
		size_t n = strlen(limit_rows[i].name);
		int r = limit_rows[i].resource;
		if (strncmp(line, limit_rows[i].name, n) != 0)
			continue;
		const char *p = limit_value(line + n, &soft[r]);
		return p && limit_value(p, &hard[r]) ? r : -1;
	}
	return -1;
}

int proc_limits_read(pid_t pid, uint64_t soft[16], uint64_t hard[16])
{
	struct lines l = { .fd = open_of(pid, "limits") };
	autoclose int fd = l.fd;
	unsigned saw = 0;
	int r;

	if (fd < 0)
		return -1;
	while ((r = lines_next(&l)) > 0) {
		int which = limit_line(l.line, soft, hard);
		if (which >= 0)
			saw |= 1U << which;
	}
	if (r < 0)
		return -1;
	if (!saw) { /* it ended between open and read: the file is empty then */
		errno = ESRCH;
		return -1;
	}
	return saw == 0xffff ? 0 : bad_form();
}

int proc_rss_read(pid_t pid, int64_t *ret_bytes)
{
	char buf[256], *end;

	if (read_file(pid, "statm", buf, sizeof buf) < 0)
		return -1;
	(void)strtoll(buf, &end, 10);
	if (*end != ' ')
		return bad_form();
	*ret_bytes = strtoll(end, NULL, 10) * (int64_t)getauxval(AT_PAGESZ);
	return 0;
}

int proc_oom_score_adj_read(pid_t pid, int *ret)
{
	char buf[32];

	if (read_file(pid, "oom_score_adj", buf, sizeof buf) < 0)
		return -1;
	*ret = (int)strtol(buf, NULL, 10);
	return 0;
}

int proc_label_read(pid_t pid, char *buf, size_t size)
{
	if (read_file(pid, "attr/current", buf, size) < 0)
		return -1;
	*strchrnul(buf, '\n') = '\0';
	return 0;
}

int proc_cgroup_read(pid_t pid, char *buf, size_t size)
{
	char all[8192];

	if (read_file(pid, "cgroup", all, sizeof all) < 0)
		return -1;
	const char *p = !strncmp(all, "0::", 3) ? all : strstr(all, "\n0::");
	if (!p) {
		errno = ENOENT; /* no unified hierarchy */
		return -1;
	}
	p = strchr(p, '/');
	size_t n = p ? strcspn(p, "\n") : 0;
	if (!n)
		return bad_form();
	if (n >= size || p[n] != '\n') {
		errno = ENAMETOOLONG;
		return -1;
	}
	memcpy(buf, p, n);
	buf[n] = '\0';
	return 0;
}

int proc_alive(const struct proc_stat *st)
{
	return (st->state != 'Z' && st->state != 'X' && st->state != 'x') || st->threads > 1;
}

bool proc_is_ours(void)
{
	char link[32];
	ssize_t n = readlink("/proc/self", link, sizeof link - 1);

	if (n <= 0)
		return false;
	link[n] = '\0';
	return strtol(link, NULL, 10) == getpid();
}
