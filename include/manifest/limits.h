/* limits.h - the spawn limits: a row per limit. Layer: manifest. */
#ifndef MANIFEST_LIMITS_H
#define MANIFEST_LIMITS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"

/* X(NAME, "key", kind, default, code of the refusal, supported by this version) */
// clang-format off
#define SPAWN_LIMITS(X)                                                     \
	X(CHILDREN,     "children",     COUNT,    100, ERR_CHILDREN,    1)  \
	X(DEPTH,        "depth",        COUNT,    3,   ERR_DEPTH,       1)  \
	X(DESCENDANTS,  "descendants",  COUNT,    500, ERR_DESCENDANTS, 1)  \
	X(EVER,         "ever",         COUNT0,   0,   ERR_EVER,        1)  \
	X(TOTAL_MEMORY, "total_memory", BYTES0,   0,   ERR_MEMORY,      1)  \
	X(CHILD_MEMORY, "child_memory", BYTES0,   0,   ERR_MEMORY,      1)  \
	X(RATE,         "rate",         COUNT0,   0,   ERR_RATE,        1)  \
	X(TTL,          "ttl",          DURATION0, 0,  ERR_ONLY_TIGHTEN, 1)
// clang-format on

enum limit_key {
#define X(name, key, kind, def, code, supported) LIMIT_##name,
	SPAWN_LIMITS(X)
#undef X
		LIMIT_COUNT,
};

/* The kinds that end in 0: zero means no limit. */
enum limit_kind { LIMIT_KIND_COUNT, LIMIT_KIND_COUNT0, LIMIT_KIND_BYTES0, LIMIT_KIND_DURATION0 };

struct limit_row {
	const char *key;
	enum limit_kind kind;
	int64_t def;
	enum err_code code;
	bool supported;
};

extern const struct limit_row limit_rows[LIMIT_COUNT];

#define LIMIT_NONE INT64_C(-1) /* in struct spawn_limits: this unit sets no limit of its own */

/* Values by enum limit_key: counts, bytes, ns (TTL); LIMIT_NONE where not set. For the kinds in 0 a
 * written 0 is LIMIT_NONE. */
struct spawn_limits {
	int64_t v[LIMIT_COUNT];
};

enum spawn_policy {
	POLICY_ORPHAN,
	POLICY_REPARENT,
	POLICY_DRAIN,
	POLICY_CASCADE
}; /* in the order of tightening */

/* What --on-exit may ask for. */
enum on_exit {
	ON_EXIT_NONE,
	ON_EXIT_RESTART,
	ON_EXIT_RESTART_ON_FAILURE,
	ON_EXIT_SEND,
	ON_EXIT_COUNT
};
const char *on_exit_name(enum on_exit rule);

/* `spawn.restart` and `spawn.allow`: what children of a tree may ask for. */
struct spawn_terms {
	int64_t restart_max, restart_window_ns;
	unsigned on_exit; /* 1 << enum on_exit */
};
extern const struct spawn_terms spawn_terms_default;

/* -1: no such key. */
int limit_find(const char *key);
/* Parses one value by the row's kind; ERR_BAD_VALUE with the key named, or the version does not
 * support it. */
int limit_parse(enum limit_key key, const char *text, int64_t *ret, struct err *err);
/* "KEY=N" as --limit takes it, into lim. */
int limit_assign(struct spawn_limits *lim, const char *assignment, struct err *err);
int policy_parse(const char *text, enum spawn_policy *ret, struct err *err);
const char *policy_name(enum spawn_policy p);

#endif
