/* Services of a manifest as what a start needs: environment, credentials, directory. */
#include "super/define.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "manifest/find.h"
#include "node/rights.h"
#include "probe/probe.h"
#include "super/callers.h"
#include "super/checks.h"
#include "super/env.h"
#include "super/parts.h"
#include "super/schedule.h"
#include "super/super.h"
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

	if (!d->svc->user && !d->svc->group && !d->svc->groups)
		return 0;
	if (bundle_account(files, d->svc->user, d->svc->group, &acc, err) < 0)
		return -1;
	if (!d->svc->user && !d->svc->group)
		acc.groups[0] = acc.gid = getegid();
	if (d->svc->groups && bundle_groups(files, d->svc->groups, &acc, err) < 0)
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

int define_slot(struct super *s, struct definition *d, int slot, struct err *err)
{
	const struct blue_green *b = d->svc->deployment.blue;
	char text[2 * SLOT_MAX + 4];
	const char *var = text;

	snprintf(text, sizeof text, "%s=%s", b->env_var, b->slots[slot]);
	struct envblock *env = env_with(s, d->env, &var, 1, err);
	if (!env)
		return -1;
	env_unref(s, d->env);
	d->env = env;
	d->slot = slot;
	return 0;
}

/* What the supervisor before this one wrote down; else the first. */
static int kept_slot(const struct service *svc, const struct bundle *files)
{
	const struct blue_green *b = svc->deployment.blue;
	const char *text;
	struct err err;
	size_t n;

	if (!b->state_path)
		return 0;
	if (bundle_find(files, b->state_path, &text, &n, &err) < 0) {
		if (err.sys != ENOENT && err.sys != ENOTDIR)
			log_line(LOG_WARN, "%s: %s: its slot is %s", svc->name, err.msg,
				b->slots[0]);
		return 0;
	}
	while (n && (text[n - 1] == '\n' || text[n - 1] == ' '))
		n--;
	for (int i = 0; i < 2; i++)
		if (strlen(b->slots[i]) == n && memcmp(b->slots[i], text, n) == 0)
			return i;
	log_line(LOG_WARN, "%s: what is in %s is none of its slots: it is %s", svc->name,
		b->state_path, b->slots[0]);
	return 0;
}

static int take_slot(struct super *s, struct definition *d, const struct job *before,
	const struct bundle *files, struct err *err)
{
	const struct blue_green *b = d->svc->deployment.blue;
	const struct blue_green *was = before ? before->svc->deployment.blue : NULL;

	if (!b)
		return 0;
	return define_slot(s, d,
		was ? strcmp(b->slots[1], was->slots[before->slot]) == 0 : kept_slot(d->svc, files),
		err);
}

static int fill(struct super *s, struct definition *d, const struct job *before,
	const struct bundle *files, struct err *err)
{
	if (d->svc->working_dir && !(d->cwd = strdup(d->svc->working_dir)))
		return err_no_memory(err);
	d->env = env_of_service(s, d->svc, files, err);
	if (!d->env || take_slot(s, d, before, files, err) < 0 ||
		wills_of_service(d->svc, files, &d->wills, err) < 0 ||
		schedule_of_service(d->svc, files, &d->schedule, err) < 0)
		return -1;
	return take_user(d, files, err);
}

struct definition *define(struct super *s, struct manifest *m, size_t index,
	const struct job *before, const struct bundle *files, struct err *err)
{
	struct definition *d = calloc(1, sizeof *d);

	if (!d) {
		(void)err_no_memory(err);
		return NULL;
	}
	d->m = manifest_ref(m);
	d->svc = &m->services[index];
	if (fill(s, d, before, files, err) == 0)
		return d;
	(void)err_wrap(err, "service %s", d->svc->name);
	return define_free(s, d);
}

void define_place(const struct manifest *m, size_t index, struct err *err)
{
	const struct service *svc = &m->services[index];

	(void)err_wrap(err, "%s:%d:%d", svc->of->path, svc->line, svc->col);
}

int super_check(struct manifest *m, struct findings *findings)
{
	static struct super_opts opts;
	static struct super s;
	struct finder f = { .list = findings };
	struct bundle files;
	struct err err;

	s.opts = &opts;
	if (bundle_of(m, &files, &err) < 0) {
		(void)find_error(&f, 0, 0, err.code, "%s", err.msg);
		return -1;
	}
	for (size_t i = 0; i < m->nservices; i++) {
		struct definition *d = define(&s, m, i, NULL, &files, &err);
		if (!d)
			find_help(find_error(&f, m->services[i].line, m->services[i].col, err.code,
					  "%s", err.msg),
				"%s", err.help);
		(void)define_free(&s, d);
	}
	bundle_done(&files);
	find_sort(&f);
	return -f.errors;
}

static int fill_again(struct definition *d, const struct launch *launch, const char *cwd,
	const struct will *wills, struct err *err)
{
	if ((cwd && !(d->cwd = strdup(cwd))) || wills_copy(wills, &d->wills) < 0 ||
		(launch && !(d->launch = calloc(1, sizeof *d->launch))))
		return err_no_memory(err);
	return launch && launch->has_cred ? launch_as(d->launch, &launch->cred, err) : 0;
}

struct definition *define_again(struct super *s, const struct job *j, struct err *err)
{
	const struct definition *n = j->next;
	struct definition *d = calloc(1, sizeof *d);

	if (!d) {
		(void)err_no_memory(err);
		return NULL;
	}
	d->m = manifest_ref(n ? n->m : j->m);
	d->svc = n ? n->svc : j->svc;
	d->env = env_ref(n ? n->env : j->env);
	d->slot = n ? n->slot : j->slot;
	if (fill_again(d, n ? n->launch : j->launch, n ? n->cwd : j->cwd, n ? n->wills : j->wills,
		    err) == 0)
		return d;
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
	schedule_unref(d->schedule);
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
	if (!define_same(j, d))
		check_free(
			j); /* at most one that can't be killed, which is not to hold up another check */
	if (job_remote(j) &&
		(!d->svc->token_file || strcmp(d->svc->token_file, j->svc->token_file) != 0))
		remote_forget(j); /* the token goes on, in another file */
	j->next = NULL;
	struct definition before = { .m = j->m,
		.svc = j->svc,
		.env = j->env,
		.launch = j->launch,
		.cwd = j->cwd,
		.wills = j->wills,
		.schedule = j->schedule,
		.slot = j->slot };
	j->m = d->m;
	j->svc = d->svc;
	j->env = d->env;
	j->launch = d->launch;
	j->cwd = d->cwd;
	j->wills = d->wills;
	j->schedule = d->schedule;
	j->slot = d->slot;
	probe_moved(j->probe, job_check(j), j->cwd, &j->svc->fence);
	*d = before;
	(void)define_free(s, d);
	if (j->cron_on)
		schedule_begin(s, j);
	u->short_len = j->svc->copy_of ? (unsigned)strlen(j->svc->copy_of) - u->prefix : 0;
	u->dynamic = j->svc->spawn_dynamic;
	u->policy = j->svc->policy;
	bool was_public = u->public;
	u->public = j->svc->public;
	if (was_public && !u->public)
		rights_part(&s->tree, u, false);
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
	/* The same is taken while it runs, too: else each unit would keep the manifest that was there at its start. */
	if (node_state_at_rest(j->u->state) || define_same(j, d))
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
