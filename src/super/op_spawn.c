/* spawn: who asks, for whom, with whose credentials, what it runs. The admission is in birth.c. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/units.h"
#include "node/keep.h"
#include "os/proc.h"
#include "super/birth.h"
#include "super/born.h"
#include "super/env.h"
#include "super/meter.h"
#include "super/ops.h"
#include "super/will.h"

enum { OOM_MORE = 100 };

/* What a request comes to; every pointer is into the packet, but the two lists. */
struct request {
	const char **args, **env, **set_env, **requests, **grants;
	size_t nargs, nenv, nset_env, nrequests, ngrants;
	const char *cwd;
	struct spawn_want want;
	int64_t queue_ns;       /* as a birth's */
	bool attach, for_other; /* for_other: --parent: everything is the named unit's, not the
				 caller's */
	bool for_service; /* a remote unit, or by one: as it has no process, as its service says */
	struct unit *parent;
	struct will *wills; /* owned, until its job is */
	size_t will_bytes;
};

static size_t count(const struct packet *p, const char *key)
{
	const char *at = NULL, *k, *v;
	size_t n, found = 0;

	while (packet_next(p, &at, &k, &n, &v))
		found += n == strlen(key) && memcmp(k, key, n) == 0;
	return found;
}

static int collect(const struct packet *p, const char *key, size_t max, const char ***ret,
	size_t *ret_n, struct err *err)
{
	const char *at = NULL, *k, *v;
	size_t n;

	*ret_n = count(p, key);
	if (*ret_n > max)
		return err_set(
			err, ERR_TOO_LARGE, 0, "%zu times %s=; at most %zu", *ret_n, key, max);
	*ret = calloc(*ret_n + 1, sizeof **ret);
	if (!*ret)
		return err_no_memory(err);
	size_t i = 0;
	while (packet_next(p, &at, &k, &n, &v))
		if (n == strlen(key) && memcmp(k, key, n) == 0)
			(*ret)[i++] = v;
	return 0;
}

/* A written 0 lifts a limit of the kinds that may be without one: it is for the admission to refuse. */
static int take_limit(struct spawn_want *want, const char *assignment, struct err *err)
{
	char key[32];
	size_t n = strcspn(assignment, "=");

	if (limit_assign(&want->limits, assignment, err) < 0)
		return -1;
	snprintf(key, sizeof key, "%.*s", n < sizeof key ? (int)n : 0, assignment);
	int at = limit_find(key);
	if (at >= 0 && want->limits.v[at] == LIMIT_NONE)
		want->unlimited |= 1U << at;
	return 0;
}

static int take_limits(const struct packet *p, struct spawn_want *want, struct err *err)
{
	const char *at = NULL, *k, *v;
	size_t n;

	for (int i = 0; i < LIMIT_COUNT; i++)
		want->limits.v[i] = LIMIT_NONE;
	while (packet_next(p, &at, &k, &n, &v))
		if (n == 5 && memcmp(k, "limit", 5) == 0 && take_limit(want, v, err) < 0)
			return -1;
	return 0;
}

static int take_policy(const struct packet *p, struct spawn_want *want, struct err *err)
{
	const char *policy = packet_get(p, "policy");

	want->has_policy = policy != NULL;
	return policy ? policy_parse(policy, &want->policy, err) : 0;
}

/* How it is started again: one rule at most. */
static int take_on_exit(const struct packet *p, struct spawn_want *want, struct err *err)
{
	const char *at = NULL, *k, *v;
	size_t n;

	while (packet_next(p, &at, &k, &n, &v)) {
		int rule = ON_EXIT_NONE;
		if (n != 7 || memcmp(k, "on_exit", 7) != 0)
			continue;
		while (rule < ON_EXIT_SEND && strcmp(v, on_exit_name((enum on_exit)rule)) != 0)
			rule++;
		if (rule == ON_EXIT_SEND) {
			err_set(err, ERR_BAD_VALUE, 0, "\"%.60s\" is no rule for the exit", v);
			return err_help(err, "write none, restart or restart-on-failure");
		}
		if (want->asks)
			return err_set(err, ERR_BAD_VALUE, 0,
				"only one of none, restart and "
				"restart-on-failure is possible");
		want->again = (enum on_exit)rule;
		want->asks |= 1u << rule;
	}
	return 0;
}

