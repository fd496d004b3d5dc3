#include "cgroup_int.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "os/proc.h"

enum { NAME_LONGEST = 64, REMOVE_MAX = 256, REMOVE_DEPTH = 16, MOUNTINFO_MAX = 1024 * 1024 };

int cgroup_fail(int e)
{
	errno = e;
	return -1;
}

/* mountinfo(5) writes space, tab, newline and backslash as three octal digits. */
static void unescape(char *s)
{
	char *to = s;

	while (*s) {
		if (s[0] == '\\' && s[1] >= '0' && s[1] <= '3' && s[2] && s[3]) {
			*to++ = (char)((s[1] - '0') << 6 | (s[2] - '0') << 3 | (s[3] - '0'));
			s += 4;
		} else {
			*to++ = *s++;
		}
	}
	*to = '\0';
}

/* Opens our group when this line is a mount of the unified hierarchy that shows it. "30 24 0:26
 * ROOT POINT opts - type" */
static int open_in_mount(struct cgroup *c, char *line, const char *own)
{
	char *type = strstr(line, " - "), *field[5], path[PATH_MAX];

	if (!type || strncmp(type + 3, "cgroup2 ", 8) != 0)
		return -1;
	for (int i = 0; i < 5; i++)
		if (!(field[i] = strsep(&line, " ")))
			return -1;
	unescape(field[3]);
	unescape(field[4]);
	size_t n = strcmp(field[3], "/") == 0 ? 0 : strlen(field[3]);
	if (strncmp(own, field[3], n) != 0 || (own[n] != '/' && own[n] != '\0'))
		return -1;
	if ((size_t)snprintf(path, sizeof path, "%s%s", field[4], own + n) >= sizeof path)
		return -1;
	int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd >= 0 && (c->mount = cgroup_open_dir(AT_FDCWD, field[4])) >= 0)
		c->point = strdup(field[4]);
	return fd;
}

static char *read_all(const char *path, size_t max)
{
	autoclose int fd = open(path, O_RDONLY | O_CLOEXEC);
	size_t n = 0, cap = 4096;
	autofree char *p = fd < 0 ? NULL : malloc(cap + 1);

	while (p) {
		ssize_t r = read(fd, p + n, cap - n);
		if (r < 0 && errno == EINTR)
			continue;
		if (r < 0 || n > max)
			return NULL;
		if (r == 0) {
			p[n] = '\0';
			return steal_ptr(p);
		}
		n += (size_t)r;
		if (n < cap)
			continue;
		char *more = realloc(p, cap * 2 + 1);
		if (!more)
			return NULL;
		p = more;
		cap *= 2;
	}
	return NULL;
}

static int open_own(struct cgroup *c)
{
	char own[PATH_MAX], *rest, *l;
	autofree char *mounts = NULL;

	if (proc_cgroup_read(getpid(), own, sizeof own) < 0)
		return -1;
	if (strncmp(own, "/..", 3) == 0) /* outside what our cgroup namespace shows */
		return cgroup_fail(ENOENT);
	mounts = read_all("/proc/self/mountinfo", MOUNTINFO_MAX);
	if (!mounts)
		return -1;
	for (rest = mounts; (l = strsep(&rest, "\n"));) {
		int fd = open_in_mount(c, l, own);
		if (fd >= 0)
			return fd;
	}
	return cgroup_fail(ENOENT);
}

/* Only a process that really joins shows that it may: the kernel looks at the common ancestor's
 * rights too. */
static int try_join(int procs_fd)
{
	pid_t pid = fork();
	int status = 0;

	if (pid < 0)
		return -1;
	if (pid == 0)
		_exit(write(procs_fd, "0", 1) == 1 ? 0 : 1);
	while (waitpid(pid, &status, __WALL) < 0 && errno == EINTR)
		;
	return status == 0 ? 0 : cgroup_fail(EACCES);
}

