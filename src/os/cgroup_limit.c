/* Controllers: enabled where they are needed, from the first group of ours down, and not before. A
 * group that has them on for those below it may hold no process of its own (cgroups(7), "no
 * internal processes"), unless it is the root of all. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "cgroup_int.h"

/* Rounds of moving: what forks meanwhile is there in the next one. */
enum { ROUNDS = 32, AT_ONCE = 8, MEMORY = 1, PIDS = 2, CPU = 4 };

static const char *const controllers[] = { "memory", "pids", "cpu" };

static const struct {
	const char *file, *none;
} files[CGROUP_COUNT] = {
#define X(name, key, file, none) { file, none },
	CGROUP_LIMITS(X)
#undef X
};

static int read_at(int dir, const char *file, char *buf, size_t size)
{
	autoclose int fd = openat(dir, file, O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? -1 : read(fd, buf, size - 1);

	buf[n > 0 ? n : 0] = '\0';
	return n < 0 ? -1 : 0;
}

static int write_at(int dir, const char *file, const char *text)
{
	autoclose int fd = openat(dir, file, O_WRONLY | O_CLOEXEC);

	return fd >= 0 && write(fd, text, strlen(text)) >= 0 ? 0 : -1;
}

static bool has_word(const char *list, const char *word)
{
	size_t n = strlen(word);

	for (; *list; list += strspn(list, " \n")) {
		size_t m = strcspn(list, " \n");
		if (m == n && memcmp(list, word, n) == 0)
			return true;
		list += m;
	}
	return false;
}

/* How many processes were moved; -1 where one can't be. A process of another pid namespace shows as
 * 0. */
static int move_some(int from, int to)
{
	char list[4096], *end;
	int n = 0;

	if (read_at(from, "cgroup.procs", list, sizeof list) < 0)
		return -1;
	for (char *p = list; (end = strchr(p, '\n')); p = end + 1, n++) {
		*end = '\0';
		if (*p == '0')
			return cgroup_fail(EBUSY);
		if (write_at(to, "cgroup.procs", p) < 0 && errno != ESRCH)
			return -1;
	}
	return n;
}

static int move_all(int from, int to)
{
	int n = 1;

	for (int i = 0; n > 0 && i < ROUNDS; i++) {
		if (i >=
			AT_ONCE) /* one that is about to be gone is listed, and stays: it needs a processor */
			(void)poll(NULL, 0, 1);
		n = move_some(from, to);
	}
	return n == 0 ? 0 : cgroup_fail(EBUSY);
}

void cgroup_restore(struct cgroup *c)
{
	autoclose int init = c->moved ? cgroup_open_dir(c->dir, "init") : -1;

	if (init < 0)
		return;
	for (int i = 0; i < 3; i++) {
		char off[16];
		(void)snprintf(off, sizeof off, "-%s", controllers[i]);
		(void)write_at(c->dir, "cgroup.subtree_control", off);
	}
	(void)move_all(init, c->dir);
	(void)unlinkat(c->dir, "init", AT_REMOVEDIR);
	c->moved = false;
}

static int move_out(struct cgroup *c)
{
	(void)mkdirat(c->dir, "init", 0755);
	autoclose int init = cgroup_open_dir(c->dir, "init");
	c->moved = init >= 0;
	return init < 0 ? -1 : move_all(c->dir, init);
}

static bool is_own(const struct cgroup *c, int dir)
{
	struct stat a, b;

	return fstat(c->dir, &a) == 0 && fstat(dir, &b) == 0 && a.st_ino == b.st_ino &&
	       a.st_dev == b.st_dev;
}

static int enable(struct cgroup *c, int dir, unsigned want)
{
	char have[512], on[512], text[64] = "";
	struct stat st;

	if (!want)
		return 0;
	if (read_at(dir, "cgroup.controllers", have, sizeof have) < 0 ||
		read_at(dir, "cgroup.subtree_control", on, sizeof on) < 0)
		return -1;
	for (int i = 0; i < 3; i++) {
		if (!(want >> i & 1) || has_word(on, controllers[i]))
			continue;
		if (!has_word(have, controllers[i]))
			return cgroup_fail(EOPNOTSUPP);
		size_t n = strlen(text);
		(void)snprintf(text + n, sizeof text - n, "+%s ", controllers[i]);
	}
	if (!*text)
		return 0;
	/* With processes inside, pids and cpu alone would make it a group of threads instead of being refused. Only the
	 * root of all has no type, and may have both. */
	bool full = fstatat(dir, "cgroup.type", &st, 0) == 0 &&
		    (read_at(dir, "cgroup.procs", have, sizeof have) < 0 || *have);
	if (full && !is_own(c, dir))
		return cgroup_fail(EBUSY);
	if ((!full || move_out(c) == 0) && write_at(dir, "cgroup.subtree_control", text) == 0)
		return 0;
	int e = errno;
	cgroup_restore(c);
	return cgroup_fail(e);
}

/* The folder that the last name of *path is in, with what leads to it made and the controllers on.
 */
static int lead_to(struct cgroup *c, const char **path, unsigned want)
{
	int dir = cgroup_open_dir(cgroup_base(c, path), ".");

	for (const char *slash; dir >= 0; *path = slash + 1) {
		char name[NAME_MAX + 1];
		slash = strchr(*path, '/');
		int rc = enable(c, dir, want), next = -1;
		if (rc == 0 && !slash)
			return dir;
		if (rc == 0 && slash - *path <= NAME_MAX) {
			(void)snprintf(name, sizeof name, "%.*s", (int)(slash - *path), *path);
			(void)mkdirat(dir, name, 0755);
			next = cgroup_open_dir(dir, name);
		}
		int e = errno;
		close(dir);
		errno = e;
		dir = next;
	}
	return -1;
}

static int refused(struct err *err, const char *what)
{
	int e = errno;

	(void)err_set(err, ERR_RLIMIT, e, "limits.cgroup can't be set (%s): %s", what,
		e == EOPNOTSUPP ? "our cgroup was given no such controller"
		: e == EBUSY    ? "another process is in the way in our cgroup, and can't be moved"
				: strerror(e));
	return err_help(err, "sysg doctor");
}

/* Less memory than is in use takes the writer the time that it takes to get it back: where there
 * are processes already another one writes. */
static int set(int dir, const char *file, const char *text, bool in_use)
{
	char now[64];

	if (read_at(dir, file, now, sizeof now) < 0)
		return -1;
	if (has_word(now, text))
		return 0;
	if (!in_use)
		return write_at(dir, file, text);
	pid_t pid = fork();
	if (pid == 0)
		_exit(write_at(dir, file, text) < 0);
	return pid < 0 ? -1 : 0;
}

int cgroup_limit(struct cgroup *c, const char *path, char *const v[CGROUP_COUNT], struct err *err)
{
	const char *name = path;
	unsigned want = 0;

	for (int i = 0; i < CGROUP_COUNT; i++)
		want |= !v[i] ? 0 : i == CGROUP_MEMORY ? MEMORY : i == CGROUP_PIDS ? PIDS : CPU;
	autoclose int parent = lead_to(c, &name, want);
	if (parent < 0)
		return refused(err, "controllers");
	(void)unlinkat(parent, name, AT_REMOVEDIR); /* what is set there of an earlier start */
	bool old = mkdirat(parent, name, 0755) < 0;
	autoclose int dir = cgroup_open_dir(parent, name);
	if (dir < 0)
		return refused(err, "group");
	for (int i = 0; i < CGROUP_COUNT; i++) {
		const char *text = v[i] ? v[i] : old ? files[i].none : NULL;
		if (text && set(dir, files[i].file, text, old) < 0 && v[i])
			return refused(err, files[i].file);
	}
	c->memory |= v[CGROUP_MEMORY] != NULL;
	return 0;
}

int cgroup_split(struct cgroup *c, const char *path)
{
	autoclose int dir = lead_to(c, &path, MEMORY);

	return dir < 0 ? -1 : 0;
}

int cgroup_root(const struct cgroup *c, const char *root, char *ret, unsigned size)
{
	size_t n = c->point ? strlen(c->point) : 0;

	if (*root == '/') {
		if (!n || strncmp(root, c->point, n) != 0 || root[n] != '/' || !root[n + 1])
			return cgroup_fail(EINVAL);
		root += n + 1;
	}
	return (unsigned)snprintf(ret, size, "/%s", root) < size ? 0 : cgroup_fail(ENAMETOOLONG);
}

bool cgroup_holds_memory(const struct cgroup *c)
{
	return c && c->memory;
}

bool cgroup_has_controllers(const struct cgroup *c)
{
	char have[512];
	bool all = read_at(c->dir, "cgroup.controllers", have, sizeof have) == 0;

	for (int i = 0; i < 3; i++)
		all = all && has_word(have, controllers[i]);
	return all;
}
