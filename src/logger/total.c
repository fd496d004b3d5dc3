#include "logger/total.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/caps.h"
#include "base/cleanup.h"

enum { REMOVED_A_TIME = 16, NAME_BYTES = LOG_PATH_MAX + 32 };

/* A pass over LOGDIR: what it comes to, and which file would go first. */
struct pass {
	const struct log_files *fs;
	int64_t sum;
	bool found, rotated; /* rotated: of the second choice */
	struct timespec mtime;
	char path[NAME_BYTES]; /* the folder that is looked at, from LOGDIR */
	char best[NAME_BYTES];
};

void total_init(struct total *t, const char *dir, int64_t max)
{
	*t = (struct total){ .dir = dir, .max = max ? max : TOTAL_DEFAULT };
	t->known = t->max;
}

/* The length of a log's name without ".log" or ".log.N", 0: not one. */
static size_t log_name(const char *path, bool *ret_rotated)
{
	const char *dot = NULL;

	for (const char *p = path; (p = strstr(p, ".log")); p++)
		if (!p[4] || (p[4] == '.' && p[5] && !p[5 + strspn(p + 5, "0123456789")]))
			dot = p;
	*ret_rotated = dot && dot[4];
	return dot ? (size_t)(dot - path) : 0;
}

static bool is_older(const struct timespec *a, const struct timespec *b)
{
	return a->tv_sec != b->tv_sec ? a->tv_sec < b->tv_sec : a->tv_nsec < b->tv_nsec;
}

/* A spawned unit has its parent's folder, and its file is open as long as it runs. */
static void look_at(struct pass *p, const struct stat *st)
{
	bool rotated;
	size_t n = log_name(p->path, &rotated);

	if (!n)
		return;
	p->sum += st->st_size;
	bool ended = memchr(p->path, '/', n) && !log_files_has(p->fs, p->path, n);
	if (!ended && !rotated)
		return;
	if (p->found && (p->rotated == !ended ? !is_older(&st->st_mtim, &p->mtime) : !ended))
		return;
	p->found = true;
	p->rotated = !ended;
	p->mtime = st->st_mtim;
	memcpy(p->best, p->path, sizeof p->best);
}

static void walk(struct pass *p, int dirfd, int depth)
{
	size_t len = strlen(p->path);
	DIR *d = fdopendir(dirfd);
	struct stat st;

	if (!d) {
		(void)close(dirfd);
		return;
	}
	for (struct dirent *e; (e = readdir(d));) {
		int n = snprintf(p->path + len, sizeof p->path - len, "%s", e->d_name);
		if (e->d_name[0] == '.' || (size_t)n >= sizeof p->path - len - 1 ||
			fstatat(dirfd, e->d_name, &st, AT_SYMLINK_NOFOLLOW) < 0)
			continue;
		if (S_ISREG(st.st_mode))
			look_at(p, &st);
		if (!S_ISDIR(st.st_mode) || depth >= CAP_PATH_DEPTH)
			continue;
		int below =
			openat(dirfd, e->d_name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
		memcpy(p->path + len + n, "/", 2);
		if (below >= 0)
			walk(p, below, depth + 1);
	}
	p->path[len] = '\0';
	(void)closedir(d);
}

/* False: LOGDIR can't be read. */
static bool look(struct pass *p, const struct log_files *fs, int root)
{
	int fd = openat(root, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	p->fs = fs;
	p->sum = 0;
	p->found = false;
	p->path[0] = '\0';
	if (fd >= 0)
		walk(p, fd, 0);
	return fd >= 0;
}

bool total_keep(struct total *t, const struct log_files *fs, unsigned *ret_removed)
{
	uint64_t written = log_files_written(fs);
	struct pass p;

	*ret_removed = 0;
	if (written == t->at || t->known + (int64_t)(written - t->at) <= t->max)
		return false;
	autoclose int root = open(t->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (root < 0)
		return false;
	while (look(&p, fs, root) && p.sum > t->max && p.found && *ret_removed < REMOVED_A_TIME) {
		if (unlinkat(root, p.best, 0) < 0)
			break;
		++*ret_removed;
	}
	bool over = p.sum > t->max;
	t->at = written;
	t->known = p.sum;
	/* What is in use can't go: looked at again when some more was written. */
	if (over && !*ret_removed)
		t->known = t->max - t->max / 16;
	return over || *ret_removed;
}
