/* tree.h - the tree of units: births, deaths, counts, names, look-ups. Layer: node (pure). */
#ifndef NODE_TREE_H
#define NODE_TREE_H

#include "node/unit.h"

struct tree {
	struct numbers by_id, by_pid; /* of struct unit */
	struct list all;              /* every unit, ended ones too, in order of ids */
	struct list services;         /* the siblings at depth 0 */
	uint64_t last_id;
	size_t units;
	size_t looks; /* at units that tree_select() may still take for names and paths; SIZE_MAX: as many as it likes */
};

void tree_init(struct tree *t);
void tree_clear(struct tree *t); /* frees every unit; rt must be gone already */

/* A service: depth 0, "NAME" or "ID/NAME". limits are its root limits. NULL when memory is out. */
struct unit *tree_add_service(struct tree *t, const char *name, ssize_t index);

struct spawn_want {
	const char *name; /* NULL: the id is the name */
	bool unique;      /* a taken name is refused instead of getting .NUMBER */
	bool no_spawn, public;
	struct spawn_limits limits; /* --limit; LIMIT_NONE elsewhere */
	unsigned unlimited;         /* bit 1 << key: 0 was given, which lifts this limit */
	bool has_policy;
	enum spawn_policy policy;
	int64_t ttl_ns; /* 0: not given */
	enum on_exit again;
	unsigned asks; /* 1 << enum on_exit: all rules that it has */
};

/* The one admission of every spawn: may parent have this child now? Asked of every ancestor. On
 * success the child is in the tree, counted, with its name, in NODE_WAITING. On failure nothing
 * changed and err says which limit of which unit, with limit and count. Source: spec "Limits",
 * codes SG0801-SG0815. */
struct unit *tree_admit(struct tree *t, struct unit *parent, const struct spawn_want *want,
	int64_t now_ns, struct err *err);
/* A limit that has no room for one more child. */
struct full {
	const struct unit *holder;
	enum limit_key key;
	int64_t limit, count;
};
/* Is one of the limits full for a child of parent that get room again by themselves: children, descendants, rate?
 * *ret_at_ns: when the rate has it; INT64_MAX: as soon as a unit ends. */
bool tree_full(const struct unit *parent, int64_t now_ns, struct full *ret, int64_t *ret_at_ns);
/* Does nothing at u spawn any more, as it, or what it is below of, is ending? */
bool tree_closed(const struct unit *u);
/* The links and counts of an admitted child, without any rule: for tree_admit() alone. NULL when
 * memory is out. */
struct unit *tree_add_child(struct tree *t, struct unit *parent);
/* Takes back an admission whose execve failed: as if it had never been. Frees u. */
void tree_unadmit(struct tree *t, struct unit *u);

/* Its parent ended: it becomes a child of `to`, an ancestor, or an orphan (NULL), which is counted in its
 * tree and may not spawn. A taken name gets .NUMBER; limits of the parent that was go along. */
void tree_adopt(struct unit *u, struct unit *to);
/* Appends .NUMBER to a name that a living child of parent has; it becomes the id where that one is taken, too. */
void tree_name(const struct unit *parent, char *name, uint64_t id);

/* A spawned unit is gone: counts go down, its result is kept with its parent (the oldest goes past
 * the cap); of an orphan nothing is. Its own ended children are freed. */
void tree_end(struct tree *t, struct unit *u);
/* How many results of its ended children are kept. */
int64_t tree_results_max(const struct unit *parent);
/* The results of a service's children, and their notices, numbered anew, are another service's; the oldest go where there is no
 * room. */
void tree_bequeath(struct unit *u, struct unit *to, uint64_t number);
/* Frees one such result: its parent collected it. */
void tree_forget(struct tree *t, struct unit *u);
/* Frees the results of ended children. */
void tree_forget_kids(struct tree *t, struct unit *u);
/* Frees a service that has no live child; rt must be gone already. */
void tree_remove_service(struct tree *t, struct unit *u);
/* Marks u and all below it: nothing there spawns any more. */
void tree_close(struct unit *u);

void tree_set_pid(struct tree *t, struct unit *u, pid_t pid);
struct unit *tree_by_pid(
	struct tree *t, pid_t pid); /* a live unit whose unreaped main process this is, or NULL */
struct unit *tree_had_pid(
	struct tree *t, pid_t pid); /* the unit that has it or last had it, or NULL */
struct unit *tree_by_id(struct tree *t, uint64_t id);
struct unit *tree_after(
	struct tree *t, uint64_t id); /* the first unit with a greater id, or NULL */

/* Are their services of one project, or both loose? */
bool unit_same_project(const struct unit *a, const struct unit *b);

/* Resolves a selector for a caller (NULL: the operator). ERR_NO_UNIT, ERR_AMBIGUOUS (lists the matches), ERR_TOO_LARGE: there
 * are no looks left. Source: spec "Units, names, selectors". */
struct unit *tree_select(
	struct tree *t, struct unit *caller, const char *selector, struct err *err);

/* The same where several may be meant: the name of a service with replicas is all of those, "ID/" is all services of a
 * project ("loose/": of none; ERR_PROJECT), one after another. after: the one before, or NULL. NULL: no more, with ERR_OK, or as above. */
struct unit *tree_select_next(struct tree *t, struct unit *caller, const char *selector,
	const struct unit *after, struct err *err);

/* The next in a walk of u's live descendants, parents before children; at NULL: the first. NULL:
 * the end. Orphans of its tree are passed over. */
struct unit *tree_walk(struct unit *u, struct unit *at);

#endif
