/* keys.h - every key of the manifest: a row each. Layer: manifest. */
#ifndef MANIFEST_KEYS_H
#define MANIFEST_KEYS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "manifest/load.h"

/* The maps that keys stand in. */
enum key_scope {
	SCOPE_TOP,
	SCOPE_START,
	SCOPE_SHUTDOWN,
	SCOPE_CONTROL,
	SCOPE_TOP_ENV,
	SCOPE_PROJECT,
	SCOPE_PROJECT_ID,
	SCOPE_SERVICE,
	SCOPE_ENV,
	SCOPE_DEP,
	SCOPE_BACKOFF,
	SCOPE_CHECK,
	SCOPE_HOOKS,
	SCOPE_OUTCOMES,
	SCOPE_HOOK,
	SCOPE_DEPLOYMENT,
	SCOPE_BLUE_GREEN,
	SCOPE_LOGS,
	SCOPE_SPAWN,
	SCOPE_ALLOW,
	SCOPE_LIMITS,
	SCOPE_RESOURCES,
	SCOPE_CGROUP,
	SCOPE_RESTART,
	SCOPE_REMOTE,
	SCOPE_CRON,
	SCOPE_ISOLATION,
	SCOPE_LANDLOCK,
	SCOPE_STATUS,
	SCOPE_METRICS,
	SCOPE_COUNT,
};

/* A word of an enumeration. value -1: of a later version. help: for words of other programs, which
 * are refused. */
struct key_word {
	const char *word;
	int value;
	const char *help;
};

struct key_range {
	int64_t min, max;
};

struct key_row {
	enum key_scope scope : 8;
	enum key_scope sub : 8; /* of key_sub */
	uint16_t offset;        /* in the struct of the scope; of a hook: its place in the array */
	const char *name;
	key_fn *parse; /* NULL: known, but not supported by this version */
	union {
		const struct key_word *words;  /* ends with a NULL word */
		const struct key_range *range; /* of numbers; of durations in ns */
	};
};

extern const struct key_row key_rows[];
extern const size_t key_row_count;

/* NULL: no such key in that map. */
const struct key_row *key_find(enum key_scope scope, const char *name);
/* "a service", "\"health_check\"": for messages. */
const char *scope_name(enum key_scope scope);
/* What to do about a word of Compose, supervisord or systemd; NULL: none of theirs. */
const char *key_foreign(const char *word);
/* The known key of the map that looks most like the word. Never NULL. */
const char *key_nearest(enum key_scope scope, const char *word);

/* Walks a map by the rows of its scope; base is the struct that the rows' offsets are of. A null
 * value is no value. Not a map: found. Unknown keys: found with their remedy; x- keys at the top
 * are passed over. */
void key_map(struct load *l, enum key_scope scope, const struct ynode *map, void *base);

/* Kinds of values that one row tells everything about. */
key_fn key_bool, key_int, key_int64, key_duration, key_string, key_path, key_account, key_signal,
	key_mode, key_percent, key_version, key_sub;
/* A word of row->words: into an enum, into a bool, or only checked. */
key_fn key_word, key_word_flag, key_word_only;

#endif