int cgroup_open(struct cgroup **ret)
{
	char probe[NAME_LONGEST];
	int procs = -1, kill_fd = -1;
	struct cgroup *c = calloc(1, sizeof *c);

	if (!c)
		return -1;
	c->mount = -1;
	c->dir = open_own(c);
	(void)snprintf(probe, sizeof probe, "sysg.probe.%d", (int)getpid());
	int r = c->dir < 0 ? -1 : cgroup_make(c, probe, &procs, &kill_fd);
	if (r == 0) {
		r = try_join(procs);
		int e = errno;
		close(procs);
		if (kill_fd >= 0)
			close(kill_fd);
		(void)cgroup_remove(c, probe);
		errno = e;
	}
	if (r < 0) {
		int e = errno;
		cgroup_free(c);
		return cgroup_fail(e);
	}
	*ret = c;
	return 0;
}

struct cgroup *cgroup_free(struct cgroup *c)
{
	if (!c)
		return NULL;
	if (c->dir >= 0)
		close(c->dir);
	if (c->mount >= 0)
		close(c->mount);
	free(c->point);
	while (c->npending)
		free(c->pending[--c->npending]);
	free(c->pending);
	free(c);
	return NULL;
}

static bool good_name(const char *name)
{
	return *name && *name != '.' && strlen(name) < CGROUP_PATH && !strstr(name, "/.");
}

int cgroup_base(const struct cgroup *c, const char **path)
{
	if (**path != '/')
		return c->dir;
	++*path;
	return c->mount;
}

