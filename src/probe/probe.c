#include "probe/probe.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/clock.h"
#include "os/fence.h"
#include "os/filewatch.h"
#include "probe/exchange.h"
#include "probe/kind.h"

/* A unit that is long in starting is still looked at ten times a second for this long, then less
 * and less. */
#define EAGER_NS (10 * NS_PER_SEC)

/* So many of those that are due have their step in a turn: each may be a fork, and a turn is short. */
enum { AT_ONCE = 16 };

struct probes {
	struct loop *loop;
	void *arg;
	void (*wake_at)(void *arg, int64_t deadline_ns);
	struct heap due;
	struct list all;
	struct watch inotify;
	int64_t woken_for;
};

static const struct probe_kind *kind_of(const struct probe *p)
{
	switch (p->check->kind) {
	case CHECK_TCP:
	case CHECK_URL:
		return &probe_kind_net;
	case CHECK_UNIX:
		return &probe_kind_unix;
	case CHECK_NOTIFY:
		return &probe_kind_notify;
	case CHECK_FILE:
		return &probe_kind_file;
	default:
		return &probe_kind_command;
	}
}

static void due(struct probe *p, int64_t at_ns)
{
	struct probes *ps = p->host.clock;

	heap_put(&ps->due, &p->due, at_ns);
	if (at_ns < ps->woken_for) {
		ps->woken_for = at_ns;
		ps->wake_at(ps->arg, at_ns);
	}
}

static bool tells(const struct probe *p)
{
	return p->check->kind == CHECK_NOTIFY;
}

static void begin(struct probe *p)
{
	p->trying = true;
	due(p, tells(p) ? p->began_ns + p->check->total_timeout_ns
			: clock_mono_ns() + p->check->attempt_timeout_ns);
	kind_of(p)->begin(p);
}

static int64_t next_delay(struct probe *p, int64_t now_ns)
{
	int64_t max = p->check->interval_ns;

	if (p->ready)
		return max;
	if (now_ns - p->began_ns > EAGER_NS)
		p->delay_ns += p->delay_ns / 2;
	if (p->delay_ns > max)
		p->delay_ns = max > p->check->start_interval_ns ? max : p->check->start_interval_ns;
	return p->delay_ns;
}

static void say(struct probe *p, enum probe_news news)
{
	p->host.says(p->host.arg, news, news == PROBE_PUT_OFF ? NULL : &p->last);
}

static void succeeded(struct probe *p)
{
	bool news = !p->ready || p->failing;
	int64_t now = clock_mono_ns();

	p->fails = 0;
	p->ready = true;
	p->failing = false;
	if (tells(p)) /* nothing is asked of it from here on */
		heap_take(&p->host.clock->due, &p->due);
	else
		due(p, now + next_delay(p, now));
	if (news)
		say(p, PROBE_READY);
}

static void failed(struct probe *p, const struct err *err)
{
	int64_t now = clock_mono_ns();
	bool spent = p->ready || now - p->began_ns >= p->check->total_timeout_ns;

	p->last = *err;
	p->fails++;
	if (!spent || (p->fails < (unsigned)p->check->retries && !tells(p)) || p->failing) {
		due(p, now + next_delay(p, now));
	} else if (p->ready && p->check->ignore) {
		p->failing = true;
		due(p, now + next_delay(p, now));
		say(p, PROBE_FAILING);
	} else {
		p->over = true;
		heap_take(&p->host.clock->due, &p->due);
		say(p, p->ready ? PROBE_FAILING : PROBE_NEVER_READY);
	}
}

void probe_outcome(struct probe *p, const struct err *err)
{
	if (!p->trying || p->over)
		return;
	p->trying = p->put_off = false;
	if (err)
		failed(p, err);
	else
		succeeded(p);
}

bool probe_short_of_means(int sys)
{
	return sys == EAGAIN || sys == ENOMEM || sys == EMFILE || sys == ENFILE;
}

void probe_postpone(struct probe *p)
{
	int64_t now = clock_mono_ns();

	p->trying = false;
	due(p, now + next_delay(p, now));
	if (p->put_off)
		return;
	p->put_off = true;
	say(p, PROBE_PUT_OFF);
}

static void attempt_too_slow(struct probe *p)
{
	struct err err;

	kind_of(p)->end(p);
	if (tells(p))
		err_set(&err, ERR_CHECK_SLOW, 0, "it did not tell that it is ready within %d ms",
			(int)(p->check->total_timeout_ns / NS_PER_MS));
	else
		err_set(&err, ERR_CHECK_SLOW, 0, "its health check got no answer within %d ms",
			(int)(p->check->attempt_timeout_ns / NS_PER_MS));
	probe_outcome(p, &err);
}

void probes_run(struct probes *ps, int64_t now_ns)
{
	struct heap_node *n;

	for (int i = 0; i < AT_ONCE && (n = heap_min(&ps->due)) && n->key <= now_ns; i++) {
		struct probe *p = container_of(n, struct probe, due);
		heap_take(&ps->due, n);
		if (p->trying)
			attempt_too_slow(p);
		else
			begin(p);
	}
	n = heap_min(&ps->due);
	ps->woken_for = n ? n->key : INT64_MAX;
	if (ps->woken_for <= now_ns)
		ps->woken_for = now_ns + 1;
	ps->wake_at(ps->arg, ps->woken_for);
}

static bool concerns(const struct probe *p, const int *wds, int n)
{
	for (int i = 0; i < n; i++)
		if (wds[i] == p->wd || wds[i] == INOTIFY_LOST)
			return true;
	return false;
}