/* The unit that the child will be a child of. A unit may name itself or what is below it; an
 * operator has to name one. */
static int find_parent(struct conn *c, const struct packet *p, struct request *r, struct err *err)
{
	const char *selector = packet_get(p, "parent"), *pid = packet_get(p, "parent_pid");

	r->for_other = selector || pid;
	if (c->cls == PEER_AUX) {
		err_set(err, ERR_NOT_DYNAMIC, 0, "a health check or a hook does not spawn");
		return err_help(err, "let the service itself spawn it");
	}
	if (!r->for_other && c->cls == PEER_OPERATOR) {
		err_set(err, ERR_BAD_REQUEST, 0, "an operator has no place in the tree of its own");
		return err_help(
			err, "say whose child it is to be: sysg spawn --parent UNIT -- COMMAND");
	}
	if (r->attach && c->unit && job_remote(job_of(c->unit)))
		return err_set(err, ERR_BAD_REQUEST, 0,
			"--attach is not for a remote unit: its streams are another container's");
	r->parent =
		r->for_other ? conn_unit(c, selector ? selector : pid, VERB_SPAWN, err) : c->unit;
	if (!r->parent)
		return -1;
	r->for_service = job_remote(job_of(r->parent)) || (c->unit && job_remote(job_of(c->unit)));
	if (r->parent == c->unit && !r->parent->main_alive)
		r->for_other = false;
	r->for_other |= r->for_service;
	if (r->for_service ? node_state_at_rest(r->parent->state)
			   : r->for_other && !r->parent->main_alive) {
		err_set(err, ERR_PARENT_STOPPING, 0, "%s does not run", r->parent->name);
		return err_help(err, "sysg start -s %s", r->parent->root->name);
	}
	/* until its execve a main process is the init's copy, with all that the init may do; clients ask again */
	if (r->for_other && !r->for_service && !r->parent->exec_ok)
		return err_set(
			err, ERR_BUSY, 0, "%s is not executed yet; try again", r->parent->name);
	return 0;
}

/* Without a word of its own it is what the service says. */
static int take_queue(const struct packet *p, struct request *r, struct err *err)
{
	const struct job *root = job_of(r->parent->root);

	r->queue_ns = root->svc && root->svc->spawn_queue ? -1 : 0;
	return packet_int(p, "queue_ns", -1, INT64_MAX / 2, &r->queue_ns, err);
}

/* Of several that one connection waits for: only what is answered once, and soon. */
static int take_tag(struct conn *c, const struct packet *p, struct request *r, struct err *err)
{
	if (!c->tag)
		return 0;
	if (c->then_exit || packet_get(p, "queue_ns"))
		return err_set(err, ERR_BAD_REQUEST, 0, "tag= goes with nothing that waits");
	if (c->tagged >= CAP_TAGGED)
		return err_set(err, ERR_BUSY, 0, "more than %d spawns at once", CAP_TAGGED);
	r->queue_ns = 0;
	return 0;
}

