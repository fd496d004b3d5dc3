#include "os/loop.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "base/clock.h"
#include "os/trim.h"

enum { BATCH_MAX = 64 };

_Static_assert((unsigned)LOOP_IN == (unsigned)EPOLLIN && (unsigned)LOOP_OUT == (unsigned)EPOLLOUT &&
		       (unsigned)LOOP_ERR == (unsigned)EPOLLERR &&
		       (unsigned)LOOP_HUP == (unsigned)EPOLLHUP,
	"loop.h names epoll's own bits");

struct loop {
	int epfd;
	int at, count; /* the next of the batch that is being dispatched, and its size */
	struct epoll_event batch[BATCH_MAX];
};

struct loop *loop_new(void)
{
	struct loop *l = calloc(1, sizeof *l);

	if (l && (l->epfd = epoll_create1(EPOLL_CLOEXEC)) < 0) {
		free(l);
		return NULL;
	}
	return l;
}

struct loop *loop_free(struct loop *l)
{
	if (l)
		close(l->epfd);
	free(l);
	return NULL;
}

int loop_add(struct loop *l, struct watch *w)
{
	struct epoll_event ev = { .events = w->events, .data.ptr = w };

	return epoll_ctl(l->epfd, EPOLL_CTL_ADD, w->fd, &ev);
}

int loop_mod(struct loop *l, struct watch *w, uint32_t events)
{
	struct epoll_event ev = { .events = events, .data.ptr = w };

	if (w->events == events)
		return 0;
	if (epoll_ctl(l->epfd, EPOLL_CTL_MOD, w->fd, &ev) < 0)
		return -1;
	w->events = events;
	return 0;
}

void loop_del(struct loop *l, struct watch *w)
{
	(void)epoll_ctl(l->epfd, EPOLL_CTL_DEL, w->fd, NULL);
	/* The owner may free w right after this; forget it in the rest of the batch. */
	for (int i = l->at; i < l->count; i++)
		if (l->batch[i].data.ptr == w)
			l->batch[i].data.ptr = NULL;
}

void loop_close(struct loop *l, struct watch *w)
{
	if (w->fd < 0)
		return;
	loop_del(l, w);
	(void)close(w->fd);
	w->fd = -1;
}

void loop_rest(struct loop *l)
{
	struct pollfd p = { .fd = l->epfd, .events = POLLIN };

	(void)memory_trim_and_poll(&p, 1);
}

int loop_wait(struct loop *l, int timeout_ms)
{
	if (l->at < l->count)
		return l->count - l->at;
	l->at = 0;
	l->count = epoll_wait(l->epfd, l->batch, BATCH_MAX, timeout_ms);
	if (l->count >= 0)
		return l->count;
	l->count = 0;
	return errno == EINTR ? 0 : -1;
}

int loop_run(struct loop *l, const int64_t *until_ns)
{
	int n = 0;

	while (l->at < l->count && (!n || clock_mono_ns() < *until_ns)) {
		const struct epoll_event *e = &l->batch[l->at++];
		struct watch *w = e->data.ptr;
		n++;
		if (w)
			w->fn(l, w, e->events);
	}
	return n;
}
