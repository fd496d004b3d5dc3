#include <errno.h>
#include <string.h>

#include "base/clock.h"
#include "os/filewatch.h"
#include "probe/kind.h"

#define FILE_ASK_NS (60 * NS_PER_SEC)

static void missing(struct probe *p, const char *path)
{
	struct err err;

	err_set(&err, ERR_CHECK_NOTHING, ENOENT, "its health check found no file %s", path);
	probe_outcome(p, &err);
}

static void answered(struct loop *l, struct watch *w, uint32_t events);

static void ask(struct probe *p, const char *path)
{
	probe_ask(p, file_answer_into, path, FILE_ASK_NS, answered);
}

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
	const char *path = probe_path(p, buf, sizeof buf);
	struct file_answer a = { 0 };

	(void)l;
	(void)events;
	int rc = ask_answer(w->fd, &a, sizeof a);
	probe_drop_watch(p);
	p->asked = false;
	if (!p->trying)
		return; /* too late for the attempt that asked */
	p->local = rc == 0 && a.local && !p->host.fence;
	if (p->local)
		look(p, path);
	else if (rc == 0 && a.exists)
		probe_outcome(p, NULL);
	else
		missing(p, path);
}

static void begin(struct probe *p)
{
	char buf[4096];
	const char *path = probe_path(p, buf, sizeof buf);

	if (p->local)
		look(p, path);
	else
		ask(p, path);
}

/* The answer that is outstanding may come yet, and is waited for; see probe_ask(). */
static void end(struct probe *p)
{
	(void)p;
}

const struct probe_kind probe_kind_file = { begin, end };
