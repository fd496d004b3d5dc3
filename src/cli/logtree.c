#include "cli/logtree.h"

#include <dirent.h>
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/caps.h"
#include "base/log.h"
#include "cli/seek.h"

enum { PATH_BYTES = 4096, FILES_MOST = 65536, LOOK_MS = 500, GATHER_MS = 10 };

#define NEW_FILES (IN_CREATE | IN_MOVED_TO | IN_DELETE)

static int no_memory(struct err *err)
{
	return err_set(err, ERR_UNKNOWN, ENOMEM, "no memory");
}

int logtree_init(struct logtree *t, const char *dir, struct err *err)
{
	*t = (struct logtree){ .dir = strdup(dir), .inotify = -1 };
	return t->dir ? 0 : no_memory(err);
}

void logtree_done(struct logtree *t)
{
	for (size_t i = 0; i < t->n; i++) {
		logfile_done(t->files[i]);
		free(t->files[i]);
	}
	free(t->files);
	free(t->dir);
	if (t->inotify >= 0)
		(void)close(t->inotify);
	*t = (struct logtree){ .inotify = -1 };
}

int logtree_find_dir(char *dir, size_t size, struct err *err)
{
	char run[SEEK_PATH];
	struct stat st;

	(void)snprintf(dir, size, "/var/log/sysg");
	if (stat(dir, &st) == 0 && S_ISDIR(st.st_mode))
		return 0;
	for (size_t i = 0; seek_runtime_dir(i, run) == 0; i++) {
		(void)snprintf(dir, size, "%s/logs", run);
		if (run[0] && stat(dir, &st) == 0 && S_ISDIR(st.st_mode))
			return 0;
	}
	(void)err_set(err, ERR_UNKNOWN, 0,
		"no log files: neither /var/log/sysg nor `logs` in a runtime directory is there");
	return err_help(
		err, "`logs: {sink: file}` in the manifest, and a directory that can be written");
}

/* --- files --- */

static bool known(const struct logtree *t, const char *path)
{
	for (size_t i = 0; i < t->n; i++)
		if (strcmp(t->files[i]->path, path) == 0)
			return true;
	return false;
}

int logtree_add(struct logtree *t, const char *unit, const char *path, struct err *err)
{
	if (known(t, path))
		return 0;
	if (t->n == FILES_MOST)
		return err_set(
			err, ERR_UNKNOWN, 0, "more than %d log files in %s", FILES_MOST, t->dir);
	if (t->n == t->room) {
		size_t room = t->room ? 2 * t->room : 16;
		struct logfile **files = reallocarray(t->files, room, sizeof(struct logfile *));
		if (!files)
			return no_memory(err);
		t->files = files;
		t->room = room;
	}
	struct logfile *f = malloc(sizeof *f);
	if (!f || logfile_init(f, unit, path) < 0) {
		free(f);
		return no_memory(err);
	}
	t->files[t->n++] = f;
	return 0;
}

/* What a walk does with each file (unit: its path without the directory and .log) and each
 * directory. */
struct walk {
	struct logtree *t;
	int (*file)(struct walk *w, const char *unit, const char *path, struct err *err);
	int (*dir)(struct walk *w, const char *path, struct err *err);
	const char *suffix;
	size_t matches;
	char first[PATH_BYTES];
};

static int entry(struct walk *w, char *path, size_t at, int depth, struct err *err);

static int walk_dir(struct walk *w, char *path, int depth, struct err *err)
{
	DIR *d = opendir(path);
	size_t at = strlen(path);
	struct dirent *e;
	int rc = 0;

	if (!d)
		return depth ? 0
			     : err_set(err, ERR_UNKNOWN, errno, "%.250s: %s", path,
				       strerror(errno));
	if (w->dir)
		rc = w->dir(w, path, err);
	while (rc == 0 && (e = readdir(d))) {
		int n = e->d_name[0] == '.'
				? -1
				: snprintf(path + at, PATH_BYTES - at, "/%s", e->d_name);

		if (n > 0 && (size_t)n < PATH_BYTES - at)
			rc = entry(w, path, at, depth, err);
		path[at] = '\0';
	}
	(void)closedir(d);
	return rc;
}

static int entry(struct walk *w, char *path, size_t at, int depth, struct err *err)
{
	char unit[PATH_BYTES];
	struct stat st;
	size_t n = strlen(path), skip = strlen(w->t->dir) + 1;

	(void)at;
	if (lstat(path, &st) < 0)
		return 0;
	if (S_ISDIR(st.st_mode))
		return depth < CAP_PATH_DEPTH ? walk_dir(w, path, depth + 1, err) : 0;
	if (!S_ISREG(st.st_mode) || !w->file || n < skip + 5 || strcmp(path + n - 4, ".log") != 0)
		return 0;
	(void)snprintf(unit, sizeof unit, "%.*s", (int)(n - 4 - skip), path + skip);
	return w->file(w, unit, path, err);
}

