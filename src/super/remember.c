/* What the next `sysg start --daemonize` takes up where this supervisor is killed: sysg.state in the runtime directory. It
 * is written by a fork, whole or not at all; PID 1 waits for nothing of it. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "os/ask.h"
#include "super/change.h"

enum { PATH_BYTES = 600, TEXT_MAX = 1024 * 1024, END_MS = 500 };
#define WRITE_NS (10 * NS_PER_SEC)
#define END_NS   (2 * WRITE_NS) /* the fork's own alarm is for when we are gone */
#define AGAIN_NS NS_PER_SEC

static char *path_of(const struct super *s, const char *tail, char path[PATH_BYTES])
{
	snprintf(path, PATH_BYTES, "%s/" SUPER_STATE "%s", s->run_dir, tail);
	return path;
}

/* NULL: no memory. One whose path no line can hold is not in it. */
static char *text_of(const struct super *s)
{
	const struct manifest *f;
	struct buf b;

	buf_init(&b, TEXT_MAX);
	(void)buf_adds(&b, SUPER_STATE_HEAD "\n");
	for (size_t i = 0; (f = manifest_file(s->m, i)); i++)
		if (!strchr(f->path, '\n'))
			(void)buf_printf(
				&b, "%s %s\n", f->cwd_default ? "default" : "manifest", f->path);
	for (size_t i = 0; i < s->nunloaded; i++)
		(void)buf_printf(&b, "unloaded %s\n", s->unloaded[i]);
	(void)buf_adds(&b, "end\n");
	if (!b.failed)
		return buf_steal(&b);
	buf_done(&b);
	return NULL;
}

/* In the fork. */
static void put(const void *arg, int fd)
{
	const struct super *s = arg;
	char new[PATH_BYTES], path[PATH_BYTES];
	size_t n = strlen(s->remembered);
	int out = open(path_of(s, ".new", new),
		O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, 0600);
	bool ok = out >= 0 && write(out, s->remembered, n) == (ssize_t)n && fsync(out) == 0 &&
		  rename(new, path_of(s, "", path)) == 0;

	if (!ok)
		(void)unlink(new);
	(void)!write(fd, &ok, sizeof ok);
}

static void forget(struct super *s)
{
	free(s->remembered);
	s->remembered = NULL;
}

/* events 0: its time is up. One that somebody has stopped dies of SIGKILL, and of no alarm; one whose file system hangs
 * dies once that goes on. Until it is gone there is no second one, which would hang as well, and so none puts an old text
 * over a newer. */
static void written(struct loop *l, struct watch *w, uint32_t events)
{
	struct super *s = container_of(w, struct super, remember);
	bool ok = false;
	bool open = ask_answer(w->fd, &ok, sizeof ok) < 0 && errno == EAGAIN;

	if (open && events)
		return;
	if (!ok && s->remembered)
		log_line(LOG_WARN,
			"%s/" SUPER_STATE " can't be written: a supervisor that is killed "
			"is not remembered",
			s->run_dir);
	if (open) {
		(void)kill(s->remember_pid, SIGKILL);
		forget(s);
		return;
	}
	timer_del(s, &s->remember_again);
	loop_close(l, w);
	remember(s); /* it may be another by now */
}

static void try_again(struct super *s, struct timer *t)
{
	(void)t;
	if (s->remember.fd >= 0)
		written(s->loop, &s->remember, 0);
	else
		remember(s);
}

void remember(struct super *s)
{
	if (!s->opts->detached || !s->run_dir || s->remember.fd >= 0 || s->phase != PHASE_RUN)
		return;
	char *text = text_of(s);
	if (text && s->remembered && strcmp(text, s->remembered) == 0) {
		free(text);
		return;
	}
	free(s->remembered);
	s->remembered = text;
	s->remember = (struct watch){
		.fd = text ? ask_fork(put, s, -1, END_NS) : -1, .events = LOOP_IN, .fn = written
	};
	if (s->remember.fd >= 0 && loop_add(s->loop, &s->remember) == 0) {
		s->remember_pid = ask_pid();
		timer_in(s, &s->remember_again, WRITE_NS, try_again);
		return;
	}
	loop_close(s->loop, &s->remember);
	forget(s);
	timer_in(s, &s->remember_again, AGAIN_NS, try_again);
}

void remember_end(struct super *s)
{
	struct pollfd p = { .fd = s->remember.fd, .events = POLLIN };

	timer_del(s, &s->remember_again);
	if (p.fd >= 0 && poll(&p, 1, END_MS) == 0) /* else it would be there again */
		(void)kill(s->remember_pid, SIGKILL);
	loop_close(s->loop, &s->remember);
	forget(s);
}
