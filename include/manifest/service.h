/* service.h - a service of the manifest as checked data. Layer: manifest. */
#ifndef MANIFEST_SERVICE_H
#define MANIFEST_SERVICE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "manifest/cgroup.h"
#include "manifest/child.h"
#include "manifest/cron.h"
#include "manifest/health.h"
#include "manifest/hooks.h"
#include "manifest/limits.h"
#include "manifest/logs.h"
#include "manifest/right.h"

struct manifest;

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

/* Layers of the environment, weakest first: inherited, files in order, vars in order, secrets. */
struct env_spec {
	char **files; /* absolute paths, NULL-terminated, or NULL */
	struct var *vars;
	size_t nvars;
	struct var *secrets; /* value: the absolute path of the file that has it */
	size_t nsecrets;
	char **strip; /* names, or beginnings of names with a * behind; NULL-terminated, or NULL */
	bool clear_session;
	bool inherit; /* default true */
};

/* Two places of which a service has one and its candidate the other. Both of each pair by the slot. */
enum { SLOT_MAX = 64 }; /* bytes of one */
struct blue_green {
	char *env_var, *slots[2];
	struct health_check check[2], candidate[2], verify[2]; /* CHECK_NONE: none */
	char *state_path;                                      /* absolute; NULL: none */
};

/* How a restart replaces what runs. */
struct deployment {
	enum { STRATEGY_IMMEDIATE, STRATEGY_ROLLING } strategy;
	struct blue_green *blue; /* NULL: none; else it is rolling */
	int64_t grace_ns; /* of a rolling one: between its being ready and the stop of the one before */
};

/* A message on exit. */
struct exit_send {
	char *target, *text; /* text NULL: what is in the file */
	char *file;
};

/* Services under one name, with what they have in common. */
struct project {
	char *id;            /* unique; as a unit's name */
	char *name;          /* for people; the id unless written */
	struct env_spec env; /* of its services: over the top level's, below their own */
	struct log_spec logs;
};
#define PROJECT_LOOSE "loose" /* the id that stands for the services of none */

struct service {
	char *name; /* unique: "ID/NAME" in a project, as its path; service_plain() */
	const struct project *project; /* NULL: it is loose */
	const struct manifest *of;     /* the file that it is written in */
	int line, col;
	char **argv; /* NULL-terminated, never empty; a string is { "/bin/sh", "-c", string }; of a remote unit its token_file */
	bool shell;  /* was a string */
	char *command; /* as written, a list joined by spaces; for people; NULL: a remote unit */
	char *working_dir; /* absolute; NULL: where sysg start was started */
	struct dep *deps;
	size_t ndeps;
	enum restart_policy restart; /* of a cron unit never */
	struct backoff backoff;
	int64_t max_restarts; /* -1: none */
	int replicas;         /* as written: how many; 0: not written */
	int copy;             /* which of several this is, from 1; 0: it is alone */
	char *copy_of;        /* the name of all of them; NULL: it is alone */
	bool essential;
	bool skip; /* true; a command is the hook SKIP */
	int stop_signal;
	enum stop_target stop_target;
	int64_t stop_timeout_ns;
	bool stop_timeout_set;
	char *user, *group; /* as written: name or number; NULL: not set */
	char **groups;      /* supplementary ones, the same; NULL-terminated, or NULL */
	struct hook *hooks; /* HOOK_COUNT of them; NULL: none at all */
	struct deployment deployment;
	struct right_specs requests, grants;
	unsigned held;     /* rights that it gets by its own and by others' */
	bool public;       /* any unit may send it messages */
	bool allow_public; /* spawn.allow: its children may be public */
	bool spawn_dynamic;
	bool spawn_queue;           /* when_full: queue */
	struct spawn_limits limits; /* all defaults filled in */
	enum spawn_policy policy;
	int64_t memory;     /* bytes of its whole tree; 0: no limit */
	char *token_file;   /* of a remote unit, which has no process; absolute; NULL: it is none */
	int64_t remote_uid; /* who shows the token */
	struct exit_send *sends;
	size_t nsends;
	struct health_check check;
	struct cron_spec cron;
	unsigned char success[32]; /* bitmap of clean exit codes: 0 and success_exit_codes */
	struct child_fence fence;
	struct log_spec logs; /* with what the top level says */
	struct cgroup_spec cgroup;
	char hash[17]; /* hex digest of the service's resolved definition */
	struct env_spec env;
	struct spawn_terms terms;
};

/* Its name within its project, a part of name. */
const char *service_plain(const struct service *s);
const char *service_project(const struct service *s); /* the id, or PROJECT_LOOSE */

#endif
