/* manifest.h - a manifest as checked structs. Layer: manifest. */
#ifndef MANIFEST_MANIFEST_H
#define MANIFEST_MANIFEST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/buf.h"
#include "base/err.h"
#include "manifest/service.h"

struct manifest {
	char *path;       /* absolute, or "" for one-command mode */
	char *dir;        /* its folder */
	bool cwd_default; /* as in the source */
	struct manifest **
		files; /* references: whose services these are, the first's settings; NULL: of one file */
	size_t nfiles;
	struct service *services;
	size_t nservices; /* in the order of the file */
	struct project *projects;
	size_t nprojects;
	bool single;                 /* `project`: it has all services of the file */
	struct env_spec env;         /* of all services, below their own */
	struct log_spec logs;        /* defaults of all services, and max_total */
	int64_t max_concurrent;      /* -1: all */
	int64_t shutdown_timeout_ns; /* -1: not set */
	int64_t shutdown_delay_ns;
	char *control_socket;                     /* NULL: in the runtime directory */
	mode_t control_mode;                      /* 0666 unless set */
	char *control_group;                      /* NULL: not set */
	char *exit_code_from;                     /* NULL: not set; makes that service essential */
	int64_t sample_interval_s, retention_min; /* of metrics; -1: not set */
	char *snapshot_mode; /* of status, accepted for compatibility: nothing here goes by it */
	int64_t snapshot_interval_s;
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
	/* The file at that absolute path into ret, whose cap bounds it. trust: it has to be as safe from others as a manifest,
	 * else it is an environment file. -1: err, sys EFBIG past the cap. NULL: there are no other files. */
	int (*read)(void *arg, const char *path, bool trust, struct buf *ret, struct err *err);
	void *arg;
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

/* The i-th file of it, itself where there is one; NULL: past the last. By its path; NULL: none is. */
const struct manifest *manifest_file(const struct manifest *m, size_t i);
const struct manifest *manifest_file_at(const struct manifest *m, const char *path);
/* The services of several files as one, which keeps them; a reference to the one. NULL: SG0201 where two have a project,
 * or a loose service, of one name; too many, no memory. */
struct manifest *manifest_join(struct manifest *const *files, size_t n, struct err *err);
int manifest_disjoint(struct manifest *const *files, size_t n, struct err *err); /* SG0201 */
/* Has a file of m settings beside its services that don't count? */
bool manifest_unheard(const struct manifest *m, const struct manifest *file);

/* Index of a service by name; -1. */
ssize_t manifest_find(const struct manifest *m, const char *name);
/* Is it the name of that service, or of all replicas of which it is one? */
bool service_is(const struct service *s, const char *name);
/* The next service behind after (-1: the first) that an operator means by a selector: a name, which is that of all
 * replicas, "ID/NAME", "/NAME" and "/ID/NAME" from the top, "ID/" and "loose/" for all of a project. -1: no more, with
 * ERR_OK; or ERR_AMBIGUOUS (lists them). */
ssize_t manifest_select(const struct manifest *m, const char *name, ssize_t after, struct err *err);
/* Is it one of those? Of several that are meant, each. */
bool service_meant(const struct service *s, const char *name);
/* Does the selector mean a whole project? Sets SG0201 for one that isn't there; returns -1. */
bool selects_project(const char *name);
int no_project(const char *name, struct err *err);

/* The text of an environment file -> vars appended to *vars. KEY=VALUE lines, '#' comments,
 * optional "export ", single and double quotes. ERR_BAD_VALUE with the line. */
int env_file_parse(const char *text, size_t len, struct var **vars, size_t *nvars, struct err *err);

/* A unit's name: [A-Za-z0-9_][A-Za-z0-9_.-]{0,62}, not all digits, none of the reserved words. */
int unit_name_check(const char *name, struct err *err);

#endif
