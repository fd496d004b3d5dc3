/* exchange.h - one attempt of a tcp or url check, step by step, never waiting. Layer: probe. */
#ifndef PROBE_EXCHANGE_H
#define PROBE_EXCHANGE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "base/ip.h"
#include "manifest/health.h"
#include "probe/http.h"

struct exchange {
	const struct health_check *check; /* borrowed */
	struct ip to;
	int fd;          /* -1: none */
	uint32_t events; /* LOOP_IN or LOOP_OUT: what fd is waited for */
	bool second, connected;
	struct err first; /* of localhost's first address */
	size_t sent, got;
	char line[HTTP_LINE_MAX];
};

enum step {
	STEP_WAIT,  /* go on once fd is ready for events */
	STEP_YES,   /* healthy */
	STEP_NO,    /* not: err is CHECK_NOTHING or CHECK_UNHEALTHY */
	STEP_SHORT, /* we have no descriptor or memory to ask with: no answer, good or bad */
};

/* With that address; NULL: the check's own host, which is one, or localhost. */
enum step exchange_begin(
	struct exchange *x, const struct health_check *check, const struct ip *to, struct err *err);
/* fd is ready. */
enum step exchange_go(struct exchange *x, struct err *err);
/* After any of the steps; fine twice. */
void exchange_end(struct exchange *x);

/* The whole attempt, of a check whose host is a name too, waiting as long as it takes: for a fork of its own. Never
 * STEP_WAIT. */
enum step exchange_by_name(const struct health_check *check, struct err *err);

#endif
