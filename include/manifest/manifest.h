/* manifest.h - a manifest as checked structs. Layer: manifest. */
#ifndef MANIFEST_MANIFEST_H
#define MANIFEST_MANIFEST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/err.h"
#include "manifest/service.h"

struct manifest {
	char *path;       /* absolute, or "" for one-command mode */
	char *dir;        /* its folder */
	bool cwd_default; /* as in the source */
	struct service *services;
	size_t nservices;            /* in the order of the file */
	struct env_spec env;         /* of all services, below their own */
	struct log_spec logs;        /* defaults of all services, and max_total */
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
/* One more owner: manifest_free() lets go of one, the last frees. Returns m. */
struct manifest *manifest_ref(struct manifest *m);
void findings_done(struct findings *f);

/* Where each service of a manifest is in another by its name: ret[a->nservices], -1 for those that b
 * lacks. -1: memory is out. */
int manifest_match(const struct manifest *a, const struct manifest *b, ssize_t *ret);
/* Do the keys beside the services say the same? */
bool manifest_same_settings(const struct manifest *a, const struct manifest *b);

/* Index of a service by name; -1. */
ssize_t manifest_find(const struct manifest *m, const char *name);

/* The text of an environment file -> vars appended to *vars. KEY=VALUE lines, '#' comments,
 * optional "export ", single and double quotes. ERR_BAD_VALUE with the line. */
int env_file_parse(const char *text, size_t len, struct var **vars, size_t *nvars, struct err *err);

/* A unit's name: [A-Za-z0-9_][A-Za-z0-9_.-]{0,62}, not all digits, none of the reserved words. */
int unit_name_check(const char *name, struct err *err);

#endif
