/* Projects that were stopped as a whole: they have no units, until somebody starts them. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "super/change.h"
#include "super/ops.h"

static const char *known_id(const struct manifest *m, const char *selector)
{
	ssize_t i;
	struct err err;

	i = manifest_select(m, selector, -1, &err);
	return i < 0 ? NULL : service_project(&m->services[i]);
}

bool project_unloaded(const struct super *s, const char *id)
{
	for (size_t i = 0; i < s->nunloaded; i++)
		if (strcmp(s->unloaded[i], id) == 0)
			return true;
	return false;
}

bool project_is_unloaded(const struct super *s, const char *selector)
{
	const char *id = known_id(s->m, selector);

	return id && project_unloaded(s, id);
}

/* That one, those of the file, and those that the manifest has no more: so there are never more than it has. */
static void forget(struct super *s, const char *id, const struct manifest *file)
{
	size_t kept = 0;

	for (size_t i = 0; i < s->nunloaded; i++) {
		char *one = s->unloaded[i], selector[CAP_NAME + 2];
		snprintf(selector, sizeof selector, "%s/", one);
		if ((id && strcmp(one, id) == 0) || (file && known_id(file, selector)) ||
			!known_id(s->m, selector))
			free(one);
		else
			s->unloaded[kept++] = one;
	}
	s->nunloaded = kept;
}

void projects_forget(struct super *s)
{
	forget(s, NULL, NULL);
}

int project_unload(struct super *s, const char *selector, struct err *err)
{
	const char *id = known_id(s->m, selector);

	if (!id)
		return no_project(selector, err);
	forget(s, id, NULL);
	char **v = realloc(s->unloaded, (s->nunloaded + 1) * sizeof *v);
	if (v)
		s->unloaded = v;
	char *copy = v ? strdup(id) : NULL;
	if (!copy)
		return err_no_memory(err);
	s->unloaded[s->nunloaded++] = copy;
	return 0;
}

int projects_recall(struct super *s, const char *id, struct err *err)
{
	char selector[CAP_NAME + 2];

	(void)snprintf(selector, sizeof selector, "%.*s/", CAP_NAME, id);
	return known_id(s->m, selector) ? project_unload(s, selector, err) : 0;
}

void project_load(struct super *s, const char *selector, const struct manifest *file)
{
	if (!selector && !file)
		projects_end(s);
	else
		forget(s, selector ? known_id(s->m, selector) : NULL, selector ? NULL : file);
}

void projects_end(struct super *s)
{
	for (size_t i = 0; i < s->nunloaded; i++)
		free(s->unloaded[i]);
	free(s->unloaded);
	s->unloaded = NULL;
	s->nunloaded = 0;
}

static void tell_one(struct conn *c, const char *id)
{
	struct buf b;

	answer_begin(&b);
	packet_put(&b, "row", "project");
	packet_put(&b, "project", id);
	answer_send(c, &b);
}

void projects_tell(struct conn *c, const struct manifest *m, const char *selector)
{
	bool loose = false;

	if (!selector)
		return;
	if (*selector) {
		const char *id = known_id(m, selector);
		if (id)
			tell_one(c, id);
		return;
	}
	for (size_t i = 0; i < m->nprojects; i++)
		if (!project_unloaded(c->s, m->projects[i].id))
			tell_one(c, m->projects[i].id);
	for (size_t i = 0; i < m->nservices; i++)
		loose |= !m->services[i].project;
	if (loose && !project_unloaded(c->s, PROJECT_LOOSE))
		tell_one(c, PROJECT_LOOSE);
}
