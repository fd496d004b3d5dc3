/* load.h - the state of one loading, and how a value is taken from its node. Layer: manifest. */
#ifndef MANIFEST_LOAD_H
#define MANIFEST_LOAD_H

#include "base/buf.h"
#include "manifest/arena.h"
#include "manifest/find.h"
#include "manifest/manifest.h"
#include "manifest/tree.h"

struct key_row;

/* A manifest with the memory that all of its parts live in. The manifest comes first:
 * manifest_free() casts back. */
struct kept {
	struct manifest m;
	struct arena mem;
	unsigned refs; /* owners beyond the first */
};

enum scope_level { SCOPE_OF_ALL, SCOPE_OF_PROJECT, SCOPE_OF_SERVICE, SCOPES };

/* The `env` of the top level, of a project or of a service: manifest/scope.c. */
struct scope {
	const struct ynode *env; /* NULL: it has none */
	bool is_long, looked;    /* has `vars`, `file`...; its files were read */
	struct var *read;        /* of its files */
	size_t nread;
	const char *unread; /* one that can't be read; NULL */
};

struct load {
	const struct manifest_source *src;
	struct kept *kept;
	size_t room;     /* for services */
	struct buf text; /* the last expanded scalar */
	struct scope scopes[SCOPES];
	int level;       /* in which of them a value is read */
	size_t above;    /* one of its variables: those above it are known to it; SIZE_MAX: all */
	bool path;       /* of one of its files: it knows what is outside alone */
	unsigned looks;  /* names that were looked up */
	unsigned inside; /* each other: values that are being filled in */
	size_t expanded; /* bytes that ${} came to so far, of CAP_MANIFEST */
	/* Of the service that is being read. */
	const char *slots[2]; /* NULL: it has none */
	int slot;             /* which one a value is read for */
	enum { FILL_NOTHING, FILL_CHECK, FILL_SWITCH } fill;
	struct buf filled; /* the last text in which something was */
	int errors_before; /* how many there were */
	bool open;         /* the last scalar holds a ${} that --no-env leaves as it is */
	struct finder find;
};

/* A finding at a node. */
#define load_error(l, node, code, ...)                                                             \
	find_error(&(l)->find, (node)->line, (node)->col, code, __VA_ARGS__)
#define load_warning(l, node, code, ...)                                                           \
	find_warning(&(l)->find, (node)->line, (node)->col, code, __VA_ARGS__)

bool env_is_long(const struct ynode *env); /* has a key of the long form */

/* The same for an error that a parser set: its message and help, at the node. */
void load_report(struct load *l, const struct ynode *n, const struct err *err);

/* The scalar's text with ${} filled in, until the next call; NULL: found (not a scalar, ${} fails)
 * or n is bad. what: the key's name, for the message. */
const char *load_text(struct load *l, const struct ynode *n, const char *what);
/* The same for a typed value: NULL without a finding too, when --no-env leaves it open. */
const char *load_typed(struct load *l, const struct ynode *n, const char *what);
/* A copy that lives with the manifest; NULL: out of memory, found once at the end of the loading.
 */
char *load_keep(struct load *l, const char *s);
void *load_array(struct load *l, size_t n, size_t size);
/* "DIR/path" for a relative one, kept. */
char *load_path(struct load *l, const char *path);
/* 0 when n is of that kind; else -1, found with that help unless n is bad. */
int load_kind(struct load *l, const struct ynode *n, enum ynode_kind kind, const char *what,
	const char *help);

/* Written nowhere: the check gives them their default. */
#define CONDITION_UNSET ((enum dep_condition) - 1)
#define TARGET_UNSET    ((enum stop_target) - 1)

/* The parts of the manifest that no row can hold alone; each takes its key's value. */
typedef void key_fn(struct load *l, const struct key_row *row, const struct ynode *v, void *base);
key_fn key_services, key_command, key_exec, key_env, key_env_file, key_env_vars, key_env_secrets,
	key_env_strip, key_depends_on, key_backoff, key_success, key_check, key_sinks, key_logs,
	key_log_prefix, key_log_bytes, key_log_total, key_limit, key_policy, key_check_command,
	key_check_tcp, key_check_file, key_check_url, key_check_unix, key_check_notify,
	key_check_timeout, key_hooks, key_outcomes, key_hook, key_hook_command, key_deploy_hook,
	key_skip, key_cgroup, key_cgroup_root;
key_fn key_slot_var, key_slots, key_switch, key_side_check, key_slot_state, key_blue_green;
key_fn key_projects, key_project, key_rights, key_on_exits, key_exit_sends, key_cron, key_timezone,
	key_caps, key_rlimit, key_cpus, key_seccomp, key_landlock, key_list, key_space;

/* {slot} and its like in a check, {active_slot} and {candidate_slot} in a switch_command, filled in: until the next call.
 * A text without them, and any other value's, is as it is. Unknown ones are found. */
const char *load_fill(struct load *l, const struct ynode *v, const char *text);
void slots_find(struct load *l, const struct ynode *service); /* before its keys are read */

void fence_none(struct child_fence *f); /* one that confines nothing, of a zeroed one */

void manifest_defaults(struct manifest *m); /* as if nothing were written */

/* Room for more services. -1: there are too many (found at n), or memory is out. */
int services_room(struct load *l, const struct ynode *n, size_t more);
/* "ID/NAME", kept. */
char *project_path(struct load *l, const struct project *p, const char *name);
/* Before the check: `project` takes the services of the file. */
void project_single(struct load *l);
/* No project may have the name of a loose service: their paths would be the same. */
void projects_check(struct load *l);

/* After the check: one service for each replica. */
void replicas_spread(struct load *l);
/* What the service has not written is taken from the top level. */
void logs_inherit(struct log_spec *spec, const struct log_spec *from);

/* A line for the shell, or a list of words, as argv; NULL: found. */
char **load_argv(struct load *l, const struct key_row *row, const struct ynode *v);

/* Rules that need two keys, once a map is read. */
/* map: the value of the service, null when it has none; key: its name. */
void check_service(
	struct load *l, const struct ynode *key, const struct ynode *map, struct service *s);
void check_cron(struct load *l, const struct ynode *map, struct service *s);
void check_deployment(struct load *l, const struct ynode *map, struct service *s);
void check_health(struct load *l, const struct ynode *map, const struct service *s);
void check_manifest(struct load *l, const struct ynode *root);

/* Fills s->hash from everything that tells how the service runs. */
void digest_service(const struct manifest *m, struct service *s);

#endif
