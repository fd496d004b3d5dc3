#include "os/mark.h"

#include <errno.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "os/proc.h"

/* The levels of mark.h. Since the lowest bit of each count is 0, the number of ones that a mark
 * ends in says of which level it is, and bit 62 that it is one at all: no limit that people set is
 * that large. */
static const struct level {
	unsigned shift, bits;
} levels[] = { { 20, 22 }, { 8, 12 }, { 0, 8 } };

enum { LEVELS = sizeof levels / sizeof *levels, RANDOM_BITS = 20, RANDOM_SHIFT = 42 };

static uint64_t ones(unsigned n)
{
	return n >= 64 ? UINT64_MAX : (UINT64_C(1) << n) - 1;
}

static unsigned trailing_ones(uint64_t v)
{
	return v == UINT64_MAX ? 64 : (unsigned)__builtin_ctzll(~v);
}

void mark_range_init(struct mark_range *r, uint64_t own_hard, uint64_t random)
{
	unsigned at = 0;

	*r = (struct mark_range){ 0 };
	if (own_hard == UINT64_MAX) {
		r->base = UINT64_C(1) << 62 | (random & ones(RANDOM_BITS)) << RANDOM_SHIFT;
	} else {
		unsigned n = trailing_ones(own_hard);
		if (own_hard >> 62 != 1)
			return;
		for (at = 1; at < LEVELS && levels[at - 1].shift != n; at++)
			;
		if (at == LEVELS)
			return;
		r->base = own_hard & ~ones(n);
	}
	r->usable = true;
	r->count_shift = levels[at].shift;
	r->count_bits = levels[at].bits;
}

bool mark_range_of(struct mark_range *r, uint64_t base)
{
	*r = (struct mark_range){ .base = base };
	for (unsigned at = 0; at < LEVELS && !r->usable; at++)
		/* a base has nothing in its count and below it, but for the ones of the levels
		 * above */
		if (base >> 62 == 1 && !(base & ones(levels[at].shift + levels[at].bits))) {
			r->usable = true;
			r->count_shift = levels[at].shift;
			r->count_bits = levels[at].bits;
		}
	return r->usable;
}

uint64_t mark_next(struct mark_range *r, bool (*in_use)(void *arg, uint64_t mark), void *arg)
{
	if (!r->usable)
		return 0;
	for (uint64_t tries = UINT64_C(1) << (r->count_bits - 1); tries; tries--) {
		r->count = (r->count + 2) & ones(r->count_bits);
		uint64_t mark = r->base | r->count << r->count_shift | ones(r->count_shift);
		if (!in_use || !in_use(arg, mark))
			return mark;
	}
	return 0;
}

bool mark_in_range(const struct mark_range *r, uint64_t mark)
{
	if (!r->usable || mark == UINT64_MAX)
		return false;
	if ((mark & ~ones(r->count_shift + r->count_bits)) != r->base)
		return false;
	return (mark >> r->count_shift & 1) == 0;
}

uint64_t mark_of_range(const struct mark_range *r, uint64_t mark)
{
	return mark_in_range(r, mark) ? mark | ones(r->count_shift) : mark;
}

int mark_read(pid_t pid, uint64_t *ret)
{
	struct rlimit rl;
	uint64_t soft[16], hard[16];

	if (pid <= 0) { /* 0 would be ourselves to prlimit(2) */
		errno = ESRCH;
		return -1;
	}
	if (prlimit(pid, RLIMIT_LOCKS, NULL, &rl) == 0) {
		*ret = rl.rlim_max == RLIM_INFINITY ? UINT64_MAX : rl.rlim_max;
		return 0;
	}
	if (errno != EPERM && errno != ENOSYS)
		return -1;
	if (proc_limits_read(pid, soft, hard) < 0)
		return -1;
	*ret = hard[RLIMIT_LOCKS];
	return 0;
}

bool mark_works(const struct mark_range *r)
{
	uint64_t mark = r->base | ones(r->count_shift), got = 0;
	struct rlimit rl = { .rlim_cur = mark, .rlim_max = mark };
	siginfo_t si = { 0 };

	if (!r->usable)
		return false;
	pid_t pid = fork();
	if (pid == 0)
		_exit(setrlimit(RLIMIT_LOCKS, &rl) == 0 ? 0 : 1);
	if (pid < 0)
		return false;
	/* Looked at while it is a zombie, which is how orphans are looked at too. */
	while (waitid(P_PID, (id_t)pid, &si, WEXITED | WNOWAIT | __WALL) < 0 && errno == EINTR)
		;
	bool ok = mark_read(pid, &got) == 0 && got == mark && si.si_status == 0;
	while (waitid(P_PID, (id_t)pid, &si, WEXITED | __WALL) < 0 && errno == EINTR)
		;
	return ok;
}
