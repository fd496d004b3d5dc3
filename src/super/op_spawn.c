/* spawn: who asks, for whom, with whose credentials, what it runs; then the one admission, and a
 * fork. */
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
#include "super/born.h"
#include "super/env.h"
#include "super/meter.h"
#include "super/will.h"

enum { OOM_MORE = 100 };

/* What a request comes to; every pointer is into the packet, but the two lists. */
struct request {
	const char **args, **env, **set_env, **requests, **grants;
	size_t nargs, nenv, nset_env, nrequests, ngrants;
	const char *cwd;
	struct spawn_want want;
	bool wait, for_other; /* for_other: --parent: everything is the named unit's, not the
				 caller's */
	struct unit *parent;
	struct will *wills; /* owned, until its job is */
	size_t will_bytes;
};

static int no_memory(struct err *err)
{
	return err_set(err, ERR_UNKNOWN, 0, "out of memory");
}

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
		return no_memory(err);
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
	r->parent =
		r->for_other ? conn_unit(c, selector ? selector : pid, VERB_SPAWN, err) : c->unit;
	if (!r->parent)
		return -1;
	if (r->parent == c->unit && !r->parent->main_alive)
		r->for_other = false;
	if (!r->parent->main_alive && r->for_other) {
		err_set(err, ERR_PARENT_STOPPING, 0, "%s does not run", r->parent->name);
		return err_help(err, "sysg start %s", r->parent->root->name);
	}
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
	r->wait = packet_get(p, "wait") != NULL;
	if (find_parent(c, p, r, err) < 0 ||
		collect(p, "arg", CAP_ARGS, &r->args, &r->nargs, err) < 0 ||
		collect(p, "env", CAP_ENV_VARS, &r->env, &r->nenv, err) < 0 ||
		collect(p, "set_env", CAP_ENV_VARS, &r->set_env, &r->nset_env, err) < 0 ||
		collect(p, "request", CAP_RIGHTS, &r->requests, &r->nrequests, err) < 0 ||
		collect(p, "grant", CAP_RIGHTS, &r->grants, &r->ngrants, err) < 0 ||
		packet_int(p, "ttl_ns", 1, INT64_MAX / 2, &r->want.ttl_ns, err) < 0 ||
		take_limits(p, &r->want, err) < 0 || take_policy(p, &r->want, err) < 0 ||
		take_on_exit(p, &r->want, err) < 0 ||
		wills_take(p, &r->wills, &r->will_bytes, err) < 0)
		return -1;
	if (r->wills)
		r->want.asks |= 1u << ON_EXIT_SEND;
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

/* argv in one allocation, strings behind the pointers. */
static char **copy_args(const struct request *r)
{
	size_t bytes = (r->nargs + 1) * sizeof(char *);
	char **v, *at;

	for (size_t i = 0; i < r->nargs; i++)
		bytes += strlen(r->args[i]) + 1;
	if (!(v = malloc(bytes)))
		return NULL;
	at = (char *)(v + r->nargs + 1);
	for (size_t i = 0; i < r->nargs; i++) {
		size_t n = strlen(r->args[i]) + 1;
		v[i] = memcpy(at, r->args[i], n);
		at += n;
	}
	v[r->nargs] = NULL;
	return v;
}

/* At least 100 above what the init has, and never below the caller's: the kernel is to pick it
 * first. */
static int oom_more(pid_t caller)
{
	int own = 0, theirs = 0;

	(void)proc_oom_score_adj_read(getpid(), &own);
	(void)proc_oom_score_adj_read(caller, &theirs);
	return theirs > own + OOM_MORE ? theirs - own : OOM_MORE;
}

static struct launch *make_launch(struct conn *c, const struct request *r, struct err *err)
{
	struct launch *l = calloc(1, sizeof *l);
	int rc;

