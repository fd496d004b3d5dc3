/* service.h - a service of the manifest as checked data. Layer: manifest. */
#ifndef MANIFEST_SERVICE_H
#define MANIFEST_SERVICE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "manifest/cgroup.h"
#include "manifest/health.h"
#include "manifest/hooks.h"
#include "manifest/limits.h"
#include "manifest/logs.h"
#include "manifest/right.h"

enum dep_condition { DEP_STARTED, DEP_HEALTHY, DEP_COMPLETED };

struct dep {
	char *name;
	size_t index;                 /* of the service in manifest.services, set by the check */
	enum dep_condition condition; /* already resolved: no condition written = healthy where the
					 dependency has a check */
	bool restart;                 /* default true */
	int line, col;
};

enum restart_policy { RESTART_ON_FAILURE, RESTART_ALWAYS, RESTART_NEVER };
enum stop_target { STOP_MAIN, STOP_GROUP, STOP_TREE };
struct backoff {
	int64_t initial_ns, max_ns;
	int factor;         /* >= 1 */
	int jitter_percent; /* 0..100 */
};

struct var {
	char *name, *value;
};

/* Layers of the environment, weakest first: inherited, files in order, vars in order. */
struct env_spec {
	char **files; /* absolute paths, NULL-terminated, or NULL */
	struct var *vars;
	size_t nvars;
	bool inherit; /* default true */
};

/* A message on exit. */
struct exit_send {
	char *target, *text; /* text NULL: what is in the file */
	char *file;
};

struct service {
	char *name;
	int line, col;
	char **argv; /* NULL-terminated, never empty; a string is { "/bin/sh", "-c", string }; of a remote unit its token_file */
	bool shell;  /* was a string */
	char *command; /* as written, a list joined by spaces; for people; NULL: a remote unit */
	char *working_dir; /* absolute; NULL: where sysg start was started */
	struct env_spec env;
	struct dep *deps;
	size_t ndeps;
	enum restart_policy restart;
	struct backoff backoff;
	int64_t max_restarts; /* -1: none */
	bool essential;
	unsigned char success[32]; /* bitmap of clean exit codes: 0 and success_exit_codes */
	int stop_signal;
	enum stop_target stop_target;
	int64_t stop_timeout_ns;
	bool stop_timeout_set;
	char *user, *group; /* as written: name or number; NULL: not set */
	struct health_check check;
	struct hook *hooks;   /* HOOK_COUNT of them; NULL: none at all */
	struct log_spec logs; /* with what the top level says */
	struct right_specs requests, grants;
	unsigned held;     /* rights that it gets by its own and by others' */
	bool public;       /* any unit may send it messages */
	bool allow_public; /* spawn.allow: its children may be public */
	bool spawn_dynamic;
	bool spawn_queue;           /* when_full: queue */
	struct spawn_limits limits; /* all defaults filled in */
	enum spawn_policy policy;
	int64_t memory; /* bytes of its whole tree; 0: no limit */
	struct cgroup_spec cgroup;
	struct spawn_terms terms;
	char *token_file;   /* of a remote unit, which has no process; absolute; NULL: it is none */
	int64_t remote_uid; /* who shows the token */
	struct exit_send *sends;
	size_t nsends;
	char hash[17]; /* hex digest of the service's resolved definition */
};

#endif
