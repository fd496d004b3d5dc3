/* unit.h - one unit of the tree: a service or a spawned child. Layer: node (pure data). */
#ifndef NODE_UNIT_H
#define NODE_UNIT_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/caps.h"
#include "base/err.h"
#include "base/list.h"
#include "base/numbers.h"
#include "manifest/limits.h"
#include "manifest/right.h"
#include "node/ending.h"
#include "node/fsm.h"

/* A stored right. Source: spec "Rights". */
struct right {
	uint64_t target; /* id; RIGHT_ALL: any unit */
	enum right_verb verb;
	bool manifest; /* given by a service's definition */
	bool stale;    /* while those are made anew: not said again yet */
};
enum { RIGHT_ALL = 0 };

/* What was sent to a unit, in order, and who waits for it; node/mailbox.h. */
struct mailbox {
	struct list queue;     /* messages; those that are given but not acknowledged stay */
	struct list waiting;   /* messages for which there is no room yet, in order */
	struct list receivers; /* the supervisor's: who waits for a message */
	struct list changed;   /* member of its list of boxes to be looked at */
	unsigned n;            /* of queue */
	size_t bytes;
};

struct unit {
	/* What is looked at most comes first: it is near enough for a short instruction. */
	uint64_t id;
	void *rt;           /* the supervisor's side; NULL once ended */
	unsigned short_len; /* of a replica: bytes of the name that all have; 0: it is none */
	struct unit *parent, *root; /* root: the service of its tree, itself for a service */
	bool orphan; /* its parent ended: it is kept and counted below the root, whose it isn't */
	unsigned orphans; /* of a root: live ones */
	char *logged_as;  /* owned: the path that its log file goes by; NULL: its own */
	unsigned depth;
	ssize_t service; /* index into the manifest; -1: spawned */

	enum node_state state;
	bool want_up;
	bool keeps_kids; /* it is being stopped to be started again: under reparent and orphan they stay */
	bool ended;            /* spawned and gone: only the result is kept */
	bool closed;           /* nothing in its tree spawns any more */
	enum stop_cause cause; /* of the stop under way */

	pid_t pid;       /* of the main process; 0: none was started yet */
	bool main_alive; /* not reaped yet: the pid is still its own */
	bool own_left;   /* processes of its own (not its children's) may be left */
	bool exec_ok;    /* execve succeeded in this start */
	bool was_ready;
	bool unhealthy;  /* its check fails since it was ready, and it is left alone */
	bool unprepared; /* its pre_start hook failed: this start had no main process */
	struct unit_exit exit;
	int64_t failed_ns; /* monotonic: when it became NODE_FAILED */

	struct spawn_limits limits; /* LIMIT_NONE where it has none of its own */
	enum spawn_policy policy;
	bool dynamic;             /* of the root: spawn.mode */
	struct spawn_terms terms; /* of the root */
	enum on_exit again;       /* of a spawned one: by which rule it is started again */
	bool born;                /* it was executed once */
	int64_t window_ns;        /* since when in_a_row counts, against the tree's budget */
	bool no_spawn;
	bool public;                         /* any unit may send it messages */
	bool allow_public;                   /* of the root: spawn.allow.public */
	struct right *rights;                /* owned; node/rights.h */
	unsigned nrights;                    /* at most CAP_RIGHTS that are not stale */
	unsigned live_children, descendants; /* live ones */
	uint64_t ever;                       /* spawned in its tree since it was started */
	int64_t rate_full_ns;   /* the bucket of the rate limit: when it is full again */
	int64_t rate_charge_ns; /* what its own birth put that of its parent off by */
	int64_t ttl_ns;         /* 0: none */
	unsigned kept;          /* results of ended children that are kept */
	size_t keeps;           /* of a root: bytes that its tree makes the init keep; keep.h */
	uint64_t lost;          /* results that went when there were too many */
	unsigned queued;        /* spawns that wait to be its children */
	unsigned stuck;         /* scratch of the look for a deadlock; node/queue.h */

	struct list results, result; /* kids that ended, in that order; among the parent's */
	struct list kids, sibling; /* live and ended ones; those that live in order of their ids */
	struct list all;           /* tree.all, in order of their ids */
	struct numbered by_id, by_pid; /* by_pid: while pid isn't 0 */
	int64_t started_ns, started_wall_ns;
	struct mailbox box;
	struct list notices;    /* its children whose exit notice is due, in order of those */
	struct list notice;     /* member of its parent's, until the notice is collected */
	uint64_t notice_number; /* 0: it has not ended */
	bool notice_held;       /* given, and not acknowledged */
	bool collected;         /* no result is kept */
	int64_t memory;         /* bytes that its own processes held at the last look */
	int64_t memory_peak; /* the most of any look in this run, or of its main process, once that has ended */
	int64_t rss_bytes;     /* of its own processes, at the last look that was of all units */
	int64_t cpu_ns;        /* that its processes used in this run, at the last look */
	int64_t cpu_before_ns; /* in the runs before */
	int64_t memory_tree;   /* with all below it */
	int64_t memory_stays;  /* the same without what is being stopped */
	int64_t memory_max;    /* of a service: limits.memory; 0: none */

	unsigned restarts;  /* in all */
	unsigned in_a_row;  /* restarts since it last stayed up */
	int64_t backoff_ns; /* the delay used last */
	unsigned prefix;    /* of a service in a project: bytes of "ID/" in front of its own name */
	char name[CAP_SERVICE_NAME + 1];
	struct err trouble; /* code ERR_OK: none; why it failed or is not up */
};

static inline bool unit_spawned(const struct unit *u)
{
	return u->service < 0;
}

/* Whose it is: NULL for a service and for an orphan. */
static inline struct unit *unit_owner(const struct unit *u)
{
	return u->orphan ? NULL : u->parent;
}

/* Do its children go on while it is down, and stay its own? */
static inline bool unit_kids_stay(const struct unit *u)
{
	return u->policy <= POLICY_REPARENT && (u->want_up || u->keeps_kids);
}

/* Its own name, without that of its project. */
static inline const char *unit_name(const struct unit *u)
{
	return u->name + u->prefix;
}

/* "web/worker/x", "ID/web/worker/x", into buf; cut at size. Returns buf. */
char *unit_path(const struct unit *u, char *buf, size_t size);
enum { UNIT_PATH_MAX = 1024 };
/* The same, of the tree of one that comes up beside another: as it will be called. */
char *unit_lasting_path(const struct unit *u, char *buf, size_t size);
char *unit_log_path(const struct unit *u, char *buf, size_t size); /* the same of its log file */
bool unit_rests(const struct unit *u); /* it is down, and no start comes after */
/* u is from, or below it. An orphan is below nobody. */
bool unit_descends(const struct unit *u, const struct unit *from);

#endif
