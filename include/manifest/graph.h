/* graph.h - the order that dependencies make. Layer: manifest. */
#ifndef MANIFEST_GRAPH_H
#define MANIFEST_GRAPH_H

#include "manifest/manifest.h"

/* dep.index; where that is another service's or none, by the name. SIZE_MAX: no such service. */
size_t graph_dep(const struct manifest *m, const struct dep *d);

/* Fills order[n], dependencies first, else as in the file, and level[n] as in plan.h; unknown names
 * count for nothing. -1: SG0213 with the path of a cycle and the place of its first step; or memory
 * is out. */
int graph_sort(const struct manifest *m, size_t *order, unsigned *level, struct err *err);

/* The longest sum of stop_timeouts along one chain, given graph_sort()'s order; at most INT64_MAX.
 * -1: memory is out. */
int64_t graph_stop_budget(const struct manifest *m, const size_t *order);

#endif
