/* Where the socket is: the first place that can be written, else a name without a place. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
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
#include "os/ask.h"
#include "os/filewatch.h"
#include "os/usock.h"
#include "super/accept.h"
#include "super/callers.h"
#include "super/parts.h"

#define REMOVE_NS (10 * NS_PER_SEC)
enum { REMOVE_WAIT_MS = 300, LOCK_LOOKS = 20, LOCK_LOOK_MS = 10 };

enum { PATH_MAX_BYTES = 512, SOCKET_PATH_MAX = 107 };

/* 0: the directory is there and ours to write in. */
static int usable(const char *dir, mode_t mode, bool must_be_ours)
{
	struct stat st;

	if (mkdir(dir, mode) < 0 && errno != EEXIST)
		return -1;
	if (lstat(dir, &st) < 0 || !S_ISDIR(st.st_mode))
		return -1;
	if (must_be_ours && (st.st_uid != geteuid() || (st.st_mode & 077)))
		return -1;
	return access(dir, W_OK | X_OK);
}

/* A unit's own supervisor lives in a folder named by its unit's id, inside the one of the outer. */
static bool nested_name(char *dir, size_t size)
{
	const char *id = getenv("SYSG_ID");
	size_t n = strlen(dir);

	if (!id || *id != '@' || strspn(id + 1, "0123456789") != strlen(id + 1) || !id[1] ||
		n + strlen(id) + 2 > size)
		return false;
	snprintf(dir + n, size - n, "/%s", id);
	return true;
}

static void pid_path(const char *socket, char *ret, size_t size)
{
	const char *slash = strrchr(socket, '/');

	snprintf(ret, size, "%.*s/sysg.pid", slash ? (int)(slash - socket) : 1,
		slash ? socket : ".");
}

static void drop_pid_file(struct super *s)
{
	if (s->pid_file >= 0)
		close(s->pid_file);
	s->pid_file = -1;
}

/* Before the look at a stale socket, so that two starters can't both replace it. The lock goes with
 * the last copy of the descriptor; children close theirs. A folder that takes no file takes no
 * socket either: that is said by the bind. */
static int lock_pid_file(struct super *s, const char *socket, struct err *err)
{
	char path[PATH_MAX_BYTES], text[16];

	pid_path(socket, path, sizeof path);
	s->pid_file = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, 0644);
	if (s->pid_file < 0)
		return 0;
	/* One that was killed just now may hold it for a moment: so do forks that it had only begun. */
	for (int i = 0; flock(s->pid_file, LOCK_EX | LOCK_NB) < 0 && errno == EWOULDBLOCK; i++) {
		if (i < LOCK_LOOKS) {
			(void)poll(NULL, 0, LOCK_LOOK_MS);
			continue;
		}
		drop_pid_file(s);
		err_set(err, ERR_UNKNOWN, EADDRINUSE, "another supervisor holds %s", path);
		return err_help(err, "sysg status --socket %.150s", socket);
	}
	int n = snprintf(text, sizeof text, "%d\n", (int)getpid());
	if (ftruncate(s->pid_file, 0) < 0 || pwrite(s->pid_file, text, (size_t)n, 0) != n)
		log_line(LOG_WARN, "%s can't be written: %s", path, strerror(errno));
	return 0;
}

static int listen_at(struct super *s, const char *path, struct err *err)
{
	if (strlen(path) > SOCKET_PATH_MAX) {
		err_set(err, ERR_BAD_VALUE, ENAMETOOLONG,
			"the socket's path has more than %d bytes: %s", SOCKET_PATH_MAX, path);
		return err_help(err, "a shorter one: --socket PATH, or `control.socket`");
	}
	autofree char *copy = strdup(path);
	if (!copy)
		return err_no_memory(err);
	if (lock_pid_file(s, path, err) < 0)
		return -1;
	if (usock_listen(path, NULL, s->m->control_mode, s->control_gid, &s->listener.fd, err) <
		0) {
		drop_pid_file(s);
		return -1;
	}
	s->socket_path = steal_ptr(copy);
	return 0;
}

enum tried { TRIED_OK, TRIED_UNUSABLE, TRIED_TAKEN };

static enum tried try_dir(
	struct super *s, char *dir, mode_t mode, bool must_be_ours, struct err *err)
{
	char path[PATH_MAX_BYTES + 16];

