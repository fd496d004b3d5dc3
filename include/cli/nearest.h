/* nearest.h - "did you mean". Layer: cli. */
#ifndef CLI_NEAREST_H
#define CLI_NEAREST_H

/* Offered one candidate after another; best stays NULL while none is near enough. */
struct nearest {
	const char *word, *best;
	unsigned distance;
};

void nearest_offer(struct nearest *n, const char *candidate);

#endif