static int parse(struct conn *c, const struct packet *p, struct request *r, struct err *err)
{
	memset(r, 0, sizeof *r);
	r->cwd = packet_get(p, "cwd");
	r->want.name = packet_get(p, "name");
	r->want.unique = packet_get(p, "unique") != NULL;
	r->want.no_spawn = packet_get(p, "no_spawn") != NULL;
	r->want.public = packet_get(p, "public") != NULL;
	r->attach = packet_get(p, "attach") != NULL;
	c->bound = packet_get(p, "bind") != NULL;
	c->then_exit = r->attach || c->bound || packet_get(p, "wait");
	if (packet_int(p, "tag", 1, INT32_MAX, &c->tag, err) < 0 || find_parent(c, p, r, err) < 0 ||
		collect(p, "arg", CAP_ARGS, &r->args, &r->nargs, err) < 0 ||
		collect(p, "env", CAP_ENV_VARS, &r->env, &r->nenv, err) < 0 ||
		collect(p, "set_env", CAP_ENV_VARS, &r->set_env, &r->nset_env, err) < 0 ||
		collect(p, "request", CAP_RIGHTS, &r->requests, &r->nrequests, err) < 0 ||
		collect(p, "grant", CAP_RIGHTS, &r->grants, &r->ngrants, err) < 0 ||
		packet_int(p, "ttl_ns", 1, INT64_MAX / 2, &r->want.ttl_ns, err) < 0 ||
		take_queue(p, r, err) < 0 || take_tag(c, p, r, err) < 0 ||
		take_limits(p, &r->want, err) < 0 || take_policy(p, &r->want, err) < 0 ||
		take_on_exit(p, &r->want, err) < 0 ||
		wills_take(p, &r->wills, &r->will_bytes, err) < 0)
		return -1;
	if (r->wills)
		r->want.asks |= 1u << ON_EXIT_SEND;
	if (r->attach && r->want.again)
		return err_set(err, ERR_BAD_REQUEST, 0,
			"what is attached is not started again: its streams go with its command");
	if (!r->nargs) {
		err_set(err, ERR_BAD_REQUEST, 0, "no command to spawn");
		return err_help(err, "sysg spawn [OPTIONS] -- COMMAND [ARG...]");
	}
	if (r->for_other && !packet_get(p, "own_cwd"))
		r->cwd = job_of(r->parent)->cwd;
	if (r->cwd && *r->cwd != '/')
		return err_set(err, ERR_BAD_REQUEST, 0, "cwd is not an absolute path: %s", r->cwd);
	return 0;
}

static void request_done(struct request *r)
{
	free(r->args);
	free(r->env);
	free(r->set_env);
	free(r->requests);
	free(r->grants);
	wills_free(r->wills);
}

static size_t bytes_of(const char **v, size_t n)
{
	size_t sum = (n + 1) * sizeof *v;

	while (n--)
		sum += strlen(v[n]) + 1;
	return sum;
}

/* In one allocation, strings behind the pointers. */
static char **copy_list(const char **list, size_t n)
{
	size_t bytes = bytes_of(list, n);
	char **v = malloc(bytes), *at = (char *)(v + n + 1);

	for (size_t i = 0; v && i < n; i++)
		at = stpcpy(v[i] = at, list[i]) + 1;
	if (v)
		v[n] = NULL;
	return v;
}

/* At least 100 above what the service was started with, and never below the caller's: the kernel is to pick it
 * first. */
static int oom_more(pid_t caller, const struct child_fence *f)
{
	int own = 0, theirs = 0;

	if (f && f->v[FENCE_OOM] != FENCE_UNSET)
		own = (int)f->v[FENCE_OOM];
	else
		(void)proc_oom_score_adj_read(getpid(), &own);
	(void)proc_oom_score_adj_read(caller, &theirs);
	return theirs > own + OOM_MORE ? theirs - own : OOM_MORE;
}

static struct launch *make_launch(struct conn *c, const struct request *r, struct err *err)
{
	struct launch *l = calloc(1, sizeof *l);
	int rc;

