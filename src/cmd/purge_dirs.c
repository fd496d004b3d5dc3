/* Only what has a name that a supervisor gives, and is of the kind that it makes; no symbolic link is
 * followed. */
#include "cmd/purge.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/log.h"
#include "cli/loglist.h"
#include "os/runmark.h"
#include "super/super.h"

enum { LOOK_MS = 10, NESTED_MOST = 3 };

#define DIR_FLAGS (O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)

void purge_init(struct purge *p)
{
	*p = (struct purge){ .ndirs = 0 };
	buf_init(&p->removed_json, OUT_MAX);
	buf_init(&p->left_json, OUT_MAX);
	p->removed_list.out = &p->removed_json;
	p->left_list.out = &p->left_json;
}

void purge_done(struct purge *p)
{
	for (size_t i = 0; i < p->ndirs; i++) {
		free(p->dirs[i].path);
		free(p->dirs[i].socket);
		if (p->dirs[i].lock >= 0)
			(void)close(p->dirs[i].lock);
	}
	p->ndirs = 0;
	buf_done(&p->removed_json);
	buf_done(&p->left_json);
}

/* --- is anybody there? --- */

static int lock(struct purge_dir *d, int64_t wait_ns, struct err *err)
{
	int64_t until = clock_mono_ns() + wait_ns;
	char path[PURGE_PATH];

	(void)snprintf(path, sizeof path, "%s/sysg.pid", d->path);
	d->lock = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	while (d->lock >= 0 && flock(d->lock, LOCK_EX | LOCK_NB) < 0 && errno == EWOULDBLOCK) {
		if (clock_mono_ns() >= until) {
			(void)err_set(err, ERR_PURGE_ALIVE, EWOULDBLOCK,
				"a supervisor is alive: it holds %.250s", path);
			return err_help(err, "sysg stop --supervisor ends it");
		}
		(void)poll(NULL, 0, LOOK_MS);
	}
	return 0;
}

/* A supervisor that was killed may have left its services; without its record the next one could
 * not stop them. */
static int nobody_left(const struct purge_dir *d, struct err *err)
{
	struct mark_range range;
	char path[PURGE_PATH];
	bool here;

	(void)snprintf(path, sizeof path, "%s/sysg.marks", d->path);
	unsigned n = runmark_read(path, &range, &here) && here ? runmark_wearers(&range) : 0;
	if (!n)
		return 0;
	(void)err_set(err, ERR_PURGE_ALIVE, 0,
		"%u process%s of a supervisor that was killed still run%s", n, n == 1 ? "" : "es",
		n == 1 ? "s" : "");
	return err_help(err, "the next sysg start stops them, and then sysg purge can be run");
}

static bool is_nested(const char *name)
{
	return name[0] == '@' && name[1] && strspn(name + 1, "0123456789") == strlen(name + 1);
}

static int add_dir(struct purge *p, const char *dir, const char *socket, int64_t wait_ns, int depth,
	struct err *err);

static int add_nested(struct purge *p, const char *dir, int depth, struct err *err)
{
	char path[PURGE_PATH];
	DIR *d = opendir(dir);
	struct dirent *e;
	int rc = 0;

	while (d && rc == 0 && (e = readdir(d)))
		if (is_nested(e->d_name) &&
			snprintf(path, sizeof path, "%s/%s", dir, e->d_name) < PURGE_PATH)
			rc = add_dir(p, path, NULL, 0, depth + 1, err);
	if (d)
		(void)closedir(d);
	return rc;
}

static int add_dir(struct purge *p, const char *dir, const char *socket, int64_t wait_ns, int depth,
	struct err *err)
{
	struct stat st;

	if (lstat(dir, &st) < 0 || !S_ISDIR(st.st_mode))
		return 0;
	for (size_t i = 0; i < p->ndirs; i++) /* of one place with two names */
		if (p->dirs[i].dev == st.st_dev && p->dirs[i].ino == st.st_ino)
			return 0;
	if (p->ndirs == PURGE_DIRS)
		return err_set(err, ERR_UNKNOWN, 0, "more than %d runtime directories", PURGE_DIRS);
	struct purge_dir *d = &p->dirs[p->ndirs++];
	*d = (struct purge_dir){ .path = strdup(dir),
		.socket = strdup(socket ? socket : "control.sock"),
		.dev = st.st_dev,
		.ino = st.st_ino,
		.lock = -1 };
	if (!d->path || !d->socket)
		return err_no_memory(err);
	if (lock(d, wait_ns, err) < 0 || nobody_left(d, err) < 0)
		return -1;
	return depth < NESTED_MOST ? add_nested(p, dir, depth, err) : 0;
}

int purge_add_dir(struct purge *p, const char *dir, const char *socket, bool named, int64_t wait_ns,
	struct err *err)
{
	char path[PURGE_PATH];
	struct stat st;

