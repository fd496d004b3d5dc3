/* Whose turn it is to receive. It is handed over, not let go: a thread that receives in a loop would always be back
 * before one that has to be woken. */
#include <errno.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "lib_int.h"

enum { FUTEX_WAIT_HERE = 128, FUTEX_WAKE_HERE = 129 }; /* private ones; musl has no name for them */

struct waiter {
	struct waiter *next;
	_Atomic int has_it;
};

static void sleep_while(void *word, int value, int64_t left_ns)
{
	long wait[2] = { (long)(left_ns / NS_PER_SEC),
		(long)(left_ns % NS_PER_SEC) }; /* the kernel's own timespec */

	(void)syscall(SYS_futex, word, FUTEX_WAIT_HERE, value, left_ns == INT64_MAX ? NULL : wait,
		NULL, 0);
}

static void wake_one(void *word)
{
	(void)syscall(SYS_futex, word, FUTEX_WAKE_HERE, 1, NULL, NULL, 0);
}

/* After a fork the parent's threads aren't here, whatever they held. */
static void guard_take(struct turns *t)
{
	pid_t me = getpid();

	for (;;) {
		pid_t holder = t->guard;

		if (holder == me)
			sleep_while(&t->guard, me, INT64_MAX);
		else if (atomic_compare_exchange_strong(&t->guard, &holder, me))
			break;
	}
	if (t->owner == me)
		return;
	t->owner = me;
	t->taken = false;
	t->first = NULL;
	t->end = &t->first;
}

static void guard_give(struct turns *t)
{
	t->guard = 0;
	wake_one(&t->guard);
}

static void leave(struct turns *t, const struct waiter *w)
{
	struct waiter **at = &t->first;

	while (*at != w)
		at = &(*at)->next;
	*at = w->next;
	if (!*at)
		t->end = at;
}

bool turn_take(struct sysg *s, int64_t deadline_ns)
{
	struct turns *t = &s->turns;
	struct waiter w = { 0 };

	guard_take(t);
	bool waits = t->taken;
	t->taken = true;
	if (waits) {
		*t->end = &w;
		t->end = &w.next;
	}
	guard_give(t);
	if (!waits)
		return true;
	while (!w.has_it) {
		int64_t left = deadline_ns == INT64_MAX ? INT64_MAX : deadline_ns - clock_mono_ns();
		if (left <= 0)
			break;
		sleep_while(&w.has_it, 0, left);
	}
	/* Taken in any case, as who handed it over still holds it for a moment, with our stack in its hands. */
	guard_take(t);
	if (!w.has_it)
		leave(t, &w);
	guard_give(t);
	return w.has_it;
}

void turn_give(struct sysg *s)
{
	struct turns *t = &s->turns;
	int e = errno;

	guard_take(t);
	struct waiter *w = t->first;
	t->taken = w != NULL;
	if (w) {
		leave(t, w);
		w->has_it = 1;
		wake_one(&w->has_it);
	}
	guard_give(t);
	errno = e;
}
