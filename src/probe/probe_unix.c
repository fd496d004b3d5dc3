#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "os/filewatch.h"
#include "os/usock.h"
#include "probe/kind.h"

#define ASK_MAX_NS (60 * NS_PER_SEC)

struct found {
	int sys; /* as usock_knock() */
	bool local;
};

static void judge(struct probe *p, int sys)
{
	struct err err;

	if (sys < 0) {
		probe_postpone(p);
		return;
	}
	if (sys == 0) {
		probe_outcome(p, NULL);
		return;
	}
	if (sys == EAGAIN)
		err_set(&err, ERR_CHECK_SLOW, sys,
			"its health check found %s full: connections are not accepted",
			p->check->target);
	else
		err_sys(&err, ERR_CHECK_NOTHING, sys, "its health check found nothing at %s",
			p->check->target);
	probe_outcome(p, &err);
}

static void look(const void *path, int fd)
{
	struct found f = { .sys = usock_knock(path),
		.local = path_is_local(path) && file_look(path) >= 0 };

	(void)!write(fd, &f, sizeof f);
}

static void answered(struct loop *l, struct watch *w, uint32_t events)
{
	struct probe *p = container_of(w, struct probe, w);
	struct found f = { .sys = -1 };

	(void)l;
	(void)events;
	(void)ask_answer(w->fd, &f, sizeof f);
	probe_drop_watch(p);
	p->asked = false;
	p->local = f.local && !p->host.fence;
	if (p->trying)
		judge(p, f.sys);
}

static void begin(struct probe *p)
{
	char buf[4096];
	const char *path = probe_path(p, buf, sizeof buf);

	/* a link may lead anywhere: file_look() */
	if (p->local && file_look(path) >= 0)
		judge(p, usock_knock(path));
	else
		probe_ask(p, look, path, ASK_MAX_NS, answered);
}

/* The answer that is outstanding may come yet, and is waited for; see probe_ask(). */
static void end(struct probe *p)
{
	(void)p;
}

const struct probe_kind probe_kind_unix = { begin, end };
