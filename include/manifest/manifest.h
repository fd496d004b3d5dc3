/* manifest.h - a manifest as checked structs. Layer: manifest. */
#ifndef MANIFEST_MANIFEST_H
#define MANIFEST_MANIFEST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/err.h"
#include "manifest/limits.h"

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
enum check_kind {
	CHECK_NONE,
	CHECK_ALIVE,
	CHECK_COMMAND,
	CHECK_TCP,
	CHECK_FILE
}; /* NONE: no health_check at all */

struct health_check {
	enum check_kind kind;
	char **argv;  /* CHECK_COMMAND: NULL-terminated, a string becomes /bin/sh -c */
	char *target; /* CHECK_TCP: "host:port" as written; CHECK_FILE: path, absolute or below
			 working_dir */
	char *host;   /* CHECK_TCP: numeric IPv4/IPv6 without brackets, or "localhost" */
	int port;
	int64_t interval_ns, attempt_timeout_ns, total_timeout_ns, start_interval_ns;
	int retries;
};

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

enum log_sink { SINK_STDOUT = 1, SINK_FILE = 2, SINK_INHERIT = 4, SINK_NONE = 8 };

struct service {
	char *name;
	int line, col;
	char **argv;   /* NULL-terminated, never empty; a string is { "/bin/sh", "-c", string } */
	bool shell;    /* was a string */
	char *command; /* as written, a list joined by spaces; for people */
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
	unsigned sinks; /* enum log_sink bits; 0: the default */
	bool spawn_dynamic;
	struct spawn_limits limits; /* all defaults filled in */
	enum spawn_policy policy;
	char hash[17]; /* hex digest of the service's resolved definition */
};

struct manifest {
	char *path; /* absolute, or "" for one-command mode */
	char *dir;  /* its folder */
	struct service *services;
	size_t nservices;            /* in the order of the file */
	struct env_spec env;         /* of all services, below their own */
	int64_t max_concurrent;      /* -1: all */
	int64_t shutdown_timeout_ns; /* -1: not set */
	int64_t shutdown_delay_ns;
	char *control_socket; /* NULL: in the runtime directory */
	mode_t control_mode;  /* 0666 unless set */
	char *control_group;  /* NULL: not set */
	char *exit_code_from; /* NULL: not set; makes that service essential */
};

/* One finding of the check; list in the order of the file. */
struct finding {
	struct err err; /* code, line, col, msg, help */
	bool warning;
};
struct findings {
	struct finding *v;
	size_t n;
};

/* How loading reaches the outside; the layer itself makes no system call. */
struct manifest_source {
	const char *path; /* absolute path of the manifest, for messages and relative paths */
	const char *text; /* its bytes */
	size_t len;
	char *const *environ; /* NULL: --no-env, each ${VAR} without a default stands for itself */
	bool cwd_default; /* found under /etc: working_dir's default is the directory of sysg start
			     (NULL) */
	bool may_switch_user; /* effective uid 0: user/group allowed, else SG0705 */
};

/* All findings are collected; returns NULL when one of them is an error. findings is initialised
 * here and freed by findings_done(). out of memory is a finding too. */
struct manifest *manifest_load(const struct manifest_source *src, struct findings *ret_findings);
/* For one-command mode: a manifest with one service named by the program, sink inherit, restart
 * never. words is NULL-terminated. dynamic limits as given (NULL: static). */
struct manifest *manifest_of_command(
	char *const *words, const struct spawn_limits *dynamic, struct err *err);
struct manifest *manifest_free(struct manifest *m); /* returns NULL; NULL is fine */
void findings_done(struct findings *f);

/* Index of a service by name; -1. */
ssize_t manifest_find(const struct manifest *m, const char *name);

/* The text of an environment file -> vars appended to *vars. KEY=VALUE lines, '#' comments,
 * optional "export ", single and double quotes. ERR_BAD_VALUE with the line. */
int env_file_parse(const char *text, size_t len, struct var **vars, size_t *nvars, struct err *err);

/* A unit's name: [A-Za-z0-9_][A-Za-z0-9_.-]{0,62}, not all digits, none of the reserved words. */
int unit_name_check(const char *name, struct err *err);

#endif