	if (!l || !(l->argv = copy_list(r->args, r->nargs))) {
		launch_free(l);
		err_no_memory(err);
		return NULL;
	}
	const struct launch *like = job_of(r->parent->root)->launch;
	const struct child_fence *fence = fence_of(job_of(r->parent));
	l->confine.filters = fence && fence->seccomp;
	pid_t of = r->for_service ? getpid() : r->for_other ? r->parent->pid : c->peer.pid;
	if (r->for_service)
		rc = like && like->has_cred ? launch_as(l, &like->cred, err) : 0;
	else if (!c->s->pre.have_proc)
		rc = err_set(err, ERR_CONFINED, 0,
			"/proc is missing, so nothing is known of the caller");
	else if (r->for_other)
		rc = peer_confinement_of(of, &l->cred, &l->groups, &l->confine, err);
	else
		rc = peer_confinement(&c->peer, c->w.fd, &l->cred, &l->groups, &l->confine, err);
	if (rc == 0 && r->for_other && !r->for_service && c->unit)
		rc = peer_covers(&c->peer, &l->confine, err);
	if (rc < 0) {
		launch_free(l);
		return NULL;
	}
	if (!r->for_service)
		l->has_cred = l->has_confine = true;
	l->attach = r->attach;
	l->oom_score_adj = oom_more(of, fence);
	return l;
}

static struct envblock *make_env(struct conn *c, const struct request *r, struct err *err)
{
	struct super *s = c->s;
	struct envblock *base = r->for_other ? env_ref(job_of(r->parent)->env)
					     : env_of_strings(s, r->env, r->nenv, err);
	struct envblock *e = base;

	if (base && r->nset_env) {
		e = env_with(s, base, r->set_env, r->nset_env, err);
		env_unref(s, base);
	}
	if (e && env_keep(e, r->parent, ERR_TOO_LARGE, err) < 0) {
		env_unref(s, e);
		return NULL;
	}
	return e;
}

static char *words(const struct request *r)
{
	struct buf b;

	buf_init(&b, 200);
	for (size_t i = 0; i < r->nargs; i++)
		if (buf_printf(&b, "%s%s", i ? " " : "", r->args[i]) < 0)
			break;
	return buf_steal(&b);
}

/* Everything that may fail for lack of memory is made before the admission, so that nothing is half done. */
static struct birth *make_birth(struct conn *c, struct request *r, struct err *err)
{
	struct birth *b = calloc(1, sizeof *b);

	if (!b) {
		err_no_memory(err);
		return NULL;
	}
	b->q.parent = r->parent;
	b->asker = c;
	b->want = r->want;
	b->queue_ns = r->queue_ns;
	b->tag = c->tag;
	b->size = sizeof *b + sizeof *b->launch + 2 * bytes_of(r->args, r->nargs) +
		  bytes_of(r->requests, r->nrequests) + bytes_of(r->grants, r->ngrants) +
		  (r->cwd ? strlen(r->cwd) : 0);
	b->wills = steal_ptr(r->wills);
	b->will_bytes = r->will_bytes;
	if (!(b->launch = make_launch(c, r, err)) || !(b->env = make_env(c, r, err)))
		goto failed;
	b->cwd = r->cwd ? strdup(r->cwd) : NULL;
	b->name = r->want.name ? strdup(r->want.name) : NULL;
	b->want.name = b->name;
	b->command = words(r);
	b->requests = copy_list(r->requests, r->nrequests);
	b->grants = copy_list(r->grants, r->ngrants);
	if (!b->cwd == !r->cwd && !b->name == !r->want.name && b->command && b->requests &&
		b->grants)
		return b;
	err_no_memory(err);
failed:
	birth_free(c->s, b);
	return NULL;
}

void op_spawn(struct conn *c, const struct packet *p)
{
	struct birth *b = NULL;
	struct request r;
	struct err err;

	if (parse(c, p, &r, &err) == 0)
		b = make_birth(c, &r, &err);
	request_done(&r);
	int behind = b ? queue_before(c->s, b, &err) : -1;
	if (behind == 0)
		birth_now(c->s, b);
	if (behind >= 0)
		return;
	birth_refused(c, r.parent ? r.parent : c->unit, &err);
	birth_free(c->s, b);
}
