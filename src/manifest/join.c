/* Several files under one supervisor: their services as one list. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/caps.h"
#include "base/index.h"
#include "manifest/load.h"

const struct manifest *manifest_file(const struct manifest *m, size_t i)
{
	if (i < m->nfiles)
		return m->files[i];
	return i || m->nfiles ? NULL : m;
}

const struct manifest *manifest_file_at(const struct manifest *m, const char *path)
{
	const struct manifest *f;

	for (size_t i = 0; (f = manifest_file(m, i)); i++)
		if (strcmp(f->path, path) == 0)
			return f;
	return NULL;
}

/* What a path begins with belongs to one file alone: ids of projects, names of loose services. */
static int claim(struct index *names, struct manifest *const *files, size_t at, const char *name,
	struct err *err)
{
	ssize_t has = index_put(names, name, strlen(name), at);

	if (has < 0)
		return err_no_memory(err);
	if ((size_t)has == at)
		return 0;
	(void)err_set(err, ERR_PROJECT, 0, "%.64s is of %.200s, and of %.200s", name,
		files[has]->path, files[at]->path);
	return err_help(err, "write project: ID in one of them, or stop the other first");
}

static int claim_all(struct index *names, struct manifest *const *files, size_t at, struct err *err)
{
	const struct manifest *m = files[at];

	for (size_t i = 0; i < m->nprojects; i++)
		if (claim(names, files, at, m->projects[i].id, err) < 0)
			return -1;
	for (size_t i = 0; i < m->nservices; i++) {
		const struct service *s = &m->services[i];
		if (!s->project &&
			(claim(names, files, at, s->name, err) < 0 ||
				(s->copy_of && claim(names, files, at, s->copy_of, err) < 0)))
			return -1;
	}
	return 0;
}

int manifest_disjoint(struct manifest *const *files, size_t n, struct err *err)
{
	struct index names = { 0 };
	int rc = 0;

	for (size_t i = 0; rc == 0 && i < n; i++)
		rc = claim_all(&names, files, i, err);
	index_done(&names);
	return rc;
}

static void *copy(struct kept *k, const void *from, size_t n, size_t size)
{
	void *to = arena_array(&k->mem, n, size);

	return to && n ? memcpy(to, from, n * size) : to;
}

static void shift_rights(struct kept *k, struct right_specs *r, size_t base)
{
	r->v = copy(k, r->v, r->n, sizeof *r->v);
	for (size_t i = 0; r->v && i < r->n; i++)
		r->v[i].index += r->v[i].index == SIZE_MAX ? 0 : base;
}

static void take(struct kept *k, struct manifest *file)
{
	struct manifest *m = &k->m;
	size_t base = m->nservices;

	m->files[m->nfiles++] = manifest_ref(file);
	if (file->nprojects)
		memcpy(m->projects + m->nprojects, file->projects,
			file->nprojects * sizeof *file->projects);
	m->nprojects += file->nprojects;
	for (size_t i = 0; i < file->nservices; i++) {
		struct service *s = &m->services[m->nservices++];
		*s = file->services[i];
		s->deps = copy(k, s->deps, s->ndeps, sizeof *s->deps);
		for (size_t d = 0; s->deps && d < s->ndeps; d++)
			s->deps[d].index += base;
		shift_rights(k, &s->requests, base);
		shift_rights(k, &s->grants, base);
	}
}

struct manifest *manifest_join(struct manifest *const *files, size_t n, struct err *err)
{
	size_t services = 0, projects = 0;

	for (size_t i = 0; i < n; i++) {
		services += files[i]->nservices;
		projects += files[i]->nprojects;
	}
	if (n > CAP_MANIFESTS || services > CAP_SERVICES) {
		(void)err_set(err, ERR_TOO_LARGE, 0,
			"%zu services of %zu manifests; %d of %d are possible", services, n,
			CAP_SERVICES, CAP_MANIFESTS);
		return NULL;
	}
	if (manifest_disjoint(files, n, err) < 0)
		return NULL;
	if (n == 1)
		return manifest_ref(files[0]);
	struct kept *k = calloc(1, sizeof *k);
	if (k) {
		k->m = *files[0]; /* its settings are those of all */
		k->m.nservices = k->m.nprojects = 0;
		k->m.single = false;
		k->m.files = arena_array(&k->mem, n, sizeof(struct manifest *));
		k->m.services = arena_array(&k->mem, services, sizeof(struct service));
		k->m.projects = arena_array(&k->mem, projects, sizeof(struct project));
	}
	for (size_t i = 0; k && !k->mem.failed && i < n; i++)
		take(k, files[i]);
	if (k && !k->mem.failed)
		return &k->m;
	(void)err_no_memory(err);
	return k ? manifest_free(&k->m) : NULL;
}

bool manifest_unheard(const struct manifest *m, const struct manifest *file)
{
	struct manifest none;

	manifest_defaults(&none);
	return !manifest_same_settings(file, &none) && !manifest_same_settings(file, m);
}
