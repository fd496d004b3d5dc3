#include "os/cgroup.h"

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

struct cgroup {
	int dir;        /* our own group */
	char **pending; /* names of groups that could not be removed; CGROUP_PENDING, or NULL */
	unsigned npending;
};

static int fail(int e)
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
static int open_in_mount(char *line, const char *own)
{
	char *type = strstr(line, " - "), *save = NULL, *field[5], path[PATH_MAX];

	if (!type || strncmp(type + 3, "cgroup2 ", 8) != 0)
		return -1;
	for (int i = 0; i < 5; i++)
		if (!(field[i] = strtok_r(i ? NULL : line, " ", &save)))
			return -1;
	unescape(field[3]);
	unescape(field[4]);
	size_t n = strcmp(field[3], "/") == 0 ? 0 : strlen(field[3]);
	if (strncmp(own, field[3], n) != 0 || (own[n] != '/' && own[n] != '\0'))
		return -1;
	if ((size_t)snprintf(path, sizeof path, "%s%s", field[4], own + n) >= sizeof path)
		return -1;
	return open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
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

static int open_own(void)
{
	char own[PATH_MAX], *save = NULL;
	autofree char *mounts = NULL;

	if (proc_cgroup_read(getpid(), own, sizeof own) < 0)
		return -1;
	if (strncmp(own, "/..", 3) == 0) /* outside what our cgroup namespace shows */
		return fail(ENOENT);
	mounts = read_all("/proc/self/mountinfo", MOUNTINFO_MAX);
	if (!mounts)
		return -1;
	for (char *l = strtok_r(mounts, "\n", &save); l; l = strtok_r(NULL, "\n", &save)) {
		int fd = open_in_mount(l, own);
		if (fd >= 0)
			return fd;
	}
	return fail(ENOENT);
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
	return status == 0 ? 0 : fail(EACCES);
}

int cgroup_open(struct cgroup **ret)
{
	char probe[NAME_LONGEST];
	int procs = -1, kill_fd = -1;
	struct cgroup *c = calloc(1, sizeof *c);

	if (!c)
		return -1;
	c->dir = open_own();
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
		return fail(e);
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
	while (c->npending)
		free(c->pending[--c->npending]);
	free(c->pending);
	free(c);
	return NULL;
}

static bool good_name(const char *name)
{
	return *name && *name != '.' && strlen(name) <= NAME_LONGEST && !strchr(name, '/');
}

static int open_dir(int at, const char *name)
{
	return openat(at, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
}

int cgroup_make(struct cgroup *c, const char *name, int *ret_procs_fd, int *ret_kill_fd)
{
	if (!good_name(name))
		return fail(EINVAL);
	if (mkdirat(c->dir, name, 0755) < 0) {
		if (errno != EEXIST)
			return -1;
		/* Numbers come again after the restart of a container: what is there is empty, or
		 * isn't ours to have. */
		if (cgroup_remove(c, name) < 0 || mkdirat(c->dir, name, 0755) < 0)
			return fail(EEXIST);
	}
	autoclose int dir = open_dir(c->dir, name);
	int procs = dir < 0 ? -1 : openat(dir, "cgroup.procs", O_WRONLY | O_CLOEXEC);
	if (procs < 0) {
		int e = errno;
		(void)unlinkat(c->dir, name, AT_REMOVEDIR);
		return fail(e);
	}
	*ret_procs_fd = procs;
	*ret_kill_fd = openat(dir, "cgroup.kill", O_WRONLY | O_CLOEXEC);
	return 0;
}

/* Removes the groups inside, deepest first, as long as *budget lasts. What can't be removed shows
 * at the parent. */
static void remove_inside(int at, const char *name, int depth, int *budget)
{
	int fd = depth > 0 ? open_dir(at, name) : -1;
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

int cgroup_remove(struct cgroup *c, const char *name)
{
	int budget = REMOVE_MAX;

	if (!good_name(name))
		return fail(EINVAL);
	if (unlinkat(c->dir, name, AT_REMOVEDIR) == 0 || errno == ENOENT)
		return 0;
	if (errno != EBUSY && errno != ENOTEMPTY)
		return -1;
	if (cgroup_populated(c, name) != 0)
		return fail(EBUSY);
	remove_inside(c->dir, name, REMOVE_DEPTH, &budget);
	return unlinkat(c->dir, name, AT_REMOVEDIR) == 0 || errno == ENOENT ? 0 : fail(EBUSY);
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
	int fd = open_dir(c->dir, ".");
	DIR *d = fd < 0 ? NULL : fdopendir(fd);
	unsigned left = 0;
	struct dirent *e;

	if (!d && fd >= 0)
		close(fd);
	while (d && (e = readdir(d))) {
		if (strncmp(e->d_name, prefix, strlen(prefix)) != 0)
			continue;
		cgroup_drop(c, e->d_name);
		left += faccessat(c->dir, e->d_name, F_OK, 0) == 0;
	}
	if (d)
		closedir(d);
	return left;
}

int cgroup_populated(struct cgroup *c, const char *name)
{
	char buf[256];

	if (!good_name(name))
		return fail(EINVAL);
	autoclose int dir = open_dir(c->dir, name);
	autoclose int fd = dir < 0 ? -1 : openat(dir, "cgroup.events", O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return -1;
	ssize_t n = read(fd, buf, sizeof buf - 1);
	if (n < 0)
		return -1;
	buf[n] = '\0';
	const char *p = strstr(buf, "populated ");
	return p ? p[10] == '1' : fail(EIO);
}
