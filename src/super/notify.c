/* A socket for each unit, so that a flood of one fills its own queue and no other's; a few messages
 * of each a turn. */
#include "super/notify.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "os/ask.h"
#include "os/usock.h"
#include "probe/probe.h"
#include "super/parts.h"
#include "wire/notify.h"

#define FORK_MAX_NS (10 * NS_PER_SEC)
#define AGAIN_NS    (100 * NS_PER_MS)
enum { MESSAGES_A_TURN = 8, SOCKET_PATH_MAX = 107 };

struct notify {
	struct job *j;
	struct watch w;    /* the socket, or the end of the pipe that is read; fd -1: none */
	struct watch fork; /* takes messages with descriptors off the socket; fd -1: none */
	int child_end;     /* of the pipe; -1: none */
	bool trusted, ready, stranger_told, ended;
	bool paused;        /* the socket is out of the loop */
	struct timer later; /* what was to go on couldn't, for want of a process or of memory */
	char *path;         /* of the socket; NULL: it has none */
	struct notify_message last;
	char env[sizeof "NOTIFY_SOCKET=" + SOCKET_PATH_MAX]; /* empty: it is a pipe */
};

static void heard_ready(struct notify *n)
{
	n->ready = true;
	if (n->j->probe)
		probe_tell(n->j->probe);
}

/* --- the socket --- */

/* Whoever can reach the socket can write to it: what counts is who did. */
static bool is_own(struct notify *n, pid_t sender)
{
	const struct job *j = n->j;
	char path[UNIT_PATH_MAX];

	if (sender == j->u->pid && j->u->main_alive)
		return true;
	if (serve_unit_of(j->s, sender) == j->u)
		return true;
	if (!n->stranger_told)
		log_line(LOG_WARN,
			"%s: a message on its notify socket is not its own (pid %d); ignored",
			unit_path(j->u, path, sizeof path), (int)sender);
	n->stranger_told = true;
	return false;
}

static void heard(struct notify *n, pid_t sender, const char *text, size_t len)
{
	struct notify_message m;

	n->j->s->clients_read++; /* its last words come before its end */
	if (!is_own(n, sender))
		return;
	notify_parse(&m, text, len);
	if (m.status[0])
		memcpy(n->last.status, m.status, sizeof m.status);
	if (m.error)
		n->last.error = m.error;
	if (m.ready && !n->ready)
		heard_ready(n);
}

/* Out of the loop while a fork takes what we must not touch. */
static void listen_on(struct notify *n)
{
	n->paused = loop_add(n->j->s->loop, &n->w) < 0;
}

static void listen_again(struct super *s, struct timer *t)
{
	struct notify *n = container_of(t, struct notify, later);

	listen_on(n);
	if (n->paused)
		timer_in(s, t, AGAIN_NS, listen_again);
}

static void drop_fork(struct notify *n)
{
	loop_close(n->j->s->loop, &n->fork);
}

/* Its words come as they are read; its end lets us go on. One that hangs is the unit's own doing. */
static void fork_said(struct loop *l, struct watch *w, uint32_t events)
{
	struct notify *n = container_of(w, struct notify, fork);
	struct usock_taken t;

	(void)l;
	(void)events;
	for (int i = 0; i < MESSAGES_A_TURN; i++) {
		if (ask_answer(w->fd, &t, sizeof t) == 0) {
			heard(n, t.pid, t.text, t.n);
			continue;
		}
		if (errno == EAGAIN)
			return;
		drop_fork(n);
		listen_again(n->j->s, &n->later);
		return;
	}
}

/* A message that carries descriptors (BARRIER=1, FDSTORE=1) is never received by PID 1: one of them may
 * be such that closing it takes long. A fork takes it, tells its text, and goes with what it got. */
static void leave_to_fork(struct notify *n)
{
	struct super *s = n->j->s;

	loop_del(s->loop, &n->w);
	n->paused = true;
	n->fork = (struct watch){ .fd = ask_fork(usock_take, &n->w.fd, n->w.fd, FORK_MAX_NS),
		.events = LOOP_IN,
		.fn = fork_said };
	if (n->fork.fd >= 0 && loop_add(s->loop, &n->fork) == 0)
		return;
	if (n->fork.fd >= 0)
		close(n->fork.fd);
	n->fork.fd = -1;
	timer_in(s, &n->later, AGAIN_NS, listen_again);
}

static void socket_ready(struct loop *l, struct watch *w, uint32_t events)
{
	struct notify *n = container_of(w, struct notify, w);
	char text[NOTIFY_MAX];
	size_t len;
	pid_t sender;

	(void)l;
	(void)events;
	for (int i = 0; i < MESSAGES_A_TURN; i++) {
		switch (usock_recv(w->fd, n->trusted, text, sizeof text, &len, &sender)) {
		case USOCK_PACKET:
			heard(n, sender, text, len);
			break;
		case USOCK_POISON:
			leave_to_fork(n);
			return;
		case USOCK_AGAIN:
			return;
		default: /* an empty message, or one that is too long: taken, and nothing in it */
			break;
		}
	}
}

/* Another user's process has to get there, and one with a /tmp of its own. */
static bool reachable(const struct super *s, const struct service *svc)
{
	struct stat st;

	if (!s->run_local || !s->run_dir)
		return false;
	if (svc->fence.spaces & SPACE_TMP &&
		(strncmp(s->run_dir, "/tmp/", 5) == 0 || strncmp(s->run_dir, "/var/tmp/", 9) == 0))
		return false;
	return !svc->user || (stat(s->run_dir, &st) == 0 && (st.st_mode & S_IXOTH));
}

