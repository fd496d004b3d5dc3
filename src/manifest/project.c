/* Projects: services under one name, and what selectors mean by it. */
#include <stdio.h>
#include <string.h>

#include "base/caps.h"
#include "base/index.h"
#include "manifest/keys.h"
#include "manifest/scope.h"

const char *service_plain(const struct service *s)
{
	return s->project ? s->name + strlen(s->project->id) + 1 : s->name;
}

const char *service_project(const struct service *s)
{
	return s->project ? s->project->id : PROJECT_LOOSE;
}

/* --- the keys --- */

char *project_path(struct load *l, const struct project *p, const char *name)
{
	size_t size = strlen(p->id) + strlen(name) + 2;
	char *path = load_array(l, size, 1);

	if (path)
		snprintf(path, size, "%s/%s", p->id, name);
	return path;
}

static void check_id(struct load *l, const struct ynode *n, const char *id)
{
	struct err err;

	if (!l->src->environ && strstr(id, "${")) /* --no-env leaves it open */
		return;
	if (unit_name_check(id, &err) < 0)
		load_report(l, n, &err);
	else if (strcmp(id, PROJECT_LOOSE) == 0)
		find_help(load_error(l, n, ERR_BAD_VALUE,
				  "\"" PROJECT_LOOSE "\" are the services of no project"),
			"write another name");
}

/* False: it is the second of the two keys. */
static bool only_one(struct load *l, const struct ynode *v)
{
	if (l->kept->m.projects)
		find_help(load_error(l, v, ERR_BAD_VALUE,
				  "\"project\" and \"projects\" are both here"),
			"leave \"project\" out, and write its services below \"projects\"");
	return !l->kept->m.projects;
}

static void one_project(struct load *l, const struct ynode *key, const struct ynode *v)
{
	struct manifest *m = &l->kept->m;
	struct project *p = &m->projects[m->nprojects++];
	size_t before = m->nservices;
	int errors = l->find.errors;

	p->id = p->name = load_keep(l, key->text);
	p->env.inherit = true;
	check_id(l, key, key->text);
	scope_enter(l, SCOPE_OF_PROJECT, v);
	if (p->id && !tree_is_null(v))
		key_map(l, SCOPE_PROJECT, v, p);
	scope_leave(l, SCOPE_OF_ALL);
	if (!v->bad && m->nservices == before && l->find.errors == errors)
		find_help(load_error(l, key, ERR_BAD_VALUE,
				  "the project \"%.64s\" has no \"services\"", key->text),
			"write services: {NAME: {command: ...}}");
}

void key_projects(struct load *l, const struct key_row *row, const struct ynode *v, void *base)
{
	struct manifest *m = base;
	size_t all = 0;

	if (!only_one(l, v) ||
		load_kind(l, v, YNODE_MAP, row->name, "write ID: {services: ...} below it") < 0)
		return;
	for (size_t i = 0; i < v->n; i++) {
		const struct ynode *services = tree_get(v->item[2 * i + 1], "services");
		all += services && services->kind == YNODE_MAP ? services->n : 0;
	}
	m->projects = load_array(l, v->n, sizeof *m->projects);
	if (!m->projects || services_room(l, v, all) < 0) /* all of them at once */
		return;
	for (size_t i = 0; i < v->n; i++)
		one_project(l, v->item[2 * i], v->item[2 * i + 1]);
}

void key_project(struct load *l, const struct key_row *row, const struct ynode *v, void *base)
{
	struct manifest *m = base;
	const struct ynode *id = v->kind == YNODE_MAP ? tree_get(v, "id") : v;

	if (!only_one(l, v) || !(m->projects = load_array(l, 1, sizeof *m->projects)))
		return;
	struct project *p = m->projects;
	p->env.inherit = true;
	if (v->kind == YNODE_MAP)
		key_map(l, SCOPE_PROJECT_ID, v, p);
	else
		key_string(l, &(struct key_row){ .name = row->name }, v, &p->id);
	if (p->id)
		check_id(l, id, p->id);
	else if (!l->find.errors && !l->open)
		find_help(load_error(l, v, ERR_BAD_VALUE, "\"project\" has no \"id\""),
			"write project: {id: ID}");
	if (!p->name)
		p->name = p->id;
	m->nprojects = m->single = p->id != NULL;
}

