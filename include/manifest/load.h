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

struct load {
	const struct manifest_source *src;
	struct kept *kept;
	struct finder find;
	struct buf text; /* the last expanded scalar */
	size_t expanded; /* bytes that ${} came to so far, of CAP_MANIFEST */
	bool open;       /* the last scalar holds a ${} that --no-env leaves as it is */
};

/* A finding at a node. */
#define load_error(l, node, code, ...)                                                             \
	find_error(&(l)->find, (node)->line, (node)->col, code, __VA_ARGS__)
#define load_warning(l, node, code, ...)                                                           \
	find_warning(&(l)->find, (node)->line, (node)->col, code, __VA_ARGS__)

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
key_fn key_services, key_command, key_exec, key_env, key_env_file, key_env_vars, key_depends_on,
	key_backoff, key_success, key_check, key_sinks, key_logs, key_log_prefix, key_log_bytes,
	key_log_total, key_limit, key_policy, key_check_command, key_check_tcp, key_check_file,
	key_check_url, key_check_unix, key_check_notify, key_check_timeout, key_hooks, key_outcomes,
	key_hook, key_hook_command, key_deploy_hook, key_cgroup, key_cgroup_root;
key_fn key_rights, key_on_exits, key_exit_sends;

/* What the service has not written is taken from the top level. */
void logs_inherit(struct log_spec *spec, const struct log_spec *from);

/* A line for the shell, or a list of words, as argv; NULL: found. */
char **load_argv(struct load *l, const struct key_row *row, const struct ynode *v);

/* Rules that need two keys, once a map is read. */
/* map: the value of the service, null when it has none; key: its name. */
void check_service(
	struct load *l, const struct ynode *key, const struct ynode *map, struct service *s);
void check_health(struct load *l, const struct ynode *map, const struct service *s);
void check_manifest(struct load *l, const struct ynode *root);

/* Fills s->hash from everything that tells how the service runs. */
void digest_service(const struct manifest *m, struct service *s);

#endif
