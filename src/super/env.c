/* Environments: built once, identical ones kept once, the init's own names put on top at each
 * start. */

#include "super/env.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/caps.h"
#include "base/index.h"
#include "node/keep.h"
#include "super/bundle.h"

enum { ENV_MAX = CAP_REQUEST };

extern char **environ;

bool env_reserved(const char *assignment)
{
	static const char *const names[] = {
		"SYSG_SOCKET",
		"SYSG_NAME",
		"SYSG_ID",
		"SYSG_REPLICA",
		"SPAWN_DEPTH",
		"SPAWN_PARENT_PID",
		"SYSG_HOOK",
		"SYSG_EXIT_CODE",
		"SYSG_SIGNAL",
		"SYSG_RESTARTS",
		"SYSG_TOKEN",
		"SYSG_TOKEN_FILE",
	};
	size_t n = strcspn(assignment, "=");

	for (size_t i = 0; i < sizeof names / sizeof *names; i++)
		if (strlen(names[i]) == n && memcmp(names[i], assignment, n) == 0)
			return true;
	return false;
}

/* --- a list of assignments under construction: later ones replace earlier ones of the same name --- */

struct assign {
	char **v;
	size_t n, cap;
	struct index places; /* of the names in v */
	bool failed;
	const struct env_spec
		*strip[3]; /* what is put now is not to have what these name; or NULL */
};

/* What a login leaves behind; none of it means anything to a service. */
static const char *const session_vars[] = { "DBUS_SESSION_BUS_ADDRESS", "DESKTOP_SESSION",
	"DISPLAY", "GPG_*", "SESSION_MANAGER", "SSH_*", "STY", "SUDO_*", "TERM_*", "TMUX*",
	"WAYLAND_DISPLAY", "WINDOWID", "XAUTHORITY", "XDG_*", NULL };

static bool named_in(const char *const *names, const char *assignment)
{
	size_t n = strcspn(assignment, "=");

	for (; names && *names; names++) {
		size_t most = strcspn(*names, "*");
		if (strncmp(*names, assignment, most) == 0 &&
			(most == n || (most < n && (*names)[most])))
			return true;
	}
	return false;
}

static bool stripped(const struct assign *a, const char *assignment)
{
	for (size_t i = 0; i < sizeof a->strip / sizeof *a->strip; i++)
		if (a->strip[i] &&
			(named_in((const char *const *)a->strip[i]->strip, assignment) ||
				(a->strip[i]->clear_session && named_in(session_vars, assignment))))
			return true;
	return false;
}

static int make_room(struct assign *a)
{
	if (a->n < a->cap)
		return 0;
	size_t cap = a->cap ? 2 * a->cap : 64;
	char **v = realloc(a->v, cap * sizeof *v);
	if (!v)
		return -1;
	a->v = v;
	a->cap = cap;
	return 0;
}

static void put(struct assign *a, char *assignment)
{
	ssize_t at = -1;

	if (assignment && stripped(a, assignment)) {
		free(assignment);
		return;
	}
	if (assignment && make_room(a) == 0)
		at = index_put(&a->places, assignment, strcspn(assignment, "="), a->n);
	if (at < 0) {
		free(assignment);
		a->failed = true;
		return;
	}
	if ((size_t)at < a->n)
		free(a->v[at]);
	else
		a->n++;
	a->v[at] = assignment;
}

static void put_value(struct assign *a, const char *name, const char *value, size_t n)
{
	size_t size = strlen(name) + n + 2;
	char *p = malloc(size);

	if (p)
		snprintf(p, size, "%s=%.*s", name, (int)n, value);
	put(a, p);
}

static void put_var(struct assign *a, const char *name, const char *value)
{
	put_value(a, name, value, strlen(value));
}

static void put_string(struct assign *a, const char *string)
{
	if (strchr(string, '=') && !env_reserved(string))
		put(a, strdup(string));
}

static void assign_done(struct assign *a)
{
	for (size_t i = 0; i < a->n; i++)
		free(a->v[i]);
	free(a->v);
	index_done(&a->places);
}

/* --- blocks --- */

/* One with these bytes that is kept already, or NULL. */
static struct envblock *known(struct super *s, uint64_t hash, const struct envblock *like)
{
	struct numbered *at = numbers_find(&s->envs, hash);

	for (; at; at = numbers_next(at)) {
		struct envblock *e = container_of(at, struct envblock, by_hash);
		if (e->size == like->size && memcmp(e->bytes, like->bytes, e->size) == 0)
			return e;
	}
	return NULL;
}

static struct envblock *block_of(
	struct super *s, const char *const *strings, size_t n, struct err *err)
{
	struct envblock *e, *old;
	size_t size = 0, at = 0, count = 0;

