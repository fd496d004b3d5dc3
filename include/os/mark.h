/* mark.h - the number in RLIMIT_LOCKS by which a process belongs. Layer: os. */
#ifndef OS_MARK_H
#define OS_MARK_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

/* A mark: fixed and random upper bits of this run, a count whose lowest bit is 0, then all ones
 * over the bits below, inside which a nested init counts. Levels: (1<<62 | random 20 bits << 42 |
 * count 22 bits << 20 | 20 ones), below it (count 12 bits << 8 | 8 ones), below that (count 8
 * bits), then no more. */
struct mark_range {
	bool usable;          /* false: no marks (a finite limit of another form) */
	unsigned count_shift; /* where the count begins */
	unsigned count_bits;  /* 0: not usable */
	uint64_t base;        /* everything above the count */
	uint64_t count;       /* last one given out */
};

/* own_hard: our own hard RLIMIT_LOCKS (UINT64_MAX: infinity, a range of our own with random's low
 * 20 bits). Pure. */
void mark_range_init(struct mark_range *r, uint64_t own_hard, uint64_t random);
/* The range that has this base, as a run recorded it: the widest level that fits. False: no base.
 */
bool mark_range_of(struct mark_range *r, uint64_t base);
/* The next number; one that in_use says is taken is passed over. 0: no marks usable, or all are
 * taken. */
uint64_t mark_next(struct mark_range *r, bool (*in_use)(void *arg, uint64_t mark), void *arg);
/* Was this mark given out by this range (or by an init nested below it)? */
bool mark_in_range(const struct mark_range *r, uint64_t mark);
/* The mark of this range that a mark of a nested init was counted inside of; the mark itself
 * otherwise. */
uint64_t mark_of_range(const struct mark_range *r, uint64_t mark);

/* The hard RLIMIT_LOCKS of a process, by prlimit(2), else by /proc/PID/limits. 0, or -1 with errno.
 */
int mark_read(pid_t pid, uint64_t *ret);
/* Tries in a throwaway fork whether a mark can be set and read back here (some sandboxes). */
bool mark_works(const struct mark_range *r);

#endif
