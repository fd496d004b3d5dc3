/* A service with replicas becomes as many, NAME.1 to NAME.N. What names it means all of them. */
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/caps.h"
#include "base/cleanup.h"
#include "manifest/load.h"

static size_t copies(const struct service *s)
{
	return s->replicas > 1 ? (size_t)s->replicas : 1;
}

static void copy_one(struct load *l, struct service *to, const struct service *s, size_t k)
{
	char name[CAP_SERVICE_NAME + 32];

	*to = *s;
	if (s->replicas < 2)
		return;
	to->copy = (int)k + 1;
	to->copy_of = s->name;
	snprintf(name, sizeof name, "%s.%zu", s->name, k + 1);
	to->name = load_keep(l, name);
}

/* What names services: where its index and its name are. */
struct kind {
	size_t size, index, name;
};
static const struct kind dep_kind = { sizeof(struct dep), offsetof(struct dep, index),
	offsetof(struct dep, name) };
static const struct kind right_kind = { sizeof(struct right_spec),
	offsetof(struct right_spec, index), offsetof(struct right_spec, name) };

struct spread {
	struct load *l;
	const struct service *before;
	size_t *at; /* where the copies of a service begin now; behind the last, where those would */
};

/* Each entry as often as there are copies of what it names; SIZE_MAX names none. */
static void *spread(const struct spread *p, const struct kind *kind, const char *v, size_t *n)
{
	size_t all = 0, index;

	for (size_t i = 0; i < *n; i++) {
		memcpy(&index, v + i * kind->size + kind->index, sizeof index);
		all += index == SIZE_MAX ? 1 : p->at[index + 1] - p->at[index];
	}
	char *ret = load_array(p->l, all, kind->size), *to = ret;
	for (size_t i = 0; ret && i < *n; i++) {
		memcpy(&index, v + i * kind->size + kind->index, sizeof index);
		size_t from = index == SIZE_MAX ? 0 : p->at[index],
		       end = index == SIZE_MAX ? 1 : p->at[index + 1];
		for (; from < end; from++, to += kind->size) {
			memcpy(to, v + i * kind->size, kind->size);
			if (index == SIZE_MAX)
				continue;
			memcpy(to + kind->index, &from, sizeof from);
			memcpy(to + kind->name, &p->l->kept->m.services[from].name, sizeof(char *));
		}
	}
	*n = ret ? all : 0;
	return ret;
}

static int by_name(const void *a, const void *b)
{
	const struct service *const *x = a, *const *y = b;

	return strcmp((*x)->name, (*y)->name);
}

/* A copy may not have the name of another service, nor one that is too long. */
static void check_names(struct load *l)
{
	struct manifest *m = &l->kept->m;
	autofree const struct service **sorted = calloc(m->nservices, sizeof *sorted);

	if (!sorted) {
		l->kept->mem.failed = 1;
		return;
	}
	for (size_t i = 0; i < m->nservices; i++)
		sorted[i] = &m->services[i];
	qsort(sorted, m->nservices, sizeof *sorted, by_name);
	for (size_t i = 0; i < m->nservices; i++) {
		const struct service *s = sorted[i];
		if (s->copy && strlen(service_plain(s)) > CAP_NAME)
			find_error(&l->find, s->line, s->col, ERR_BAD_VALUE,
				"\"%.64s\": with the number of a replica the name is too long",
				s->copy_of);
		if (i && strcmp(s->name, sorted[i - 1]->name) == 0)
			find_error(&l->find, s->line, s->col, ERR_BAD_VALUE,
				"\"%.64s\" is a service and a replica", s->name);
	}
}

void replicas_spread(struct load *l)
{
	struct manifest *m = &l->kept->m;
	size_t n = m->nservices, all = 0;
	autofree size_t *at = calloc(n + 1, sizeof *at);
	struct spread p = { l, m->services, at };

	for (size_t i = 0; at && i < n; i++, at[i] = all)
		all += copies(&m->services[i]);
	if (at && all == n)
		return;
	if (all > CAP_SERVICES) {
		find_error(&l->find, 1, 1, ERR_BAD_VALUE,
			"%zu services with all replicas; at most %d are possible", all,
			CAP_SERVICES);
		return;
	}
	struct service *v = at ? load_array(l, all, sizeof *v) : NULL;
	if (!v) {
		l->kept->mem.failed = 1;
		return;
	}
	for (size_t i = 0; i < n; i++)
		for (size_t to = at[i]; to < at[i + 1]; to++)
			copy_one(l, &v[to], &p.before[i], to - at[i]);
	m->services = v;
	m->nservices = all;
	for (size_t i = 0; i < all && !l->kept->mem.failed; i++) {
		v[i].deps = spread(&p, &dep_kind, (char *)v[i].deps, &v[i].ndeps);
		v[i].requests.v =
			spread(&p, &right_kind, (char *)v[i].requests.v, &v[i].requests.n);
		v[i].grants.v = spread(&p, &right_kind, (char *)v[i].grants.v, &v[i].grants.n);
	}
	if (!l->kept->mem.failed)
		check_names(l);
}
