#include "plan/plan.h"

#include <errno.h>
#include <stdlib.h>

#include "manifest/graph.h"

/* A manifest that manifest_load() made has passed this; one that was put together by hand may not
 * have. */
static int check_deps(const struct manifest *m, struct err *err)
{
	for (size_t i = 0; i < m->nservices; i++)
		for (size_t d = 0; d < m->services[i].ndeps; d++) {
			const struct dep *dep = &m->services[i].deps[d];
			size_t to = graph_dep(m, dep);
			if (to != SIZE_MAX && to != i)
				continue;
			if (to == i)
				err_set(err, ERR_BAD_DEPENDENCY, 0, "\"%s\" depends on itself",
					dep->name);
			else
				err_set(err, ERR_BAD_DEPENDENCY, 0,
					"\"%s\" depends on \"%s\", which is no service of this "
					"manifest",
					m->services[i].name, dep->name);
			err->line = dep->line;
			err->col = dep->col;
			return -1;
		}
	return 0;
}

struct plan *plan_new(const struct manifest *m, struct err *err)
{
	struct plan *p;

	if (check_deps(m, err) < 0)
		return NULL;
	p = calloc(1, sizeof *p);
	if (p) {
		p->n = m->nservices;
		p->order = calloc(p->n + 1, sizeof *p->order);
		p->level = calloc(p->n + 1, sizeof *p->level);
	}
	if (!p || !p->order || !p->level) {
		err_no_memory(err);
		return plan_free(p);
	}
	if (graph_sort(m, p->order, p->level, err) < 0)
		return plan_free(p);
	for (size_t i = 0; i < p->n; i++)
		if (p->level[i] + 1 > p->levels)
			p->levels = p->level[i] + 1;
	return p;
}

struct plan *plan_free(struct plan *p)
{
	if (p) {
		free(p->order);
		free(p->level);
		free(p);
	}
	return NULL;
}

/* Passes over the marks until none is new: no memory, no recursion; at most as many as the graph
 * has levels. */
void plan_close(const struct manifest *m, unsigned char *wanted)
{
	int changed;

	do {
		changed = 0;
		for (size_t i = m->nservices;
			i-- > 0;) /* what is depended on stands first, mostly */
			for (size_t d = 0; wanted[i] && d < m->services[i].ndeps; d++) {
				size_t to = graph_dep(m, &m->services[i].deps[d]);
				if (to != SIZE_MAX && !wanted[to]) {
					wanted[to] = 1;
					changed = 1;
				}
			}
	} while (changed);
}

int64_t plan_stop_budget(const struct manifest *m, const struct plan *p)
{
	return graph_stop_budget(m, p->order);
}