static int open_socket(struct notify *n, struct err *err)
{
	struct super *s = n->j->s;
	char name[512];
	int len = -1;

	if (reachable(s, n->j->svc))
		len = snprintf(name, sizeof name, "%s/notify.%" PRIx64 ".%" PRIu64, s->run_dir,
			s->marks.base >> 20, n->j->u->id);
	bool path = len > 0 && len <= SOCKET_PATH_MAX;
	if (path && usock_datagrams(name, &n->w.fd, err) == 0) {
		n->path = strdup(name);
	} else if (n->j->svc->fence.spaces & SPACE_NETWORK) {
		(void)err_set(err, ERR_NAMESPACE, EACCES,
			"no notify socket of ours can be reached from its network namespace");
		return err_help(err, "write health_check: {notify: fd:3}");
	} else {
		snprintf(name, sizeof name, "@sysg/notify/%016" PRIx64, random_u64());
		if (usock_datagrams(name, &n->w.fd, err) < 0)
			return -1;
	}
	snprintf(n->env, sizeof n->env, "NOTIFY_SOCKET=%.*s", SOCKET_PATH_MAX, name);
	n->trusted = usock_passrights_off(n->w.fd);
	n->w.fn = socket_ready;
	return 0;
}

/* --- the descriptor --- */

/* What comes behind the line is read too, as a pipe that nobody reads would end its writer. */
static void pipe_ready(struct loop *l, struct watch *w, uint32_t events)
{
	struct notify *n = container_of(w, struct notify, w);
	char bytes[512];

	(void)events;
	for (int i = 0; i < MESSAGES_A_TURN; i++) {
		ssize_t got = read(w->fd, bytes, sizeof bytes);
		if (got < 0 && (errno == EAGAIN || errno == EINTR))
			return;
		if (got <= 0) {
			n->ended = true;
			loop_close(l, w);
			return;
		}
		n->j->s->clients_read++;
		if (!n->ready && memchr(bytes, '\n', (size_t)got))
			heard_ready(n);
	}
}

static int open_pipe(struct notify *n, struct err *err)
{
	int p[2];

	if (pipe2(p, O_CLOEXEC) < 0)
		return err_sys(err, ERR_EXEC_FAILED, errno, "no pipe for notify");
	(void)fcntl(p[0], F_SETFL, O_NONBLOCK);
	n->w.fd = p[0];
	n->child_end = p[1];
	n->w.fn = pipe_ready;
	return 0;
}

/* --- a start --- */

int notify_open(struct job *j, struct err *err)
{
	notify_close(j);
	if (!j->svc || j->svc->check.kind != CHECK_NOTIFY)
		return 0;
	struct notify *n = calloc(1, sizeof *n);
	if (!n)
		return err_set(err, ERR_EXEC_FAILED, ENOMEM, "out of memory");
	n->j = j;
	n->w = (struct watch){ .fd = -1, .events = LOOP_IN };
	n->fork.fd = n->child_end = -1;
	n->paused = true;
	j->notify = n;
	int rc = j->svc->check.notify_fd < 0 ? open_socket(n, err) : open_pipe(n, err);
	if (rc == 0)
		listen_on(n);
	if (rc == 0 && n->paused)
		rc = err_sys(err, ERR_EXEC_FAILED, errno, "no watch for notify");
	if (rc < 0)
		notify_close(j);
	return rc;
}

const char *notify_env(const struct job *j)
{
	return j->notify && j->notify->env[0] ? j->notify->env : NULL;
}

int notify_child_end(const struct job *j)
{
	return j->notify ? j->notify->child_end : -1;
}

void notify_forked(struct job *j)
{
	if (!j->notify || j->notify->child_end < 0)
		return;
	close(j->notify->child_end);
	j->notify->child_end = -1;
}

bool notify_ready(const struct job *j)
{
	return j->notify && j->notify->ready;
}

void notify_explain(const struct job *j, struct err *err)
{
	const struct notify *n = j->notify;
	char text[sizeof err->msg];

	if (!n)
		return;
	snprintf(text, sizeof text, "%s", err->msg);
	if (n->ended)
		err_set(err, ERR_CHECK_UNHEALTHY, 0, "%s: it closed descriptor %d without a line",
			text, j->svc->check.notify_fd);
	else if (n->last.status[0] || n->last.error)
		err_set(err, err->code, n->last.error, "%s; it said: %s%s%s", text, n->last.status,
			n->last.status[0] && n->last.error ? ", " : "",
			n->last.error ? strerror(n->last.error) : "");
}

void notify_close(struct job *j)
{
	struct notify *n = j->notify;

	if (!n)
		return;
	j->notify = NULL;
	drop_fork(n);
	timer_del(j->s, &n->later);
	if (n->w.fd >= 0 && !n->paused)
		loop_del(j->s->loop, &n->w);
	if (n->w.fd >= 0 && n->env[0])
		usock_discard(n->w.fd, n->trusted);
	else if (n->w.fd >= 0)
		close(n->w.fd);
	if (n->child_end >= 0)
		close(n->child_end);
	if (n->path)
		(void)unlink(n->path);
	free(n->path);
	free(n);
}