/* Something appeared in a directory: whoever waits for a file there looks at once, and once,
 * however much appeared. */
static void appeared(struct loop *l, struct watch *w, uint32_t events)
{
	struct probes *ps = container_of(w, struct probes, inotify);
	int wds[INOTIFY_MOST], n = inotify_read(w->fd, wds, INOTIFY_MOST);

	(void)l;
	(void)events;
	list_each(it, &ps->all)
	{
		struct probe *p = list_entry(it, struct probe, link);
		if (!p->trying && !p->over && !p->ready && p->local && p->wd >= 0 &&
			concerns(p, wds, n))
			begin(p);
	}
}

struct probes *probes_new(
	struct loop *l, void *arg, void (*wake_at)(void *arg, int64_t deadline_ns))
{
	struct probes *ps = calloc(1, sizeof *ps);

	if (!ps)
		return NULL;
	ps->loop = l;
	ps->arg = arg;
	ps->wake_at = wake_at;
	ps->woken_for = INT64_MAX;
	ps->inotify.fd = -1;
	list_init(&ps->all);
	return ps;
}

struct probes *probes_free(struct probes *ps)
{
	if (!ps)
		return NULL;
	loop_close(ps->loop, &ps->inotify);
	free(ps);
	return NULL;
}

struct loop *probe_loop(const struct probe *p)
{
	return p->host.clock->loop;
}

int probe_inotify(const struct probe *p)
{
	struct probes *ps = p->host.clock;

	if (ps->inotify.fd >= 0)
		return ps->inotify.fd;
	ps->inotify = (struct watch){ .fd = inotify_open(), .events = LOOP_IN, .fn = appeared };
	if (ps->inotify.fd >= 0 && loop_add(ps->loop, &ps->inotify) < 0) {
		close(ps->inotify.fd);
		ps->inotify.fd = -1;
	}
	return ps->inotify.fd;
}

void probe_drop_watch(struct probe *p)
{
	loop_close(probe_loop(p), &p->w);
}

struct inside {
	ask_fn *fn;
	const void *arg;
	const struct child_fence *fence;
	int pidfd;
};

static void ask_inside(const void *arg, int fd)
{
	const struct inside *in = arg;

	if (fence_enter(in->fence, in->pidfd) == 0)
		in->fn(in->arg, fd);
}

static int ask(const struct probe *p, ask_fn *fn, const void *arg, int64_t timeout_ns)
{
	struct inside in = { fn, arg, p->host.fence, -1 };

	if (!in.fence)
		return ask_fork(fn, arg, -1, timeout_ns);
	in.pidfd = p->host.beside(p->host.arg);
	if (in.pidfd < 0)
		return -1;
	int fd = ask_fork(ask_inside, &in, in.pidfd, timeout_ns);
	close(in.pidfd);
	return fd;
}

void probe_ask(struct probe *p, ask_fn *fn, const void *arg, int64_t timeout_ns,
	void (*answered)(struct loop *l, struct watch *w, uint32_t events))
{
	if (p->asked)
		return;
	p->w = (struct watch){
		.fd = ask(p, fn, arg, timeout_ns), .events = LOOP_IN, .fn = answered
	};
	if (p->w.fd >= 0 && loop_add(probe_loop(p), &p->w) == 0) {
		p->asked = true;
		return;
	}
	if (p->w.fd >= 0)
		close(p->w.fd);
	p->w.fd = -1;
	probe_postpone(p);
}

const char *probe_path(const struct probe *p, char *buf, size_t size)
{
	if (*p->check->target == '/' || !p->cwd)
		return p->check->target;
	snprintf(buf, size, "%s/%s", p->cwd, p->check->target);
	return buf;
}

struct probe *probe_new(const struct health_check *check, const char *cwd,
	const struct probe_host *host, struct err *err)
{
	struct probe *p = calloc(1, sizeof *p);

	if (!p) {
		err_set(err, ERR_CHECK_NOTHING, 0, "out of memory for a health check");
		return NULL;
	}
	p->check = check;
	p->cwd = cwd;
	p->host = *host;
	p->w.fd = p->wd = -1;
	p->began_ns = clock_mono_ns();
	p->delay_ns = check->start_interval_ns;
	list_init(&p->link);
	list_add_tail(&host->clock->all, &p->link);
	due(p, p->began_ns);
	return p;
}

void probe_moved(struct probe *p, const struct health_check *check, const char *cwd,
	const struct child_fence *fence)
{
	if (!p)
		return;
	p->check = check;
	p->cwd = cwd;
	if (p->host.fence)
		p->host.fence = fence;
	if (p->exchange)
		p->exchange->check = check;
}

struct probe *probe_free(struct probe *p)
{
	if (!p)
		return NULL;
	struct probes *ps = p->host.clock;
	bool shared = false;
	kind_of(p)->end(p);
	probe_drop_watch(p); /* a file's answer may be outstanding after its attempt has ended */
	list_del(&p->link);
	list_each(it, &ps->all) shared |= list_entry(it, struct probe, link)->wd == p->wd;
	if (p->wd >= 0 && !shared)
		inotify_unwatch(ps->inotify.fd, p->wd);
	heap_take(&ps->due, &p->due);
	free(p);
	return NULL;
}

const struct err *probe_last(const struct probe *p)
{
	return p && p->fails ? &p->last : NULL;
}

unsigned probe_failures(const struct probe *p)
{
	return p->fails;
}
