/* memuse.h - how much memory the processes of each unit hold, and what they used of a processor. Layer: os.
 *
 * Found by a throwaway fork, since PSS takes the lock of the memory that it is read of. */
#ifndef OS_MEMUSE_H
#define OS_MEMUSE_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "os/mark.h"

/* One unit: its processes descend from its main process or, where that leads to none, wear its mark
 * (without marks: are in its session). */
struct mem_owner {
	uint64_t mark;
	pid_t main;    /* 0: no more */
	unsigned tree; /* the same for all units of a tree */
	int64_t half; /* of the least limit in the tree: past it PSS is read; MEM_NOT_ASKED: there is none */
};

#define MEM_NOT_ASKED INT64_MAX

struct mem_ask {
	struct mark_range ours;
	struct mem_owner *v; /* changed in the fork only */
	size_t n;
};

/* Forks. Its descriptor gives a struct mem_took and then n struct mem_use, one for each owner; then it ends. -1 with
 * errno. */
struct mem_took {
	int64_t cpu_ns; /* that the look itself took */
};
struct mem_use {
	int64_t bytes; /* -x-1: x is an upper bound, anonymous memory and the largest shared part; where none was
			 * asked for, 0 is */
	int64_t rss_bytes; /* resident memory, what is shared counted with each; 0: not asked for */
	int64_t cpu_ns;    /* of those that are alive, and of the children that they waited for */
};
int mem_ask(const struct mem_ask *ask, int64_t timeout_ns);

#endif