	for (size_t i = 0; i < n; i++)
		if (!env_reserved(strings[i]) && strchr(strings[i], '='))
			size += strlen(strings[i]) + 1;
	if (size > ENV_MAX) {
		err_set(err, ERR_TOO_LARGE, 0, "the environment has %zu bytes; at most %d", size,
			ENV_MAX);
		return NULL;
	}
	if (!(e = malloc(sizeof *e + size + 1))) {
		err_no_memory(err);
		return NULL;
	}
	for (size_t i = 0; i < n; i++)
		if (!env_reserved(strings[i]) && strchr(strings[i], '=')) {
			size_t m = strlen(strings[i]) + 1;
			memcpy(e->bytes + at, strings[i], m);
			at += m;
			count++;
		}
	e->bytes[at] = '\0';
	e->size = size;
	e->n = count;
	e->refs = 1;
	e->shares = NULL;
	uint64_t hash = index_hash(e->bytes, size);
	if ((old = known(s, hash, e))) {
		free(e);
		return env_ref(old);
	}
	numbers_add(&s->envs, &e->by_hash, hash);
	return e;
}

struct envblock *env_of_strings(
	struct super *s, const char *const *strings, size_t n, struct err *err)
{
	return block_of(s, strings, n, err);
}

static struct envblock *block_of_assign(struct super *s, struct assign *a, struct err *err)
{
	struct envblock *e = NULL;

	if (a->failed)
		err_no_memory(err);
	else
		e = block_of(s, (const char *const *)a->v, a->n, err);
	assign_done(a);
	return e;
}

/* Names in order, so that each of thousands is found at once: PID 1 does this for whoever spawns. */
static int by_name(const void *a, const void *b)
{
	const char *x = *(const char *const *)a, *y = *(const char *const *)b;
	size_t n = strcspn(x, "="), m = strcspn(y, "=");
	int rc = memcmp(x, y, n < m ? n : m);

	return rc ? rc : (n > m) - (n < m);
}

/* The same, the later one in memory behind: a request's strings lie one behind the other. */
static int by_name_and_place(const void *a, const void *b)
{
	const char *x = *(const char *const *)a, *y = *(const char *const *)b;
	int rc = by_name(a, b);

	return rc ? rc : ((uintptr_t)x > (uintptr_t)y) - ((uintptr_t)x < (uintptr_t)y);
}

/* The assignments of strings, sorted; of one name the last. Returns how many. */
static size_t sorted_names(const char **v, const char *const *strings, size_t n)
{
	size_t found = 0, kept = 0;

	for (size_t i = 0; i < n; i++)
		if (strchr(strings[i], '='))
			v[found++] = strings[i];
	qsort(v, found, sizeof *v, by_name_and_place);
	for (size_t i = 0; i < found; i++)
		if (i + 1 == found || by_name(&v[i], &v[i + 1]) != 0)
			v[kept++] = v[i];
	return kept;
}

struct envblock *env_with(struct super *s, struct envblock *base, const char *const *strings,
	size_t n, struct err *err)
{
	const char **v = malloc((base->n + 2 * n + 1) * sizeof *v), **names, *p = base->bytes;
	struct envblock *e;
	size_t count = 0;

	if (!v) {
		err_no_memory(err);
		return NULL;
	}
	names = v + base->n + n;
	size_t nnames = sorted_names(names, strings, n);
	for (size_t i = 0; i < base->n; i++, p += strlen(p) + 1)
		if (!bsearch(&p, names, nnames, sizeof *names, by_name))
			v[count++] = p;
	memcpy(v + count, names, nnames * sizeof *v);
	e = block_of(s, v, count + nnames, err);
	free(v);
	return e;
}

static int put_file(struct assign *a, const struct bundle *files, const char *path, struct err *err)
{
	struct var *vars = NULL;
	size_t n = 0, len;
	const char *text;

	int rc = bundle_find(files, path, &text, &len, err);
	if (rc == 0 && (rc = env_file_parse(text, len, &vars, &n, err)) < 0)
		err_wrap(err, "%s:%d", path, err->line);
	for (size_t i = 0; i < n; i++) {
		if (rc == 0)
			put_var(a, vars[i].name, vars[i].value);
		free(vars[i].name);
		free(vars[i].value);
	}
	free(vars);
	return rc;
}

/* Its content is the value, but for one newline at its end. */
static int put_secret(
	struct assign *a, const struct bundle *files, const struct var *secret, struct err *err)
{
	const char *text;
	size_t len;

	if (bundle_find(files, secret->value, &text, &len, err) < 0)
		return err_wrap(err, "secret %s", secret->name);
	if (strlen(text) != len)
		return err_set(err, ERR_BAD_VALUE, 0, "secret %s: %s: there is a NUL byte in it",
			secret->name, secret->value);
	put_value(a, secret->name, text, len && text[len - 1] == '\n' ? len - 1 : len);
	return 0;
}