	if (!l || !(l->argv = copy_args(r))) {
		launch_free(l);
		no_memory(err);
		return NULL;
	}
	pid_t of = r->for_other ? r->parent->pid : c->peer.pid;
	if (!c->s->pre.have_proc)
		rc = err_set(err, ERR_CONFINED, 0,
			"/proc is missing, so nothing is known of the caller");
	else if (r->for_other)
		rc = peer_confinement_of(of, &l->cred, &l->groups, &l->confine, err);
	else
		rc = peer_confinement(&c->peer, c->w.fd, &l->cred, &l->groups, &l->confine, err);
	if (rc < 0) {
		launch_free(l);
		return NULL;
	}
	l->has_cred = l->has_confine = true;
	l->oom_score_adj = oom_more(of);
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

static int look_up_rights(struct conn *c, const struct request *r, struct born *b, struct err *err)
{
	for (size_t i = 0; i < r->nrequests; i++)
		if (born_request(c, r->requests[i], r->parent, b, err) < 0)
			return -1;
	for (size_t i = 0; i < r->ngrants; i++)
		if (born_grant(c, r->grants[i], b, err) < 0)
			return -1;
	return 0;
}

/* In the tree, with its rights; or as if it had never been. */
static struct unit *admit_with_rights(
	struct conn *c, const struct request *r, struct buf *ret_dropped, struct err *err)
{
	struct tree *t = &c->s->tree;
	struct born b = { 0 };

	if (look_up_rights(c, r, &b, err) < 0)
		return NULL;
	struct unit *u = tree_admit(t, r->parent, &r->want, clock_mono_ns(), err);
	if (!u)
		return NULL;
	for (size_t i = 0; i < b.ndropped; i++)
		(void)buf_add(ret_dropped, b.dropped[i], strlen(b.dropped[i]) + 1);
	if (ret_dropped->failed)
		no_memory(err);
	else if (born_give(c->s, &b, u, err) == 0)
		return u;
	tree_unadmit(t, u);
	return NULL;
}

/* Besides its environment: of one that may be started again, and for its end. */
static size_t kept_for_restarts(const struct request *r, const struct launch *l)
{
	size_t n = sizeof *l + l->cred.ngroups * sizeof *l->groups;

	for (size_t i = 0; i < r->nargs; i++)
		n += sizeof *r->args + strlen(r->args[i]) + 1;
	return r->will_bytes + (r->want.again ? n : 0);
}

/* Everything that may fail for lack of memory or rights is made before the admission, so that
 * nothing is half done. */
static struct unit *admit(struct conn *c, struct request *r, struct err *err)
{
	struct super *s = c->s;
	struct launch *l = make_launch(c, r, err);
	struct envblock *env = l ? make_env(c, r, err) : NULL;
	size_t kept = env ? kept_for_restarts(r, l) : 0;
	bool paid = env && keep_add(r->parent, kept, ERR_TOO_LARGE, err) == 0;
	struct buf dropped;
	buf_init(&dropped, CAP_PACKET);
	if (paid)
		meter_read(s, r->parent->root);
	struct unit *u = paid ? admit_with_rights(c, r, &dropped, err) : NULL;
	struct job *j = u ? job_new(s, u, NULL) : NULL;

	if (!j) {
		if (u) {
			tree_unadmit(&s->tree, u);
			no_memory(err);
		}
		launch_free(l);
		env_drop(s, env, r->parent);
		buf_done(&dropped);
		keep_sub(r->parent, paid ? kept : 0);
		return NULL;
	}
	j->dropped = dropped;
	j->launch = l;
	j->kept = kept;
	j->wills = steal_ptr(r->wills);
	j->env = env;
	j->cwd = r->cwd ? strdup(r->cwd) : NULL;
	j->command = words(r);
	return u;
}

void op_spawn(struct conn *c, const struct packet *p)
{
	struct request r;
	struct err err;
	struct unit *u = NULL;

	if (parse(c, p, &r, &err) == 0)
		u = admit(c, &r, &err);
	bool wait = r.wait;
	request_done(&r);
	if (!u) {
		if (r.parent || c->unit)
			event_add(c->s, EVENT_REFUSED, r.parent ? r.parent : c->unit, err.code,
				"spawn: %s", err.msg);
		conn_fail(c, &err);
		return;
	}
	job_of(u)->asker = c;
	conn_waits(c, WAIT_EXEC);
	c->then_exit = wait;
	post(c->s, u, EV_DEPS_UP);
}