void project_single(struct load *l)
{
	struct manifest *m = &l->kept->m;

	for (size_t i = 0; m->single && i < m->nservices; i++) {
		struct service *s = &m->services[i];
		s->project = m->projects;
		s->name = s->name ? project_path(l, s->project, s->name) : NULL;
	}
}

void projects_check(struct load *l)
{
	const struct manifest *m = &l->kept->m;
	struct index ids = { 0 };

	for (size_t i = 0; i < m->nprojects && !l->kept->mem.failed; i++)
		if (index_put(&ids, m->projects[i].id, strlen(m->projects[i].id), i) < 0)
			l->kept->mem.failed = 1;
	for (size_t i = 0; m->nprojects && i < m->nservices && !l->kept->mem.failed; i++) {
		const struct service *s = &m->services[i];
		if (s->project || index_get(&ids, s->name, strlen(s->name)) < 0)
			continue;
		find_help(find_error(&l->find, s->line, s->col, ERR_BAD_VALUE,
				  "\"%.64s\" is a service and a project", s->name),
			"write another name for one of them");
	}
	index_done(&ids);
}

/* --- selectors --- */

bool selects_project(const char *name)
{
	size_t n = strlen(name);

	return n > 1 && name[n - 1] == '/' &&
	       !memchr(name + (*name == '/'), '/', n - 1 - (*name == '/'));
}

int no_project(const char *name, struct err *err)
{
	name += *name == '/';
	(void)err_set(err, ERR_PROJECT, 0, "there is no project %.*s here", (int)strcspn(name, "/"),
		name);
	return err_help(err, "sysg status and sysg graph list services, projects in front");
}

bool service_meant(const struct service *s, const char *name)
{
	const char *top = name + (*name == '/'), *of = s->copy_of, *id = service_project(s);
	size_t skip = (size_t)(service_plain(s) - s->name), n = strlen(id);

	if (selects_project(name))
		return strncmp(top, id, n) == 0 && !top[n + 1] && top[n] == '/';
	return service_is(s, top) ||
	       (*name != '/' &&
		       (strcmp(s->name + skip, name) == 0 || (of && strcmp(of + skip, name) == 0)));
}

/* Copies of one service. */
static bool same_copies(const struct service *a, const struct service *b)
{
	return a->copy_of && b->copy_of && strcmp(a->copy_of, b->copy_of) == 0;
}

static int ambiguous(const struct manifest *m, const char *name, struct err *err)
{
	char list[300] = "";
	size_t at = 0;

	for (size_t i = 0; i < m->nservices && at < sizeof list - 1; i++)
		if (service_meant(&m->services[i], name))
			at += (size_t)snprintf(list + at, sizeof list - at, "%s%s", at ? ", " : "",
				m->services[i].name);
	return err_set(err, ERR_AMBIGUOUS, 0, "%.100s matches several units: %s", name, list);
}

ssize_t manifest_select(const struct manifest *m, const char *name, ssize_t after, struct err *err)
{
	bool all = selects_project(name), same;
	ssize_t first = after;

	err->code = ERR_OK;
	for (size_t i = (size_t)(after + 1); i < m->nservices; i++) {
		if (!service_meant(&m->services[i], name))
			continue;
		same = all || first < 0 || same_copies(&m->services[first], &m->services[i]);
		if (same && after >= 0)
			return (ssize_t)i;
		if (!same && after < 0)
			return ambiguous(m, name, err);
		if (first < 0)
			first = (ssize_t)i;
		if (all)
			break;
	}
	return after < 0 ? first : -1;
}
