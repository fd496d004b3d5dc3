/* samples.h - what one unit used over the last minutes, in bounded memory. Layer: node (pure). */
#ifndef NODE_SAMPLES_H
#define NODE_SAMPLES_H

#include <stdint.h>

enum { SAMPLES_MOST = 240, SAMPLES_LEAST = 30 }; /* that one unit has room for */
#define SAMPLE_NONE UINT32_MAX

struct sample {
	uint32_t cpu,
		cpu_most; /* thousandths of a processor: on average, and of the busiest look */
	uint32_t kib;     /* of memory, the most; SAMPLE_NONE: nobody looked */
};

/* Looks come at an even pace; once there is no more room for a look each, two samples become one, and so on. */
struct samples {
	int64_t at_ns, cpu_ns; /* of the last look; at_ns 0: there was none */
	unsigned thin;         /* a sample is of 1 << thin looks */
	unsigned parts,
		known; /* looks in the one that is being made, and how many of them were made */
	uint64_t sum;  /* of their cpu */
	struct sample next;
	unsigned n, room;
	struct sample v[]; /* the oldest first */
};

/* NULL: no memory. Freed by free(). */
struct samples *samples_new(unsigned room);
/* The same with that much room, as few made one as have to be. NULL: no memory, and s is as it was, maybe thinner. */
struct samples *samples_resize(struct samples *s, unsigned room);

/* A look. cpu_ns: what it used since it was first started. Those that are missing since the last one are SAMPLE_NONE;
 * what is older than retention goes. */
struct pace {
	int64_t interval_ns, retention_ns;
};
void samples_add(
	struct samples *s, const struct pace *p, int64_t now_ns, int64_t cpu_ns, int64_t bytes);

/* Over all that are kept, of those that were made: cpu of the newest, the average, cpu_most of all. Returns how many. */
unsigned samples_sum(
	const struct samples *s, uint32_t *ret_last, uint32_t *ret_average, uint32_t *ret_most);

#endif
