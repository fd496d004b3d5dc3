#include "cli/seek.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/log.h"

enum { WALK_MAX = 4096, LISTEN_ROOM = 256 * 1024 };

_Static_assert(SEEK_PATH == sizeof((struct sockaddr_un *)NULL)->sun_path,
	"SEEK_PATH is what an address holds");

/* --- places --- */

static int from_env(const char *name, const char *tail, char *ret)
{
	const char *dir = getenv(name);
	int n = dir && *dir ? snprintf(ret, SEEK_PATH, "%s%s", dir, tail) : 0;

	if (n <= 0 || n >= SEEK_PATH)
		ret[0] = '\0';
	return 0;
}

/* Anyone may make a directory of that name in /tmp: it counts only when it is that user's, and
 * closed to the others. */
static int in_tmp(uid_t uid, char *ret)
{
	struct stat st;

	(void)snprintf(ret, SEEK_PATH, "/tmp/sysg-%lu", (unsigned long)uid);
	if (lstat(ret, &st) < 0 || !S_ISDIR(st.st_mode) || st.st_uid != uid || (st.st_mode & 022))
		ret[0] = '\0';
	return 0;
}

static int of_first_process(char *ret)
{
	struct stat st;

	ret[0] = '\0';
	if (geteuid() != 0 || stat("/proc/1", &st) < 0 || st.st_uid == 0)
		return 0;
	return in_tmp(st.st_uid, ret);
}

int seek_runtime_dir(size_t i, char ret[static SEEK_PATH])
{
	switch (i) {
	case 0:
		return from_env("SYSG_RUNTIME_DIR", "", ret);
	case 1:
		(void)snprintf(ret, SEEK_PATH, "/run/sysg");
		return 0;
	case 2:
		return from_env("XDG_RUNTIME_DIR", "/sysg", ret);
	case 3:
		return in_tmp(geteuid(), ret);
	case 4:
		return of_first_process(ret);
	default:
		return -1;
	}
}

/* --- who listens --- */

static bool read_start(const char *path, char ret[static 512])
{
	autoclose int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? -1 : read(fd, ret, 511);

	if (n <= 0)
		return false;
	ret[n] = '\0';
	return true;
}

pid_t seek_parent(pid_t pid)
{
	char path[40], text[512];
	long parent = 0;

	(void)snprintf(path, sizeof path, "/proc/%ld/stat", (long)pid);
	if (!read_start(path, text))
		return 0;
	const char *end = strrchr(text, ')'); /* the name may hold anything */
	if (!end || end[1] != ' ' || !end[2])
		return 0;
	parent = strtol(end + 3, NULL, 10); /* behind " S " */
	return parent < 0 ? 0 : (pid_t)parent;
}

/* A mount's number is no other's, in whatever namespace; unlike the links in ns anyone may read it (proc(5)). */
static bool sees_our_mounts(pid_t pid)
{
	char path[40], ours[512], its[512];

	(void)snprintf(path, sizeof path, "/proc/%ld/mountinfo", (long)pid);
	return read_start("/proc/self/mountinfo", ours) && read_start(path, its) &&
	       strtol(ours, NULL, 10) == strtol(its, NULL, 10);
}

bool seek_peer_is_ours(int fd)
{
	struct ucred peer;
	socklen_t n = sizeof peer;

	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &n) < 0 || peer.pid <= 0)
		return false;
	if (peer.pid == 1)
		return true;
	pid_t at = getppid();
	for (int i = 0; at > 1 && i < WALK_MAX; i++, at = seek_parent(at))
		if (at == peer.pid)
			return true;
	return (!peer.uid || peer.uid == geteuid()) && sees_our_mounts(peer.pid);
}

/* --- connecting --- */

static int address(struct sockaddr_un *un, socklen_t *len, const char *path)
{
	size_t n = strlen(path);

	*un = (struct sockaddr_un){ .sun_family = AF_UNIX };
	if (n >= sizeof un->sun_path) {
		errno = ENAMETOOLONG;
		return -1;
	}
	memcpy(un->sun_path, path, n);
	if (path[0] == '@')
		un->sun_path[0] = '\0';
	*len = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + n + (path[0] != '@'));
	return 0;
}

/* -1 and errno. */
static int connect_to(const char *path)
{
	struct sockaddr_un un;
	socklen_t len;
	int room = LISTEN_ROOM;

	if (address(&un, &len, path) < 0)
		return -1;
	autoclose int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return -1;
	/* A packet of 64 KiB goes in whole or not at all. */
	(void)setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &room, sizeof room);
	if (connect(fd, (struct sockaddr *)&un, len) < 0) {
		log_line(LOG_DBG, "%s: %s", path, strerror(errno));
		return -1;
	}
	if (path[0] == '@' && !seek_peer_is_ours(fd)) {
		log_line(LOG_DBG, "%s: its owner is not ours", path);
		errno = EACCES;
		return -1;
	}
	log_line(LOG_DBG, "%s: connected", path);
	return steal_fd(&fd);
}

/* where: empty where there is nothing that is worth telling. */
static int nobody(struct err *err, const char *where, int sys)
{
	bool denied = sys == EACCES || sys == EPERM, gone = sys == ENOENT || sys == ECONNREFUSED;
	const char *how = !*where ? "" : gone ? " at " : ": ";
	bool why = *how == ':';

	(void)err_set(err, ERR_NO_SUPERVISOR, sys, "no supervisor %s%s%s%s%s",
		denied ? "can be reached" : "is running", how, where, why ? how : "",
		why ? strerror(sys) : "");
	return err_help(err, "sysg start --daemonize starts one");
}

/* Remembers the one failure that is worth telling: a socket that is there. */
struct search {
	char where[SEEK_PATH + 8];
	int sys;
};

static int try_one(struct search *s, const char *path)
{
	int fd = connect_to(path);

	if (fd >= 0 || (errno != ENOENT && errno != ECONNREFUSED && errno != ENOTDIR &&
			       s->sys != EAGAIN)) {
		s->sys = fd >= 0 ? 0 : errno;
		(void)snprintf(s->where, sizeof s->where, "%s", path);
	}
	return fd;
}

static int search(struct search *s)
{
	char dir[SEEK_PATH], path[SEEK_PATH + 16];
	struct stat st;

	for (size_t i = 0; seek_runtime_dir(i, dir) == 0; i++) {
		if (!dir[0])
			continue;
		(void)snprintf(path, sizeof path, "%s/control.sock", dir);
		int fd = try_one(s, path);
		if (fd >= 0)
			return fd;
	}
	if (stat("/proc/self/ns/pid", &st) < 0)
		return -1;
	(void)snprintf(path, sizeof path, "@sysg/%llu", (unsigned long long)st.st_ino);
	return try_one(s, path);
}

int seek_connect(const char *explicit, char ret_where[static SEEK_PATH + 8], struct err *err)
{
	struct search s = { .sys = 0 };
	const char *named = explicit ? explicit : getenv("SYSG_SOCKET");

	if (!explicit && named && !*named)
		named = NULL;
	int fd = named ? connect_to(named) : search(&s);
	int sys = named ? errno : s.sys;
	const char *where = named ? named : s.where;
	(void)snprintf(ret_where, SEEK_PATH + 8, "%s", where);
	if (fd < 0) {
		(void)nobody(err, where, sys);
		errno = sys;
	}
	return fd;
}