static int walk(struct walk *w, struct err *err)
{
	char path[PATH_BYTES];

	(void)snprintf(path, sizeof path, "%s", w->t->dir);
	return walk_dir(w, path, 0, err);
}

static int add_found(struct walk *w, const char *unit, const char *path, struct err *err)
{
	return logtree_add(w->t, unit, path, err);
}

int logtree_scan(struct logtree *t, struct err *err)
{
	struct walk w = { .t = t, .file = add_found };

	return walk(&w, err);
}

static int match(struct walk *w, const char *unit, const char *path, struct err *err)
{
	size_t n = strlen(unit), m = strlen(w->suffix);

	(void)path;
	(void)err;
	if (n <= m || unit[n - m - 1] != '/' || strcmp(unit + n - m, w->suffix) != 0)
		return 0;
	if (!w->matches++)
		(void)snprintf(w->first, sizeof w->first, "%s", unit);
	return 0;
}

static bool is_path(const char *unit)
{
	for (const char *p = unit; *p; p += strcspn(p, "/"), p += *p == '/') {
		size_t n = strcspn(p, "/");

		if (!n || *p == '.')
			return false;
	}
	return *unit != '\0';
}

static int add_path(struct logtree *t, const char *unit, bool must_be, struct err *err)
{
	char path[PATH_BYTES];
	int n = snprintf(path, sizeof path, "%s/%s.log", t->dir, unit);

	if (n < 0 || (size_t)n >= sizeof path || (must_be && access(path, F_OK) < 0))
		return 1;
	return logtree_add(t, unit, path, err);
}

int logtree_add_unit(struct logtree *t, const char *unit, struct err *err)
{
	struct walk w = { .t = t, .file = match, .suffix = unit };
	bool top = *unit == '/';

	unit += top;
	w.suffix = unit;
	int rc = is_path(unit) ? add_path(t, unit, true, err) : 1;
	if (rc <= 0)
		return rc;
	if (!top && is_path(unit) && walk(&w, err) < 0)
		return -1;
	if (w.matches > 1) {
		(void)err_set(
			err, ERR_AMBIGUOUS, 0, "%.100s: %zu log files end so", unit, w.matches);
		return err_help(err, "write the whole path, for example %.100s", w.first);
	}
	if (!w.matches)
		return err_set(err, ERR_NO_UNIT, 0, "no log of %.100s in %.200s", unit, t->dir);
	return add_path(t, w.first, false, err);
}

/* --- watching --- */

/* The files change by events of their directories; the same directory again is the same watch. */
static int watch_dir(struct walk *w, const char *path, struct err *err)
{
	(void)err;
	if (inotify_add_watch(w->t->inotify, path, IN_MODIFY | NEW_FILES | IN_ONLYDIR) < 0) {
		log_line(LOG_DBG, "%s can't be watched: %s", path, strerror(errno));
		(void)close(w->t->inotify);
		w->t->inotify = -1;
		return -1;
	}
	return 0;
}

static void watch_all(struct logtree *t)
{
	struct walk w = { .t = t, .dir = watch_dir };
	struct err err;

	if (t->inotify >= 0)
		(void)walk(&w, &err);
}

void logtree_watch(struct logtree *t)
{
	t->inotify = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
	watch_all(t);
}

static bool drain(int fd)
{
	_Alignas(struct inotify_event) char bytes[16 * 1024];
	bool fresh = false;
	ssize_t n;

	while ((n = read(fd, bytes, sizeof bytes)) > 0)
		for (ssize_t i = 0; i < n;) {
			const struct inotify_event *e = (const void *)(bytes + i);

			fresh |= (e->mask & (NEW_FILES | IN_Q_OVERFLOW)) != 0;
			i += (ssize_t)(sizeof *e + e->len);
		}
	return fresh;
}

void logtree_await(struct logtree *t, bool *ret_new)
{
	struct pollfd p = { .fd = t->inotify, .events = POLLIN };

	if (t->inotify < 0) {
		(void)poll(NULL, 0, LOOK_MS);
		*ret_new = true;
		return;
	}
	(void)poll(&p, 1, -1);
	(void)poll(NULL, 0, GATHER_MS); /* a burst is one look */
	*ret_new = drain(t->inotify);
	if (*ret_new)
		watch_all(t); /* a directory may be new, and hold files already: the caller looks at
				 all */
}
