#include "cli/logtree.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/caps.h"
#include "base/log.h"
#include "cli/logname.h"
#include "cli/logtree_int.h"
#include "cli/seek.h"

enum { FILES_MOST = 16384 };

int logtree_init(struct logtree *t, const char *dir, struct err *err)
{
	*t = (struct logtree){ .dir = strdup(dir), .inotify = -1 };
	return t->dir ? 0 : err_no_memory(err);
}

void logtree_done(struct logtree *t)
{
	index_done(&t->by_path);
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

/* --- where --- */

/* The i-th place where a supervisor may have its log files; *dir empty: passed over. -1: past the
 * last. */
static int place(size_t i, char *dir, size_t size, const char *socket)
{
	char run[SEEK_PATH] = "";
	const char *slash = socket && *socket != '@' ? strrchr(socket, '/') : NULL;

	dir[0] = '\0';
	if (i == 0) {
		(void)snprintf(dir, size, "/var/log/sysg");
		return 0;
	}
	if (i == 1) {
		if (slash)
			(void)snprintf(dir, size, "%.*s/logs", (int)(slash - socket), socket);
		return 0;
	}
	if (seek_runtime_dir(i - 2, run) < 0)
		return -1;
	if (run[0])
		(void)snprintf(dir, size, "%s/logs", run);
	return 0;
}

int logtree_find_dir(char *dir, size_t size, const char *socket, struct err *err)
{
	struct stat st;

	for (int need = W_OK; need >= 0; need = need ? 0 : -1)
		for (size_t i = 0; place(i, dir, size, socket) == 0; i++)
			if (dir[0] && stat(dir, &st) == 0 && S_ISDIR(st.st_mode) &&
				access(dir, need) == 0)
				return 0;
	(void)err_set(err, ERR_UNKNOWN, 0,
		"no log files: neither /var/log/sysg nor `logs` in a runtime directory is there");
	return err_help(
		err, "`logs: {sink: file}` in the manifest, and a directory that can be written");
}

/* --- files --- */

static int make_place(struct logtree *t, struct err *err)
{
	if (t->n == FILES_MOST)
		return err_set(
			err, ERR_UNKNOWN, 0, "more than %d log files in %s", FILES_MOST, t->dir);
	if (t->n < t->room)
		return 0;
	size_t room = t->room ? 2 * t->room : 16;
	struct logfile **files = reallocarray(t->files, room, sizeof(struct logfile *));
	if (!files)
		return err_no_memory(err);
	t->files = files;
	t->room = room;
	return 0;
}

int logtree_add(struct logtree *t, const char *unit, const char *path, struct logfile **ret,
	struct err *err)
{
	ssize_t at = index_get(&t->by_path, path, strlen(path));
	struct logfile *f = at < 0 ? NULL : t->files[at];

	if (ret)
		*ret = f;
	if (f)
		return 0;
	if (make_place(t, err) < 0)
		return -1;
	f = malloc(sizeof *f);
	if (!f || logfile_init(f, unit, path) < 0) {
		free(f);
		return err_no_memory(err);
	}
	if (index_put(&t->by_path, f->path, strlen(f->path), t->n) < 0) {
		logfile_done(f);
		free(f);
		return err_no_memory(err);
	}
	t->files[t->n++] = f;
	if (ret)
		*ret = f;
	return 0;
}

/* --- walking --- */

static int entry(struct logwalk *w, char *path, int depth, struct err *err);

static int walk_dir(struct logwalk *w, char *path, int depth, struct err *err)
{
	DIR *d = opendir(path);
	size_t at = strlen(path);
	struct dirent *e;
	int rc = 0;

	if (!d)
		return depth ? 0 : err_sys(err, ERR_UNKNOWN, errno, "%.250s", path);
	if (w->dir)
		rc = w->dir(w, path, err);
	while (rc == 0 && (e = readdir(d))) {
		int n = e->d_name[0] == '.'
				? -1
				: snprintf(path + at, LOGTREE_PATH - at, "/%s", e->d_name);

		if (n > 0 && (size_t)n < LOGTREE_PATH - at)
			rc = entry(w, path, depth, err);
		path[at] = '\0';
	}
	(void)closedir(d);
	return rc;
}

/* A unit whose current file is missing has rotated ones all the same. */
static int entry(struct logwalk *w, char *path, int depth, struct err *err)
{
	char unit[LOGTREE_PATH];
	struct stat st;

	if (lstat(path, &st) < 0)
		return 0;
	if (S_ISDIR(st.st_mode))
		return depth < CAP_PATH_DEPTH ? walk_dir(w, path, depth + 1, err) : 0;
	if (!S_ISREG(st.st_mode) || !w->file ||
		logname_unit(path + strlen(w->t->dir) + 1, unit, sizeof unit) < 0)
		return 0;
	return w->file(w, unit, err);
}

int logtree_walk(struct logwalk *w, const char *unit, struct err *err)
{
	char path[LOGTREE_PATH];
	int n = snprintf(path, sizeof path, "%s%s%s", w->t->dir, *unit ? "/" : "", unit);

	if (n < 0 || (size_t)n >= sizeof path)
		return 0;
	return walk_dir(w, path, *unit != '\0', err);
}

static int add_path(struct logtree *t, const char *unit, struct logfile **ret, struct err *err)
{
	char path[LOGTREE_PATH];
	int n = snprintf(path, sizeof path, "%s/%s.log", t->dir, unit);

	if (n < 0 || (size_t)n >= sizeof path)
		return err_set(err, ERR_NO_UNIT, 0, "%.100s...: too long for a log file", unit);
	return logtree_add(t, unit, path, ret, err);
}

static int add_found(struct logwalk *w, const char *unit, struct err *err)
{
	return add_path(w->t, unit, NULL, err);
}

int logtree_scan(struct logtree *t, const char *unit, struct err *err)
{
	struct logwalk w = { .t = t, .file = add_found };

	return logtree_walk(&w, unit, err);
}

/* --- by name --- */

struct search {
	struct logwalk w;
	const char *suffix;
	size_t matches;
	bool exact;
	char first[LOGTREE_PATH];
};

/* Of several numbers of one log each is met. */
static int match(struct logwalk *w, const char *unit, struct err *err)
{
	struct search *s = (struct search *)w;
	size_t n = strlen(unit), m = strlen(s->suffix);

	(void)err;
	if (strcmp(unit, s->suffix) == 0)
		s->exact = true;
	if (n <= m || unit[n - m - 1] != '/' || strcmp(unit + n - m, s->suffix) != 0 ||
		(s->matches == 1 && strcmp(unit, s->first) == 0))
		return 0;
	if (!s->matches++)
		(void)snprintf(s->first, sizeof s->first, "%s", unit);
	return 0;
}

int logtree_add_unit(struct logtree *t, const char *unit, struct logfile **ret, struct err *err)
{
	bool top = *unit == '/';
	struct search s = { .w = { .t = t, .file = match }, .suffix = unit + top };

	if (logname_is_path(s.suffix) && logtree_walk(&s.w, "", err) < 0)
		return -1;
	if (s.exact)
		return add_path(t, s.suffix, ret, err);
	if (!s.matches || top)
		return err_set(err, ERR_NO_UNIT, 0, "no log of %.100s in %.200s", s.suffix, t->dir);
	if (s.matches > 1) {
		(void)err_set(
			err, ERR_AMBIGUOUS, 0, "%.100s: %zu log files end so", s.suffix, s.matches);
		return err_help(err, "write the whole path, for example %.100s", s.first);
	}
	return add_path(t, s.first, ret, err);
}