	for (int nested = 0; nested < 2; nested++) {
		if (nested && !nested_name(dir, PATH_MAX_BYTES))
			return TRIED_TAKEN;
		if (usable(dir, mode, must_be_ours) < 0)
			return nested ? TRIED_TAKEN : TRIED_UNUSABLE;
		snprintf(path, sizeof path, "%s/control.sock", dir);
		if (listen_at(s, path, err) == 0) {
			s->run_dir = strdup(dir);
			return TRIED_OK;
		}
		if (err->sys != EADDRINUSE)
			return TRIED_UNUSABLE;
	}
	return TRIED_TAKEN;
}

static const char *place(int i, char *buf)
{
	static const char *const names[] = { "SYSG_RUNTIME_DIR", NULL, "XDG_RUNTIME_DIR" };

	if (i == 3) {
		snprintf(buf, PATH_MAX_BYTES, "/tmp/sysg-%u", (unsigned)geteuid());
		return buf;
	}
	const char *e = names[i] ? getenv(names[i]) : "/run";
	if (!e || *e != '/' || strlen(e) >= PATH_MAX_BYTES - 64)
		return NULL;
	snprintf(buf, PATH_MAX_BYTES, "%s%s", e, i ? "/sysg" : "");
	return buf;
}

static int try_places(struct super *s, struct err *err)
{
	char dir[PATH_MAX_BYTES];
	bool taken = false;

	for (int i = 0; i < 4; i++) {
		if (!place(i, dir))
			continue;
		enum tried t = try_dir(s, dir, i == 3 ? 0700 : 0755, i == 3, err);
		if (t == TRIED_OK)
			return 0;
		if (t == TRIED_TAKEN && !getenv("SYSG_ID"))
			return err_help(err,
				"sysg status --socket %s/control.sock shows what it runs", dir);
		taken |= t == TRIED_TAKEN;
	}
	err->sys = taken ? EADDRINUSE : EROFS;
	return 1;
}

static void try_abstract(struct super *s)
{
	char name[64] = "@";
	struct err err;

	snprintf(name + 1, sizeof name - 1, "sysg/%" PRIu64, pid_namespace_inode());
	s->socket_path = strdup(name);
	if (usock_listen(NULL, name + 1, 0, (gid_t)-1, &s->listener.fd, &err) == 0)
		log_line(LOG_WARN,
			"no runtime directory can be written; the socket is the abstract %s", name);
	else
		log_line(LOG_WARN, "no control socket: %s", err.msg);
	log_line(LOG_WARN, "help: mount a tmpfs at /run/sysg, or set SYSG_RUNTIME_DIR");
}

static bool log_dir_is(struct super *s, const char *dir)
{
	if (usable(dir, 0755, false) < 0)
		return false;
	free(s->log_dir);
	s->log_dir = strdup(dir);
	return s->log_dir != NULL;
}

static void find_log_dir(struct super *s)
{
	char dir[PATH_MAX_BYTES];

	if (log_dir_is(s, "/var/log/sysg"))
		return;
	if (s->run_dir) {
		snprintf(dir, sizeof dir, "%s/logs", s->run_dir);
		if (log_dir_is(s, dir))
			return;
	}
	log_line(LOG_WARN, "no log directory can be written; logs go to stdout alone");
	log_line(LOG_WARN, "help: mount a volume at /var/log/sysg");
}

/* The folder of a socket that was asked for; where it can't be made the bind says so. */
static void make_dir_of(const char *socket)
{
	char dir[PATH_MAX_BYTES];
	const char *slash = strrchr(socket, '/');

	if (!slash || slash == socket || (size_t)(slash - socket) >= sizeof dir)
		return;
	memcpy(dir, socket, (size_t)(slash - socket));
	dir[slash - socket] = '\0';
	(void)mkdir(dir, 0755);
}

/* t NULL: it was not tried before. */
static void bind_again(struct super *s, struct timer *t)
{
	struct err err;
	int fd;

	if (file_exists(s->socket_path)) {
		if (t && s->listener_off) /* whose timer this was */
			serve_listen(s);
		return;
	}
	if (!t)
		event_add(s, EVENT_LISTENER_LOST, NULL, ERR_OK, "%s was removed", s->socket_path);
	make_dir_of(s->socket_path);
	if (usock_listen(s->socket_path, NULL, s->m->control_mode, s->control_gid, &fd, &err) < 0) {
		if (!t)
			log_line(LOG_ERR, "the control socket can't be bound again: %s", err.msg);
		timer_in(s, &s->relisten, NS_PER_SEC, bind_again);
		return;
	}
	if (!s->listener_off)
		loop_del(s->loop, &s->listener);
	close(s->listener.fd);
	s->listener.fd = fd;
	timer_del(s, &s->relisten);
	serve_listen(s);
	log_line(LOG_WARN, "the control socket was removed; it is bound again");
	event_add(s, EVENT_LISTENER_BACK, NULL, ERR_OK, "%s", s->socket_path);
	(void)inotify_watch_gone(s->dir_watch.fd, s->socket_path);
}

