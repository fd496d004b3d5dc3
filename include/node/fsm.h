/* fsm.h - the life of one unit: states, events and the transition table. Layer: node (pure: no
 * system call). */
#ifndef NODE_FSM_H
#define NODE_FSM_H

#include <stdio.h>

/* X(NAME, "name in the state graph", "state in status output", at rest: no process and no live
 * child belongs to it) */
// clang-format off
#define NODE_STATES(X)                                                                              \
	X(IDLE,     "idle",     "stopped",  1) /* not wanted, nothing runs */                       \
	X(WAITING,  "waiting",  "queued",   1) /* wanted, dependencies not up yet */                \
	X(PREPARING, "preparing", "starting", 0) /* its pre_start hook runs; no main process yet */ \
	X(STARTING, "starting", "starting", 0) /* forked, execve(2) not confirmed */                \
	X(RUNNING,  "running",  "starting", 0) /* exec confirmed, check not passed */               \
	X(READY,    "ready",    "running",  0) /* check passed or none; dependents may start */     \
	X(LEAVING,  "leaving",  "stopping", 0) /* ordered to end: its pre_stop hook runs, if any */ \
	X(STOPPING, "stopping", "stopping", 0) /* ordered to end: children first, then its signal */ \
	X(KILLING,  "killing",  "stopping", 0) /* KILL to all that is left of it */                 \
	X(ENDING,   "ending",   "stopping", 0) /* its main process ended by itself; clearing up */  \
	X(DRAINING, "draining", "draining", 0) /* ended clean; its children go on to their end */   \
	X(CLOSING,  "closing",  "stopping", 0) /* nothing of it is left; its post_stop hook runs */ \
	X(BACKOFF,  "backoff",  "backoff",  1) /* ended, restart timer armed */                     \
	X(DONE,     "done",     "done",     1) /* ended clean, policy: stays down */                \
	X(FAILED,   "failed",   "failed",   1) /* gave up */                                        \
	X(SKIPPED,  "skipped",  "skipped",  1) /* not to be started, or depends on such a one */
// clang-format on

/*
 * GONE_x: the main process is reaped and nothing of its tree is left; which of them is decided by
 * node/exit.c. They come last, in one row. EMPTY comes before them where there is a post_stop hook
 * to run. HOOK_x: the hook that the state is for is through, or there is none.
 * STOP_KIDS: a STOP of a unit at rest whose children go on.
 */
// clang-format off
#define NODE_EVENTS(X)                                                                              \
	X(START) X(STOP) X(RESTART) X(PREPARE) X(DEPS_UP) X(DEP_FAILED) X(HOOK_OK) X(HOOK_FAIL)      \
	X(EXEC_OK) X(PROBE_UP) X(PROBE_DOWN) X(MAIN_EXIT) X(KIDS_GONE) X(KIDS_LEFT) X(TIMEOUT)      \
	X(EMPTY) X(STOP_KIDS) X(SKIP)                                                                       \
	X(GONE_DOWN) X(GONE_RESTART) X(GONE_AGAIN) X(GONE_DONE) X(GONE_FAIL)
// clang-format on

/* Run in this order; each is one function in super/effects.c. */
// clang-format off
#define NODE_EFFECTS(X)                                                                             \
	X(DISARM) X(UNPROBE) X(UNHOOK) X(DEPS) X(PREPARE) X(SPAWN) X(PRE_STOP) X(POST_STOP) X(KIDS)  \
	X(CASCADE) X(TERM) X(CLEAR) X(KILL) X(SURVIVE) X(PROBE) X(ARM_START) X(ARM_STOP) X(ARM_KILL) X(ARM_BACKOFF) X(TELL)
// clang-format on

enum node_state {
	NODE_ILLEGAL, /* zero, so an unlisted table cell is an error, not a state */
#define X(name, label, status, rest) NODE_##name,
	NODE_STATES(X)
#undef X
		NODE_STATE_COUNT,
};

enum node_event {
#define X(name) EV_##name,
	NODE_EVENTS(X)
#undef X
		EV_COUNT,
};

enum node_fx_bit {
#define X(name) FX_BIT_##name,
	NODE_EFFECTS(X)
#undef X
		FX_COUNT,
};

enum node_fx {
	FX_NOTHING = 0,
#define X(name) FX_##name = 1 << FX_BIT_##name,
	NODE_EFFECTS(X)
#undef X
};

/* One cell of the machine. */
struct node_cell {
	enum node_state next : 8; /* NODE_ILLEGAL: the pair cannot happen */
	unsigned fx : 24;         /* enum node_fx bits for the caller to run */
};

/* Pure look-up; the only definition of how a unit may move. */
struct node_cell node_next(enum node_state from, enum node_event ev);
const char *node_state_name(enum node_state s);   /* of the graph; "?" when out of range */
const char *node_state_status(enum node_state s); /* of status output */
const char *node_event_name(enum node_event e);
int node_state_at_rest(enum node_state s);
int node_state_over(enum node_state s); /* at rest until somebody starts it */
/* The table as text, a line a cell that moves: "idle START waiting". For ARCHITECTURE.md. */
void node_fsm_print(FILE *out);

#endif
