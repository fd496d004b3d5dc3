#include "cmd/unhang.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/units.h"
#include "cli/seek.h"
#include "os/proc.h"
#include "super/super.h"

enum { PLACE = 256, GONE_MS = 5000, LOOK_MS = 5 };

/* Who listens, as the kernel says: also of a process that is stopped. 0: unknown. */
static pid_t listener_of(const char *socket)
{
	char where[SEEK_PATH + 8];
	struct ucred peer;
	socklen_t n = sizeof peer;
	struct err err;
	autoclose int fd = seek_connect(socket, where, &err);

	return fd >= 0 && getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &n) == 0 ? peer.pid : 0;
}

/* The pid in the file, which somebody holds locked. 0: there is none such. */
static pid_t holder_of(const char *path)
{
	char text[32];
	const char *why;
	int64_t pid;
	autoclose int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);

	if (fd < 0 || flock(fd, LOCK_SH | LOCK_NB) == 0 || errno != EWOULDBLOCK)
		return 0;
	ssize_t n = read(fd, text, sizeof text - 1);
	if (n <= 0)
		return 0;
	text[n] = '\0';
	text[strcspn(text, "\n")] = '\0';
	return whole_parse(text, 1, INT32_MAX, &pid, &why) == 0 ? (pid_t)pid : 0;
}

static bool is_gone(pid_t pid, uint64_t start)
{
	struct proc_stat st;

	return proc_stat_read(pid, &st) < 0 || st.start != start || !proc_alive(&st);
}

static int kill_it(pid_t pid, const char *socket, struct err *err)
{
	struct proc_stat st;

	if (proc_stat_read(pid, &st) < 0)
		return 0;
	/* Once more, now that its start is known: it holds its socket, so the number is its own. */
	if (listener_of(socket) != pid)
		return err_set(err, ERR_NO_ANSWER, 0, "another supervisor took its place");
	if (kill(pid, SIGKILL) < 0 && errno != ESRCH)
		return err_sys(err, ERR_DENIED, errno, "the supervisor, process %d", (int)pid);
	for (int ms = 0; ms < GONE_MS && !is_gone(pid, st.start); ms += LOOK_MS)
		(void)poll(NULL, 0, LOOK_MS);
	return is_gone(pid, st.start)
		       ? 0
		       : err_set(err, ERR_SURVIVORS, 0,
				 "the supervisor, process %d, can't be killed", (int)pid);
}

int unhang(const char *socket, struct err *err)
{
	char dir[PLACE], path[PLACE + 16];
	const char *slash = strrchr(socket, '/');

	if (*socket != '/' || !slash || slash == socket || (size_t)(slash - socket) >= sizeof dir)
		return err_set(err, ERR_NO_ANSWER, 0,
			"the supervisor at %s does not answer, and has no runtime directory",
			socket);
	memcpy(dir, socket, (size_t)(slash - socket));
	dir[slash - socket] = '\0';
	snprintf(path, sizeof path, "%s/sysg.pid", dir);
	pid_t pid = listener_of(socket);
	if (pid <= 1 || holder_of(path) != pid)
		return err_set(err, ERR_NO_ANSWER, 0,
			pid == 1 ? "the supervisor does not answer, and is PID 1: it goes with its "
				   "container"
				 : "the supervisor at %s does not answer, and can't be told for "
				   "sure",
			socket);
	if (kill_it(pid, socket, err) < 0)
		return -1;
	unsigned left = super_leftovers(dir);
	if (left)
		return err_set(err, ERR_SURVIVORS, 0,
			"%u processes of the supervisor that was killed can't be stopped", left);
	(void)unlink(socket);
	(void)unlink(path); /* its marks stay: the next one cleans up after them */
	return 0;
}