/* The socket's path disappeared under us: it is bound again, those who are connected stay. */
static void dir_changed(struct loop *l, struct watch *w, uint32_t events)
{
	struct super *s = container_of(w, struct super, dir_watch);

	(void)l;
	(void)events;
	inotify_drain(w->fd);
	bind_again(s, NULL);
}

static void watch_dir(struct super *s)
{
	if (!s->run_local)
		return;
	s->dir_watch = (struct watch){ .fd = inotify_open(), .events = LOOP_IN, .fn = dir_changed };
	if (s->dir_watch.fd < 0)
		return;
	if (inotify_watch_gone(s->dir_watch.fd, s->socket_path) < 0 ||
		loop_add(s->loop, &s->dir_watch) < 0) {
		close(s->dir_watch.fd);
		s->dir_watch.fd = -1;
	}
}

int rundir_open(struct super *s, struct err *err)
{
	const char *wanted = s->opts->socket ? s->opts->socket : s->m->control_socket;
	int rc;

	s->listener = (struct watch){ .fd = -1, .events = LOOP_IN, .fn = serve_accept };
	if (wanted)
		make_dir_of(wanted);
	if (wanted && listen_at(s, wanted, err) < 0) {
		if (err->sys == EADDRINUSE || err->code == ERR_BAD_VALUE)
			return -1;
		log_line(LOG_ERR, "the control socket can't be made: %s", err->msg);
		log_line(LOG_ERR, "help: %s",
			err->help[0] ? err->help
				     : "another place: --socket PATH, or `control.socket`");
		wanted = NULL;
	}
	if (!wanted) {
		rc = try_places(s, err);
		if (rc < 0)
			return -1;
		if (rc > 0)
			try_abstract(s);
	} else {
		char *slash = s->socket_path ? strrchr(s->socket_path, '/') : NULL;
		s->run_dir = slash && slash > s->socket_path
				     ? strndup(s->socket_path, (size_t)(slash - s->socket_path))
				     : NULL;
	}
	if (!s->opts->one_command)
		find_log_dir(s);
	s->run_local = s->run_dir && path_is_local(s->socket_path);
	watch_dir(s);
	return s->listener.fd < 0 ? 0
	       : loop_add(s->loop, &s->listener) < 0
		       ? err_sys(err, ERR_UNKNOWN, errno, "the control socket can't be watched")
		       : 0;
}

/* In a fork, as their file systems may hang. */
static void remove_files(const void *arg, int fd)
{
	static const char *const names[] = { "sysg.marks", SUPER_STATE, SUPER_STATE ".new" };
	const struct super *s = arg;
	char path[PATH_MAX_BYTES + 16];

	for (size_t i = s->survivors != 0; s->run_dir && i < (s->opts->detached ? 3 : 1); i++) {
		snprintf(path, sizeof path, "%s/%s", s->run_dir, names[i]);
		(void)unlink(path);
	}
	if (s->run_dir && s->listener.fd >= 0)
		(void)unlink(s->socket_path);
	if (s->pid_file >= 0 && s->socket_path) {
		pid_path(s->socket_path, path, sizeof path);
		(void)unlink(path);
	}
	if (fd >= 0) /* else this is PID 1 itself */
		remotes_end(s);
}

/* The fork holds the lock, so that it never removes what another has made there by then. */
void rundir_end(struct super *s)
{
	struct pollfd p = { .fd = ask_fork(remove_files, s, s->pid_file, REMOVE_NS),
		.events = POLLIN };

	if (p.fd < 0 && s->run_local)
		remove_files(s, -1);
	else if (p.fd < 0 || poll(&p, 1, REMOVE_WAIT_MS) == 0)
		log_line(LOG_WARN, "files of this run are left: no process could be had, or their "
				   "file system doesn't answer");
	if (p.fd >= 0)
		close(p.fd);
}

void rundir_close(struct super *s)
{
	if (s->listener.fd >= 0) {
		if (!s->listener_off)
			loop_del(s->loop, &s->listener);
		close(s->listener.fd);
	}
	if (s->dir_watch.fd >= 0) {
		loop_del(s->loop, &s->dir_watch);
		close(s->dir_watch.fd);
	}
	drop_pid_file(s);
	s->listener.fd = -1;
	free(s->run_dir);
	free(s->socket_path);
	free(s->log_dir);
	s->run_dir = s->socket_path = s->log_dir = NULL;
}
