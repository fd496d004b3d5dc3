/* Services of a manifest as what a start needs: environment, credentials, directory. */
#include "super/define.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "node/rights.h"
#include "super/env.h"
#include "super/parts.h"
#include "super/will.h"

int launch_as(struct launch *l, const struct child_cred *cred, struct err *err)
{
	l->cred = *cred;
	l->cred.groups = l->groups = malloc((cred->ngroups + 1) * sizeof *l->groups);
	if (!l->groups)
		return err_no_memory(err);
	memcpy(l->groups, cred->groups, cred->ngroups * sizeof *l->groups);
	l->has_cred = true;
	return 0;
}

static int take_user(struct definition *d, const struct bundle *files, struct err *err)
{
	struct account acc;

	if (!d->svc->user && !d->svc->group)
		return 0;
	if (bundle_account(files, d->svc->user, d->svc->group, &acc, err) < 0)
		return -1;
	d->launch = calloc(1, sizeof *d->launch);
	return d->launch ? launch_as(d->launch,
				   &(struct child_cred){ .uid = acc.uid,
					   .gid = acc.gid,
					   .groups = acc.groups,
					   .ngroups = acc.ngroups },
				   err)
			 : err_no_memory(err);
}

static int fill(struct super *s, struct definition *d, const struct bundle *files, struct err *err)
{
	if (d->svc->working_dir && !(d->cwd = strdup(d->svc->working_dir)))
		return err_no_memory(err);
	d->env = env_of_service(s, d->m, d->svc, files, err);
	if (!d->env || wills_of_service(d->svc, files, &d->wills, err) < 0)
		return -1;
	return take_user(d, files, err);
}

struct definition *define(struct super *s, struct manifest *m, size_t index,
	const struct bundle *files, struct err *err)
{
	struct definition *d = calloc(1, sizeof *d);

	if (!d) {
		(void)err_no_memory(err);
		return NULL;
	}
	d->m = manifest_ref(m);
	d->svc = &m->services[index];
	if (fill(s, d, files, err) == 0)
		return d;
	(void)err_wrap(err, "service %s", d->svc->name);
	return define_free(s, d);
}

struct definition *define_free(struct super *s, struct definition *d)
{
	if (!d)
		return NULL;
	launch_free(d->launch);
	env_unref(s, d->env);
	free(d->cwd);
	wills_free(d->wills);
	(void)manifest_free(d->m);
	free(d);
	return NULL;
}

static bool same_cred(const struct launch *a, const struct launch *b)
{
	if (!a || !b)
		return a == b;
	return a->cred.uid == b->cred.uid && a->cred.gid == b->cred.gid &&
	       a->cred.ngroups == b->cred.ngroups &&
	       memcmp(a->cred.groups, b->cred.groups, a->cred.ngroups * sizeof *a->cred.groups) ==
		       0;
}

/* Identical environments are one block, so that what files say counts too. */
bool define_same(const struct job *j, const struct definition *d)
{
	return strcmp(j->svc->hash, d->svc->hash) == 0 && j->env == d->env &&
	       same_cred(j->launch, d->launch) && wills_same(j->wills, d->wills);
}

/* --- rights --- */

static struct unit *named(const struct super *s, const struct job *j, const struct right_spec *r)
{
	ssize_t i = j->m == s->m ? (ssize_t)r->index : manifest_find(s->m, r->name);

	return i < 0 ? NULL : s->unit_of[i];
}

static void give(struct super *s, struct unit *to, enum right_verb verb, uint64_t target)
{
	struct right r = { .target = target, .verb = verb, .manifest = true };
	struct err err;

	if (rights_add(&s->tree, to, &r, &err) == 0)
		return;
	log_line(LOG_WARN, "a right of the manifest is not in force: %s", err.msg);
	s->rights_dirty |= err.code != ERR_TOO_LARGE; /* until there is memory */
}

static void give_all(struct super *s, const struct job *j)
{
	const struct right_specs *requests = &j->svc->requests, *grants = &j->svc->grants;

	for (size_t i = 0; i < requests->n; i++) {
		const struct right_spec *r = &requests->v[i];
		const struct unit *over = r->index == SIZE_MAX ? NULL : named(s, j, r);
		if (over || r->index == SIZE_MAX)
			give(s, j->u, r->verb, over ? over->id : RIGHT_ALL);
	}
	for (size_t i = 0; i < grants->n; i++) {
		struct unit *to = named(s, j, &grants->v[i]);
		if (to)
			give(s, to, grants->v[i].verb, j->u->id);
	}
}

void define_rights(struct super *s)
{
	if (!s->rights_dirty)
		return;
	s->rights_dirty = false;
	list_each(it, &s->tree.services)
	{
		struct unit *u = list_entry(it, struct unit, sibling);
		for (unsigned i = 0; i < u->nrights; i++)
			u->rights[i].stale = u->rights[i].manifest;
	}
	list_each(it, &s->tree.services)
	{
		const struct job *j = job_of(list_entry(it, struct unit, sibling));
		if (j && j->svc)
			give_all(s, j);
	}
	list_each(it, &s->tree.services)
	{
		struct unit *u = list_entry(it, struct unit, sibling);
		for (unsigned i = u->nrights; i-- > 0;)
			if (u->rights[i].stale)
				rights_lose(&s->tree, u, u->rights[i].verb, u->rights[i].target);
	}
}

void define_take(struct super *s, struct job *j)
{
	struct definition *d = j->next;
	struct unit *u = j->u;

	if (!d)
		return;
	j->next = NULL;
	struct definition before = { .m = j->m,
		.svc = j->svc,
		.env = j->env,
		.launch = j->launch,
		.cwd = j->cwd,
		.wills = j->wills };
	j->m = d->m;
	j->svc = d->svc;
	j->env = d->env;
	j->launch = d->launch;
	j->cwd = d->cwd;
	j->wills = d->wills;
	*d = before;
	(void)define_free(s, d);
	u->dynamic = j->svc->spawn_dynamic;
	u->policy = j->svc->policy;
	u->public = j->svc->public;
	u->allow_public = j->svc->allow_public;
	s->rights_dirty = true;
	u->terms = j->svc->terms;
	u->memory_max = j->svc->memory;
	for (int i = 0; i < LIMIT_COUNT; i++)
		u->limits.v[i] = u->dynamic ? j->svc->limits.v[i] : LIMIT_NONE;
}

void define_give(struct super *s, struct job *j, struct definition *d)
{
	(void)define_free(s, j->next);
	j->next = d;
	if (node_state_at_rest(j->u->state))
		define_take(s, j);
}

struct unit *define_unit(struct super *s, size_t index, struct definition *d, struct err *err)
{
	struct unit *u = tree_add_service(&s->tree, d->svc->name, (ssize_t)index);
	struct job *j = u ? job_new(s, u, d->svc) : NULL;

	if (j) {
		define_give(s, j, d);
		return u;
	}
	if (u)
		tree_remove_service(&s->tree, u);
	(void)define_free(s, d);
	(void)err_no_memory(err);
	return NULL;
}