int cgroup_open_dir(int at, const char *name)
{
	return openat(at, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
}

/* The group, or one that it is in, is used again: nothing of it is to be removed under a child that has not joined yet. */
static void forget(struct cgroup *c, const char *name)
{
	unsigned left = 0;

	for (unsigned i = 0; i < c->npending; i++) {
		size_t n = strlen(c->pending[i]);
		if (strncmp(name, c->pending[i], n) == 0 && (!name[n] || name[n] == '/'))
			free(c->pending[i]);
		else
			c->pending[left++] = c->pending[i];
	}
	c->npending = left;
}

int cgroup_make(struct cgroup *c, const char *path, int *ret_procs_fd, int *ret_kill_fd)
{
	const char *name = path;
	int base = cgroup_base(c, &name);

	if (!good_name(name))
		return cgroup_fail(EINVAL);
	forget(c, path);
	if (mkdirat(base, name, 0755) < 0) {
		if (errno != EEXIST)
			return -1;
		/* Numbers come again after the restart of a container: what is there is empty, or
		 * isn't ours to have. */
		if (cgroup_remove(c, path) < 0 || mkdirat(base, name, 0755) < 0)
			return cgroup_fail(EEXIST);
	}
	autoclose int dir = cgroup_open_dir(base, name);
	int procs = dir < 0 ? -1 : openat(dir, "cgroup.procs", O_WRONLY | O_CLOEXEC);
	if (procs < 0) {
		int e = errno;
		(void)unlinkat(base, name, AT_REMOVEDIR);
		return cgroup_fail(e);
	}
	*ret_procs_fd = procs;
	*ret_kill_fd = openat(dir, "cgroup.kill", O_WRONLY | O_CLOEXEC);
	return 0;
}

/* Removes the groups inside, deepest first, as long as *budget lasts. What can't be removed shows
 * at the parent. */
static void remove_inside(int at, const char *name, int depth, int *budget)
{
	int fd = depth > 0 ? cgroup_open_dir(at, name) : -1;
	DIR *d = fd < 0 ? NULL : fdopendir(fd);
	struct dirent *e;

	if (!d) {
		if (fd >= 0)
			close(fd);
		return;
	}
	while (*budget > 0 && (e = readdir(d))) {
		if (e->d_type != DT_DIR || e->d_name[0] == '.')
			continue;
		(*budget)--;
		if (unlinkat(dirfd(d), e->d_name, AT_REMOVEDIR) == 0)
			continue;
		remove_inside(dirfd(d), e->d_name, depth - 1, budget);
		(void)unlinkat(dirfd(d), e->d_name, AT_REMOVEDIR);
	}
	closedir(d);
}

int cgroup_remove(struct cgroup *c, const char *path)
{
	const char *name = path;
	int budget = REMOVE_MAX, base = cgroup_base(c, &name);

	if (!good_name(name))
		return cgroup_fail(EINVAL);
	if (unlinkat(base, name, AT_REMOVEDIR) == 0 || errno == ENOENT)
		return 0;
	if (errno != EBUSY && errno != ENOTEMPTY)
		return -1;
	if (cgroup_populated(c, path) != 0)
		return cgroup_fail(EBUSY);
	remove_inside(base, name, REMOVE_DEPTH, &budget);
	return unlinkat(base, name, AT_REMOVEDIR) == 0 || errno == ENOENT ? 0 : cgroup_fail(EBUSY);
}

/* --- what can't be removed yet --- */

static bool is_kept(const struct cgroup *c, const char *name)
{
	for (unsigned i = 0; i < c->npending; i++)
		if (strcmp(c->pending[i], name) == 0)
			return true;
	return false;
}

static void keep(struct cgroup *c, const char *name)
{
	if (is_kept(c, name) || c->npending == CGROUP_PENDING)
		return;
	if (!c->pending)
		c->pending = calloc(CGROUP_PENDING, sizeof *c->pending);
	char *copy = c->pending ? strdup(name) : NULL;
	if (copy)
		c->pending[c->npending++] = copy;
}

void cgroup_drop(struct cgroup *c, const char *name)
{
	if (cgroup_remove(c, name) < 0 && errno == EBUSY)
		keep(c, name);
}

unsigned cgroup_retry(struct cgroup *c)
{
	unsigned left = 0;

	for (unsigned i = 0; i < c->npending; i++) {
		if (cgroup_remove(c, c->pending[i]) < 0 && errno == EBUSY)
			c->pending[left++] = c->pending[i];
		else
			free(c->pending[i]);
	}
	c->npending = left;
	return left;
}

unsigned cgroup_clear(struct cgroup *c, const char *prefix)
{
	const char *rest = prefix, *slash = strrchr(prefix, '/');
	int n = slash ? (int)(slash + 1 - prefix) : 0, base = cgroup_base(c, &rest);
	char name[CGROUP_PATH];
	unsigned left = 0;
	struct dirent *e;
	struct stat st;

	(void)snprintf(name, sizeof name, "%.*s.",
		(int)(slash && slash >= rest ? slash + 1 - rest : 0), rest);
	int fd = cgroup_open_dir(base, name);
	DIR *d = fd < 0 ? NULL : fdopendir(fd);
	if (!d && fd >= 0)
		close(fd);
	while (d && (e = readdir(d))) {
		if (strncmp(e->d_name, prefix + n, strlen(prefix + n)) != 0 ||
			(size_t)snprintf(name, sizeof name, "%.*s%s", n, prefix, e->d_name) >=
				sizeof name)
			continue;
		cgroup_drop(c, name);
		left += fstatat(fd, e->d_name, &st, 0) == 0;
	}
	if (d)
		closedir(d);
	return left;
}

int64_t cgroup_number(struct cgroup *c, const char *path, const char *file, const char *key)
{
	char buf[4096], full[CGROUP_PATH + 32];
	int base = cgroup_base(c, &path);

	if (!good_name(path))
		return cgroup_fail(EINVAL);
	(void)snprintf(full, sizeof full, "%s/%s", path, file);
	autoclose int fd = openat(base, full, O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? -1 : read(fd, buf, sizeof buf - 1);
	if (n < 0)
		return -1;
	buf[n] = '\0';
	size_t len = strlen(key);
	for (char *rest = buf, *l; (l = strsep(&rest, "\n"));)
		if (*l && strncmp(l, key, len) == 0 && (!len || l[len] == ' '))
			return strcmp(l, "max") == 0 ? INT64_MAX : strtoll(l + len, NULL, 10);
	return cgroup_fail(EIO);
}

int cgroup_populated(struct cgroup *c, const char *path)
{
	return (int)cgroup_number(c, path, "cgroup.events", "populated");
}
