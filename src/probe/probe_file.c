#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "os/filewatch.h"
#include "probe/kind.h"

static void missing(struct probe *p, const char *path)
{
	struct err err;

	err_set(&err, ERR_CHECK_NOTHING, ENOENT, "its health check found no file %s", path);
	probe_outcome(p, &err);
}

static const char *full(const struct probe *p, char *buf, size_t size)
{
	if (*p->check->target == '/' || !p->cwd)
		return p->check->target;
	snprintf(buf, size, "%s/%s", p->cwd, p->check->target);
	return buf;
}

static void ask(struct probe *p, const char *path);

/* On a local file system we look ourselves, and are told when something appears beside it. */
static void look(struct probe *p, const char *path)
{
	if (p->wd < 0 && !p->ready && probe_inotify(p) >= 0)
		p->wd = inotify_watch_dir_of(probe_inotify(p), path);
	int there = file_look(path);
	if (there < 0)
		ask(p, path);
	else if (there)
		probe_outcome(p, NULL);
	else
		missing(p, path);
}

static void answered(struct loop *l, struct watch *w, uint32_t events)
{
	struct probe *p = container_of(w, struct probe, w);
	char buf[4096];
	const char *path = full(p, buf, sizeof buf);
	struct file_answer a = { 0 };

	(void)l;
	(void)events;
	int rc = file_answer(w->fd, &a);
	probe_drop_watch(p);
	p->asked = false;
	if (!p->trying)
		return; /* too late for the attempt that asked */
	p->local = rc == 0 && a.local;
	if (p->local)
		look(p, path);
	else if (rc == 0 && a.exists)
		probe_outcome(p, NULL);
	else
		missing(p, path);
}

/* One fork at a time: on a dead mount each of them hangs. */
static void ask(struct probe *p, const char *path)
{
	if (p->asked)
		return;
	p->w = (struct watch){ .fd = file_ask(path), .events = LOOP_IN, .fn = answered };
	if (p->w.fd >= 0 && loop_add(probe_loop(p), &p->w) == 0) {
		p->asked = true;
		return;
	}
	int sys = errno;
	probe_drop_watch(p);
	if (probe_short_of_means(sys))
		probe_postpone(p);
	else
		missing(p, path);
}

static void begin(struct probe *p)
{
	char buf[4096];
	const char *path = full(p, buf, sizeof buf);

	if (p->local)
		look(p, path);
	else
		ask(p, path);
}

/* The answer that is outstanding may come yet, and is waited for; see ask(). */
static void end(struct probe *p)
{
	(void)p;
}

const struct probe_kind probe_kind_file = { begin, end };
