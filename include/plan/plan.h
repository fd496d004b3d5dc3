/* plan.h - the dependency graph: checked, ordered, immutable. Layer: plan. */
#ifndef PLAN_PLAN_H
#define PLAN_PLAN_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "manifest/manifest.h"

/* Indexes are those of manifest.services. */
struct plan {
	size_t n;
	size_t *order;   /* start order: dependencies first, file order among equals */
	unsigned *level; /* longest way down to a service without dependencies; by index */
	unsigned levels;
};

/* SG0213: unknown name, self reference, or a cycle with its path ("a -> b -> a"); the err has the
 * position. */
struct plan *plan_new(const struct manifest *m, struct err *err);
struct plan *plan_free(struct plan *p);

/* Marks in wanted[n] (1/0) what `start -s` of the marked ones needs besides: all their
 * dependencies. */
void plan_close(const struct manifest *m, unsigned char *wanted);

/* The longest sum of stop_timeouts along one chain of the graph; default_ns for those not set. */
int64_t plan_stop_budget(const struct manifest *m, const struct plan *p);

#endif
