/* loop.h - single-threaded epoll loop. Layer: os. */
#ifndef OS_LOOP_H
#define OS_LOOP_H

#include <stddef.h>
#include <stdint.h>

#include "base/list.h"

/* The epoll(7) bits that watchers use, so that only os/ includes sys/epoll.h. */
enum { LOOP_IN = 1, LOOP_OUT = 4, LOOP_ERR = 8, LOOP_HUP = 16 };

struct loop;
struct watch;
typedef void watch_fn(struct loop *l, struct watch *w, uint32_t events);

/* Embedded in its owner; recover the owner with container_of(). */
struct watch {
	int fd;          /* borrowed: the owner closes it, after loop_del() */
	uint32_t events; /* LOOP_* mask */
	watch_fn *fn;
};

struct loop *loop_new(void); /* NULL with errno */
struct loop *loop_free(struct loop *l);
int loop_add(struct loop *l, struct watch *w); /* 0 or -1 with errno */
int loop_mod(struct loop *l, struct watch *w,
	uint32_t events); /* no call is made when nothing changes */
/* After return, fn is never called again for w, not even for events already fetched. */
void loop_del(struct loop *l, struct watch *w);
/* And its descriptor is closed, and -1 from here on. Of one that has none (-1): nothing. */
void loop_close(struct loop *l, struct watch *w);
/* Waits until something is ready, with as little memory in use as can be (os/trim.h); calls nothing. */
void loop_rest(struct loop *l);
/* Waits until something is ready, unless callbacks of the last wait are still to be made. timeout_ms -1: for ever. How many
 * callbacks there are to make; -1 with errno. */
int loop_wait(struct loop *l, int timeout_ms);
/* Makes them: one, and more until CLOCK_MONOTONIC is past *until_ns, which they may change. The rest are kept for the next call.
 * How many were made. */
int loop_run(struct loop *l, const int64_t *until_ns);

#endif
