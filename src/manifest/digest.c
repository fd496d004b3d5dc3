/* FNV-1a, 64 bits: tells a changed definition from the one that runs; no protection against forging
 * is needed. */
#include <stdio.h>
#include <string.h>

#include "manifest/load.h"

static uint64_t add(uint64_t h, const void *p, size_t n)
{
	const unsigned char *b = p;

	for (size_t i = 0; i < n; i++)
		h = (h ^ b[i]) * UINT64_C(0x100000001b3);
	return h;
}

static uint64_t add_int(uint64_t h, int64_t v)
{
	return add(h, &v, sizeof v);
}

/* With its end, so that "ab" "c" and "a" "bc" differ; NULL is neither. */
static uint64_t add_str(uint64_t h, const char *s)
{
	return s ? add(h, s, strlen(s) + 1) : add_int(h, -1);
}

static uint64_t add_list(uint64_t h, char *const *v)
{
	size_t n = 0;

	for (; v && v[n]; n++)
		h = add_str(h, v[n]);
	return add_int(h, v ? (int64_t)n : -1);
}

static uint64_t add_env(uint64_t h, const struct env_spec *e)
{
	h = add_list(add_list(h, e->files), e->strip);
	for (size_t i = 0; i < e->nsecrets; i++)
		h = add_str(add_str(h, e->secrets[i].name), e->secrets[i].value);
	for (size_t i = 0; i < e->nvars; i++)
		h = add_str(add_str(h, e->vars[i].name), e->vars[i].value);
	return add_int(add_int(h, (int64_t)e->nvars), e->inherit + 2 * e->clear_session);
}

/* The copies of a service are one, however many there are, or who depends on it would change with their number: NULL for
 * all but the first. */
static const char *named(const struct manifest *m, size_t index, const char *name)
{
	const struct service *s = index == SIZE_MAX ? NULL : &m->services[index];

	if (!s || !s->copy)
		return name;
	return s->copy == 1 ? s->copy_of : NULL;
}

static uint64_t add_deps(uint64_t h, const struct manifest *m, const struct service *s)
{
	for (size_t i = 0; i < s->ndeps; i++) {
		const struct dep *d = &s->deps[i];
		const char *name = named(m, d->index, d->name);
		if (name)
			h = add_int(add_int(add_str(h, name), d->condition), d->restart);
	}
	return add_int(h, -1);
}

static uint64_t add_check(uint64_t h, const struct health_check *c)
{
	h = add_list(add_int(h, c->kind), c->argv);
	h = add_str(h, c->target);
	h = add_int(add_int(h, c->interval_ns), c->attempt_timeout_ns);
	h = add_int(add_int(h, c->total_timeout_ns), c->start_interval_ns);
	return add_int(add_int(add_int(h, c->retries), c->notify_fd), c->ignore);
}

static uint64_t add_hooks(uint64_t h, const struct hook *hooks)
{
	for (int i = 0; hooks && i < HOOK_COUNT; i++)
		h = hooks[i].argv
			    ? add_int(add_list(add_int(h, i), hooks[i].argv), hooks[i].timeout_ns)
			    : h;
	return h;
}

static uint64_t add_deployment(uint64_t h, const struct deployment *d)
{
	const struct blue_green *b = d->blue;

	h = add_int(add_int(h, d->strategy), d->grace_ns);
	if (!b)
		return h;
	h = add_str(add_str(h, b->env_var), b->state_path);
	for (int i = 0; i < 2; i++) {
		h = add_check(add_str(h, b->slots[i]), &b->check[i]);
		h = add_check(add_check(h, &b->candidate[i]), &b->verify[i]);
	}
	return h;
}

static uint64_t add_logs(uint64_t h, const struct log_spec *s)
{
	h = add_int(add_int(h, s->sinks), s->format);
	h = add_int(add_int(h, s->prefix), s->when_full);
	return add_int(add_int(h, s->max_bytes), s->max_files);
}

static uint64_t add_restart(uint64_t h, const struct service *s)
{
	h = add_int(add_int(h, s->restart), s->max_restarts);
	h = add_int(add_int(h, s->backoff.initial_ns), s->backoff.max_ns);
	h = add_int(add_int(h, s->backoff.factor), s->backoff.jitter_percent);
	return add(add_int(h, s->essential), s->success, sizeof s->success);
}

static uint64_t add_rights(uint64_t h, const struct manifest *m, const struct right_specs *r)
{
	for (size_t i = 0; i < r->n; i++) {
		const char *name = named(m, r->v[i].index, r->v[i].name);
		if (name)
			h = add_int(add_str(h, name), r->v[i].verb);
	}
	return add_int(h, -1);
}

static uint64_t add_fence(uint64_t h, const struct child_fence *f)
{
	h = add_int(add(h, f->v, sizeof f->v), (int64_t)f->caps);
	h = add(h, f->cpus, sizeof f->cpus);
	h = add_list(add_list(h, f->ro_paths), f->rw_paths);
	return add_int(h, f->has_caps | f->has_cpus << 1 | f->no_new_privs << 2 | f->seccomp << 3 |
				  f->spaces << 4);
}

void digest_service(const struct manifest *m, struct service *s)
{
	uint64_t h = UINT64_C(0xcbf29ce484222325);

	h = add_str(add_str(add_list(h, s->argv), s->name), s->copy_of);
	h = add_str(h, s->working_dir);
	h = add_env(s->project ? add_env(h, &s->project->env) : h, &m->env);
	h = add_env(h, &s->env);
	h = add_check(add_restart(add_deps(h, m, s), s), &s->check);
	h = add_hooks(h, s->hooks);
	h = add_deployment(h, &s->deployment);
	h = add_rights(add_rights(h, m, &s->requests), m, &s->grants);
	h = add_int(add_int(h, s->public), s->allow_public);
	h = add_int(add_int(h, s->stop_signal), s->stop_target);
	h = add_int(h, s->stop_timeout_ns);
	h = add_list(add_str(add_str(h, s->user), s->group), s->groups);
	h = add_fence(h, &s->fence);
	h = add_int(add_logs(h, &s->logs), s->spawn_dynamic + 2 * s->spawn_queue + 4 * s->skip);
	h = add_int(add(h, s->limits.v, sizeof s->limits.v), s->policy);
	h = add_int(add_str(h, s->cgroup.root), s->memory);
	for (int i = 0; i < CGROUP_COUNT; i++)
		h = add_str(h, s->cgroup.v[i]);
	h = add_int(add_int(h, s->terms.restart_max), s->terms.restart_window_ns);
	h = add_int(h, s->terms.on_exit);
	h = add_int(add_str(h, s->token_file), s->remote_uid);
	h = add_int(add_str(add_str(h, s->cron.expression), s->cron.timezone), s->cron.overlap);
	for (size_t i = 0; i < s->nsends; i++) {
		h = add_str(add_str(h, s->sends[i].target), s->sends[i].text);
		h = add_str(h, s->sends[i].file);
	}
	snprintf(s->hash, sizeof s->hash, "%016llx", (unsigned long long)h);
}