	if (!named)
		return add_dir(p, dir, socket, wait_ns, 0, err);
	if (*dir != '/')
		return err_set(err, ERR_PURGE_TARGET, 0, "%.250s is no absolute path", dir);
	if (lstat(dir, &st) == 0 && !S_ISDIR(st.st_mode))
		return err_set(err, ERR_PURGE_TARGET, 0, "%.250s is %s", dir,
			S_ISLNK(st.st_mode) ? "a symbolic link" : "no directory");
	(void)snprintf(path, sizeof path, "%s/%s", dir, socket ? socket : "control.sock");
	if (lstat(path, &st) == 0 && !S_ISSOCK(st.st_mode))
		return err_set(err, ERR_PURGE_TARGET, 0, "%.250s is no socket", path);
	return add_dir(p, dir, socket, wait_ns, 0, err);
}

/* --- what becomes of each --- */

static void gone(struct purge *p, const char *dir, const char *name, int64_t bytes)
{
	char path[PURGE_PATH];

	(void)snprintf(path, sizeof path, "%s/%s", dir, name);
	json_str(&p->removed_list, NULL, path);
	p->removed++;
	p->bytes += bytes;
	log_line(LOG_DBG, "%s: removed", path);
}

static void stays(struct purge *p, const char *dir, const char *name, int sys)
{
	char path[PURGE_PATH];

	(void)snprintf(path, sizeof path, "%s/%s", dir, name);
	json_open(&p->left_list, NULL, '{');
	json_str(&p->left_list, "path", path);
	json_str(&p->left_list, "why", strerror(sys));
	json_close(&p->left_list, '}');
	log_line(LOG_ERR, "%s stays: %s", path, strerror(sys));
	if (!p->left++)
		(void)err_sys(
			&p->first, ERR_PURGE_PARTIAL, sys, "%.250s could not be deleted", path);
}

static bool is_mountpoint(int sys)
{
	return sys == EBUSY || sys == ENOTEMPTY || sys == EEXIST || sys == ENOENT;
}

/* An empty folder that we made; one that holds what is not ours, or that is mounted, stays. */
static void drop_dir(struct purge *p, const char *dir)
{
	if (rmdir(dir) == 0 || is_mountpoint(errno) || errno == EROFS)
		return;
	char parent[PURGE_PATH];
	const char *slash = strrchr(dir, '/');

	(void)snprintf(parent, sizeof parent, "%.*s", slash ? (int)(slash - dir) : 0, dir);
	if (errno == EACCES || errno == EPERM)
		log_line(LOG_DBG, "%s stays, empty: %s", dir, strerror(errno));
	else
		stays(p, parent, slash ? slash + 1 : dir, errno);
}

void purge_logs(struct purge *p, const char *dir, bool live)
{
	struct loglist l = { .dirfd = -1, .by_content = true };
	struct err err;

	if (loglist_read(&l, dir, false, &err) < 0) {
		if (err.sys != ENOENT)
			stays(p, dir, "", err.sys ? err.sys : EIO);
		loglist_done(&l);
		return;
	}
	for (size_t i = 0; i < l.n; i++) {
		int rc = loglist_drop(&l, &l.v[i], live);

		if (rc < 0 && !(l.v[i].number < 0 && is_mountpoint(errno)))
			stays(p, dir, l.v[i].path, errno);
		else if (rc > 0 && l.v[i].number >= 0)
			gone(p, dir, l.v[i].path, l.v[i].size);
	}
	loglist_done(&l);
	if (!live)
		drop_dir(p, dir);
}

static void drop_file(struct purge *p, const char *dir, int dirfd, const char *name, mode_t kind)
{
	struct stat st;

	if (fstatat(dirfd, name, &st, AT_SYMLINK_NOFOLLOW) < 0 || (st.st_mode & S_IFMT) != kind)
		return;
	if (unlinkat(dirfd, name, 0) == 0)
		gone(p, dir, name, kind == S_IFREG ? st.st_size : 0);
	else if (errno != ENOENT)
		stays(p, dir, name, errno);
}

void purge_dirs(struct purge *p)
{
	char logs[PURGE_PATH];

	for (size_t i = p->ndirs; i-- > 0;) {
		const struct purge_dir *d = &p->dirs[i];
		autoclose int fd = open(d->path, DIR_FLAGS);

		if (fd < 0) {
			if (errno != ENOENT)
				stays(p, d->path, "", errno);
			continue;
		}
		(void)snprintf(logs, sizeof logs, "%s/logs", d->path);
		purge_logs(p, logs, false);
		drop_file(p, d->path, fd, d->socket, S_IFSOCK);
		drop_file(p, d->path, fd, "sysg.marks", S_IFREG);
		drop_file(p, d->path, fd, SUPER_STATE, S_IFREG);
		drop_file(p, d->path, fd, SUPER_STATE ".new", S_IFREG);
		/* Last, as the lock is on it. */
		drop_file(p, d->path, fd, "sysg.pid", S_IFREG);
		drop_dir(p, d->path);
	}
}