static int put_spec(
	struct assign *a, const struct bundle *files, const struct env_spec *spec, struct err *err)
{
	for (char **f = spec->files; f && *f; f++)
		if (put_file(a, files, *f, err) < 0)
			return -1;
	for (size_t i = 0; i < spec->nvars; i++)
		put_var(a, spec->vars[i].name, spec->vars[i].value);
	for (size_t i = 0; i < spec->nsecrets; i++)
		if (put_secret(a, files, &spec->secrets[i], err) < 0)
			return -1;
	return 0;
}

static int put_account(
	struct assign *a, const struct bundle *files, const struct service *svc, struct err *err)
{
	struct account acc;

	if (!svc->user)
		return 0;
	if (bundle_account(files, svc->user, svc->group, &acc, err) < 0)
		return -1;
	put_var(a, "HOME", acc.home[0] ? acc.home : "/");
	put_var(a, "USER", acc.name[0] ? acc.name : svc->user);
	put_var(a, "LOGNAME", acc.name[0] ? acc.name : svc->user);
	put_var(a, "SHELL", acc.shell[0] ? acc.shell : "/bin/sh");
	return 0;
}

/* A service is told of a notify socket by its own check alone: ours, or what its manifest writes
 * itself. In one-command mode the container's is the command's. */
static const char notify_socket[] = "NOTIFY_SOCKET=";

static bool is_notify_socket(const char *assignment)
{
	return strncmp(assignment, notify_socket, sizeof notify_socket - 1) == 0;
}

/* Nothing is put behind it: the places of names are wrong from here on. */
static void drop_notify_socket(struct assign *a)
{
	size_t kept = 0;

	for (size_t i = 0; i < a->n; i++)
		if (is_notify_socket(a->v[i]))
			free(a->v[i]);
		else
			a->v[kept++] = a->v[i];
	a->n = kept;
}

static bool has_notify_socket(const struct service *svc)
{
	return svc->check.kind == CHECK_NOTIFY && svc->check.notify_fd < 0;
}

struct envblock *env_of_service(
	struct super *s, const struct service *svc, const struct bundle *files, struct err *err)
{
	const struct env_spec *specs[3] = { &svc->of->env, svc->project ? &svc->project->env : NULL,
		&svc->env };
	struct assign a = { .strip = { specs[0], specs[1], specs[2] } };
	bool inherit = svc->env.inherit && svc->of->env.inherit;

	for (char **e = environ; inherit && *e; e++)
		if (s->opts->one_command || !is_notify_socket(*e))
			put_string(&a, *e);
	if (!inherit)
		put_var(&a, "PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin");
	int rc = inherit ? put_account(&a, files, svc, err) : 0;
	for (size_t i = 0; i < 3; i++) {
		a.strip[i] = NULL; /* what they set themselves stays */
		if (rc == 0 && specs[i])
			rc = put_spec(&a, files, specs[i], err);
	}
	if (rc < 0) {
		assign_done(&a);
		return NULL;
	}
	if (has_notify_socket(svc))
		drop_notify_socket(&a);
	return block_of_assign(s, &a, err);
}

struct envblock *env_ref(struct envblock *e)
{
	if (e)
		e->refs++;
	return e;
}

void env_unref(struct super *s, struct envblock *e)
{
	if (!e || --e->refs)
		return;
	numbers_del(&s->envs, &e->by_hash);
	free(e);
}

/* One tree that keeps a block, and how many times. */
struct env_share {
	struct env_share *next;
	const struct unit *root;
	unsigned n;
};

static struct env_share **share_of(struct envblock *e, const struct unit *u)
{
	struct env_share **at = &e->shares;

	while (*at && (*at)->root != u->root)
		at = &(*at)->next;
	return at;
}

int env_keep(struct envblock *e, struct unit *u, enum err_code code, struct err *err)
{
	struct env_share **at = share_of(e, u), *new;

	if (*at) {
		(*at)->n++;
		return 0;
	}
	if (!(new = malloc(sizeof *new)))
		return err_no_memory(err);
	if (keep_add(u, e->size + sizeof *new, code, err) < 0) {
		free(new);
		return -1;
	}
	*new = (struct env_share){ e->shares, u->root, 1 };
	e->shares = new;
	return 0;
}

void env_drop(struct super *s, struct envblock *e, struct unit *u)
{
	struct env_share **at = e ? share_of(e, u) : NULL, *old;

	if (at && (old = *at) && !--old->n) {
		*at = old->next;
		free(old);
		keep_sub(u, e->size + sizeof *old);
	}
	env_unref(s, e);
}

char **env_vector(const struct envblock *e, const char *const *extra, size_t nextra)
{
	size_t n = 0;
	char **v = malloc((e->n + nextra + 1) * sizeof *v);
	const char *p = e->bytes;

	if (!v)
		return NULL;
	for (size_t i = 0; i < e->n; i++, p += strlen(p) + 1)
		v[n++] = (char *)(uintptr_t)p;
	for (size_t i = 0; i < nextra; i++)
		v[n++] = (char *)(uintptr_t)extra[i];
	v[n] = NULL;
	return v;
}
