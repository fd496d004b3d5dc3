#include "os/loop.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "os/trim.h"

enum { BATCH_MAX = 64 };

_Static_assert((unsigned)LOOP_IN == (unsigned)EPOLLIN && (unsigned)LOOP_OUT == (unsigned)EPOLLOUT &&
		       (unsigned)LOOP_ERR == (unsigned)EPOLLERR &&
		       (unsigned)LOOP_HUP == (unsigned)EPOLLHUP,
	"loop.h names epoll's own bits");

struct loop {
	int epfd;
	int at, count; /* position in and size of the batch being dispatched */
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
	for (int i = l->at + 1; i < l->count; i++)
		if (l->batch[i].data.ptr == w)
			l->batch[i].data.ptr = NULL;
}

void loop_rest(struct loop *l)
{
	struct pollfd p = { .fd = l->epfd, .events = POLLIN };

	(void)memory_trim_and_poll(&p, 1);
}

int loop_once(struct loop *l, int timeout_ms)
{
	l->count = epoll_wait(l->epfd, l->batch, BATCH_MAX, timeout_ms);
	if (l->count < 0) {
		l->count = 0;
		return errno == EINTR ? 0 : -1;
	}
	for (l->at = 0; l->at < l->count; l->at++) {
		struct watch *w = l->batch[l->at].data.ptr;
		if (w)
			w->fn(l, w, l->batch[l->at].events);
	}
	int n = l->count;
	l->count = 0;
	return n;
}
