#include "manifest/graph.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/cleanup.h"
#include "base/heap.h"
#include "base/list.h"

/* One service while the graph is taken apart (Kahn), the smallest index of what is free first. */
struct vertex {
	struct heap_node free; /* key: index */
	size_t waits;          /* dependencies that aren't in the order yet */
	size_t first; /* of its dependents in graph.dependents; their end is the next one's first */
};

struct graph {
	const struct manifest *m;
	struct vertex *v; /* n + 1 */
	size_t *dependents;
	struct heap heap;
};

size_t graph_dep(const struct manifest *m, const struct dep *d)
{
	if (d->index < m->nservices && strcmp(m->services[d->index].name, d->name) == 0)
		return d->index;
	ssize_t i = manifest_find(m, d->name);
	return i < 0 ? SIZE_MAX : (size_t)i;
}

static int no_memory(struct err *err)
{
	return err_set(err, ERR_UNKNOWN, ENOMEM, "out of memory while the services were ordered");
}

/* Counts, then fills, each service's dependents: compressed rows. */
static int rows(struct graph *g)
{
	size_t n = g->m->nservices, edges = 0;

	for (size_t i = 0; i < n; i++)
		edges += g->m->services[i].ndeps;
	g->v = calloc(n + 1, sizeof *g->v);
	g->dependents = calloc(edges + 1, sizeof *g->dependents);
	if (!g->v || !g->dependents)
		return -1;
	for (size_t i = 0; i < n; i++)
		for (size_t d = 0; d < g->m->services[i].ndeps; d++) {
			size_t to = graph_dep(g->m, &g->m->services[i].deps[d]);
			if (to == SIZE_MAX)
				continue;
			g->v[i].waits++;
			g->v[to + 1].first++;
		}
	for (size_t i = 0; i < n; i++)
		g->v[i + 1].first += g->v[i].first;
	/* Backwards from each row's end, so that first ends where it has to be. */
	for (size_t i = 0; i < n; i++)
		g->v[i].first = g->v[i + 1].first;
	for (size_t i = n; i-- > 0;)
		for (size_t d = 0; d < g->m->services[i].ndeps; d++) {
			size_t to = graph_dep(g->m, &g->m->services[i].deps[d]);
			if (to != SIZE_MAX)
				g->dependents[--g->v[to].first] = i;
		}
	return 0;
}

/* Some service that waits for ever, deepest first: the one that from leads to among those. */
static const struct dep *waiting_dep(const struct graph *g, size_t from)
{
	const struct service *s = &g->m->services[from];

	for (size_t d = 0; d < s->ndeps; d++) {
		size_t to = graph_dep(g->m, &s->deps[d]);
		if (to != SIZE_MAX && g->v[to].waits)
			return &s->deps[d];
	}
	return NULL;
}

static int cycle(const struct graph *g, struct err *err)
{
	size_t start = 0, at;
	struct buf path;

	while (!g->v[start].waits)
		start++;
	/* After n steps along what waits one is on a cycle; back up to its first service in the
	 * file. */
	for (size_t i = 0; i < g->m->nservices; i++)
		start = graph_dep(g->m, waiting_dep(g, start));
	at = start;
	for (size_t i = graph_dep(g->m, waiting_dep(g, at)); i != at;
		i = graph_dep(g->m, waiting_dep(g, i)))
		if (i < start)
			start = i;
	const struct dep *first = waiting_dep(g, start);
	buf_init(&path, 300);
	(void)buf_adds(&path, g->m->services[start].name);
	at = start;
	do {
		at = graph_dep(g->m, waiting_dep(g, at));
	} while (buf_printf(&path, " -> %s", g->m->services[at].name) == 0 && at != start);
	err_set(err, ERR_BAD_DEPENDENCY, 0, "the dependencies form a cycle: %s%s",
		path.p ? path.p : "", at == start ? "" : " -> ...");
	err->line = first->line;
	err->col = first->col;
	buf_done(&path);
	return err_help(err, "take one of these dependencies out");
}

static int take_apart(struct graph *g, size_t *order, unsigned *level, struct err *err)
{
	size_t n = g->m->nservices, done = 0;
	struct heap_node *node;

	for (size_t i = 0; i < n; i++) {
		level[i] = 0;
		if (!g->v[i].waits)
			heap_put(&g->heap, &g->v[i].free, (int64_t)i);
	}
	while ((node = heap_min(&g->heap))) {
		struct vertex *v = list_entry(node, struct vertex, free);
		size_t i = (size_t)(v - g->v);
		heap_take(&g->heap, node);
		order[done++] = i;
		for (size_t d = v->first; d < v[1].first; d++) {
			size_t up = g->dependents[d];
			if (level[up] < level[i] + 1)
				level[up] = level[i] + 1;
			if (--g->v[up].waits == 0)
				heap_put(&g->heap, &g->v[up].free, (int64_t)up);
		}
	}
	return done == n ? 0 : cycle(g, err);
}

int graph_sort(const struct manifest *m, size_t *order, unsigned *level, struct err *err)
{
	struct graph g = { .m = m };
	int r = rows(&g) < 0 ? no_memory(err) : take_apart(&g, order, level, err);

	free(g.v);
	free(g.dependents);
	return r;
}

int64_t graph_stop_budget(const struct manifest *m, const size_t *order)
{
	autofree int64_t *sum = calloc(m->nservices + 1, sizeof *sum);
	int64_t longest = 0;

	if (!sum)
		return -1;
	for (size_t k = 0; k < m->nservices; k++) {
		const struct service *s = &m->services[order[k]];
		int64_t below = 0;
		for (size_t d = 0; d < s->ndeps; d++) {
			size_t to = graph_dep(m, &s->deps[d]);
			if (to != SIZE_MAX && sum[to] > below)
				below = sum[to];
		}
		sum[order[k]] = s->stop_timeout_ns > INT64_MAX - below ? INT64_MAX
								       : below + s->stop_timeout_ns;
		if (sum[order[k]] > longest)
			longest = sum[order[k]];
	}
	return longest;
}
