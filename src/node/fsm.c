#include "node/fsm.h"

/* The tree is gone: what it goes on as was resolved before (node/exit.c). A unit that ran and has a post_stop hook
 * passes through CLOSING first. */
// clang-format off
#define GONE                                                                    \
	[EV_GONE_DOWN]    = { NODE_IDLE,    FX_DISARM | FX_TELL },              \
	[EV_GONE_RESTART] = { NODE_WAITING, FX_DISARM | FX_DEPS | FX_TELL },    \
	[EV_GONE_AGAIN]   = { NODE_BACKOFF, FX_DISARM | FX_ARM_BACKOFF | FX_TELL }, \
	[EV_GONE_DONE]    = { NODE_DONE,    FX_DISARM | FX_TELL },              \
	[EV_GONE_FAIL]    = { NODE_FAILED,  FX_DISARM | FX_TELL }
#define EMPTY_OR_GONE \
	[EV_EMPTY]        = { NODE_CLOSING, FX_DISARM | FX_POST_STOP },         \
	GONE

#define STAY(state) { (state), FX_NOTHING }

/* Children first (KIDS posts KIDS_GONE when there are none), then its own signal; one deadline for the whole tree. */
#define STOP_TREE { NODE_STOPPING, FX_DISARM | FX_UNPROBE | FX_KIDS | FX_ARM_STOP }

/* The pre_stop hook before that, if there is one and something that it could be for. */
#define LEAVE { NODE_LEAVING, FX_DISARM | FX_UNPROBE | FX_PRE_STOP }

/* No main process was started yet: only the hook has to go. */
#define GIVE_UP { NODE_KILLING, FX_UNHOOK | FX_KIDS | FX_ARM_KILL }

/* At rest, with children that go on under reparent or orphan: they are what has to be stopped. */
#define KIDS_ONLY(state) \
	[EV_STOP_KIDS]  = STOP_TREE,                                            \
	[EV_KIDS_GONE]  = STAY(state)

/* Ended by itself: what is left of its own is killed before anything else happens to it. */
#define ENDED { NODE_ENDING, FX_DISARM | FX_UNPROBE | FX_CASCADE | FX_CLEAR | FX_ARM_KILL }

static const struct node_cell table[NODE_STATE_COUNT][EV_COUNT] = {
	[NODE_IDLE] = {
		[EV_START]      = { NODE_WAITING,  FX_DEPS },
		[EV_STOP]       = STAY(NODE_IDLE),
		[EV_RESTART]    = STAY(NODE_IDLE),
		KIDS_ONLY(NODE_IDLE),
	},
	[NODE_WAITING] = {
		[EV_START]      = STAY(NODE_WAITING),
		[EV_STOP]       = { NODE_IDLE,     FX_TELL },
		[EV_RESTART]    = STAY(NODE_WAITING),
		[EV_PREPARE]    = { NODE_PREPARING, FX_PREPARE },
		[EV_DEPS_UP]    = { NODE_STARTING, FX_SPAWN | FX_ARM_START },
		[EV_DEP_FAILED] = { NODE_FAILED,   FX_TELL },
		[EV_SKIP]       = { NODE_SKIPPED,  FX_TELL },
		KIDS_ONLY(NODE_WAITING),
	},
	[NODE_PREPARING] = {
		[EV_START]      = STAY(NODE_PREPARING),
		[EV_STOP]       = GIVE_UP,
		[EV_RESTART]    = GIVE_UP,
		[EV_HOOK_OK]    = { NODE_STARTING, FX_SPAWN | FX_ARM_START },
		[EV_HOOK_FAIL]  = { NODE_ENDING,   FX_CLEAR },
		[EV_SKIP]       = { NODE_SKIPPED,  FX_TELL },
		[EV_KIDS_GONE]  = STAY(NODE_PREPARING),
	},
	[NODE_STARTING] = {
		[EV_START]      = STAY(NODE_STARTING),
		[EV_STOP]       = LEAVE,
		[EV_RESTART]    = LEAVE,
		[EV_EXEC_OK]    = { NODE_RUNNING,  FX_DISARM | FX_PROBE | FX_TELL },
		[EV_TIMEOUT]    = { NODE_KILLING,  FX_KILL | FX_ARM_KILL },
		[EV_MAIN_EXIT]  = ENDED,
		[EV_KIDS_GONE]  = STAY(NODE_STARTING),
	},
	[NODE_RUNNING] = {
		[EV_START]      = STAY(NODE_RUNNING),
		[EV_STOP]       = LEAVE,
		[EV_RESTART]    = LEAVE,
		[EV_PROBE_UP]   = { NODE_READY,    FX_TELL },
		[EV_PROBE_DOWN] = LEAVE,
		[EV_MAIN_EXIT]  = ENDED,
		[EV_KIDS_GONE]  = STAY(NODE_RUNNING),
	},
	[NODE_READY] = {
		[EV_START]      = STAY(NODE_READY),
		[EV_STOP]       = LEAVE,
		[EV_RESTART]    = LEAVE,
		[EV_PROBE_UP]   = STAY(NODE_READY),
		[EV_PROBE_DOWN] = LEAVE,
		[EV_MAIN_EXIT]  = ENDED,
		[EV_KIDS_GONE]  = STAY(NODE_READY),
	},
	[NODE_LEAVING] = {
		[EV_START]      = STAY(NODE_LEAVING),
		[EV_STOP]       = STAY(NODE_LEAVING),
		[EV_RESTART]    = STAY(NODE_LEAVING),
		[EV_HOOK_OK]    = { NODE_STOPPING, FX_KIDS | FX_ARM_STOP },
		[EV_HOOK_FAIL]  = { NODE_STOPPING, FX_KIDS | FX_ARM_STOP },
		[EV_EXEC_OK]    = STAY(NODE_LEAVING),
		[EV_PROBE_UP]   = STAY(NODE_LEAVING),
		[EV_PROBE_DOWN] = STAY(NODE_LEAVING),
		/* it may be what ends it; it is through before what is left gets its signal */
		[EV_MAIN_EXIT]  = STAY(NODE_LEAVING),
		[EV_KIDS_GONE]  = STAY(NODE_LEAVING),
		[EV_TIMEOUT]    = { NODE_STOPPING, FX_UNHOOK | FX_KIDS | FX_ARM_STOP },
	},
	[NODE_STOPPING] = {
		[EV_START]      = STAY(NODE_STOPPING),
		[EV_STOP]       = STAY(NODE_STOPPING),
		[EV_RESTART]    = STAY(NODE_STOPPING),
		[EV_HOOK_OK]    = STAY(NODE_STOPPING), /* was in the queue behind the order to go on without it */
		[EV_HOOK_FAIL]  = STAY(NODE_STOPPING),
		[EV_SKIP]       = STAY(NODE_STOPPING),
		[EV_DEPS_UP]    = STAY(NODE_STOPPING), /* it was in its back-off, and only its children are stopped */
		[EV_EXEC_OK]    = STAY(NODE_STOPPING),
		[EV_PROBE_UP]   = STAY(NODE_STOPPING),
		[EV_PROBE_DOWN] = STAY(NODE_STOPPING),
		[EV_MAIN_EXIT]  = { NODE_STOPPING, FX_TERM },
		[EV_KIDS_GONE]  = { NODE_STOPPING, FX_TERM },
		[EV_TIMEOUT]    = { NODE_KILLING,  FX_KILL | FX_ARM_KILL },
		EMPTY_OR_GONE,
	},
	[NODE_KILLING] = {
		[EV_START]      = STAY(NODE_KILLING),
		[EV_STOP]       = STAY(NODE_KILLING),
		[EV_RESTART]    = STAY(NODE_KILLING),
		[EV_HOOK_OK]    = STAY(NODE_KILLING), /* the same */
		[EV_HOOK_FAIL]  = STAY(NODE_KILLING),
		[EV_SKIP]       = STAY(NODE_KILLING),
		[EV_EXEC_OK]    = STAY(NODE_KILLING),
		[EV_PROBE_UP]   = STAY(NODE_KILLING),
		[EV_PROBE_DOWN] = STAY(NODE_KILLING),
		/* the look for the others may have been through before this was reaped */
		[EV_MAIN_EXIT]  = { NODE_KILLING,  FX_CLEAR },
		[EV_KIDS_GONE]  = STAY(NODE_KILLING),
		[EV_TIMEOUT]    = { NODE_KILLING,  FX_SURVIVE },
		EMPTY_OR_GONE,
	},
	[NODE_ENDING] = {
		[EV_START]      = STAY(NODE_ENDING),
		[EV_STOP]       = { NODE_ENDING,   FX_KIDS },
		[EV_RESTART]    = { NODE_ENDING,   FX_KIDS },
		[EV_EXEC_OK]    = STAY(NODE_ENDING),
		[EV_PROBE_UP]   = STAY(NODE_ENDING),
		[EV_PROBE_DOWN] = STAY(NODE_ENDING),
		[EV_KIDS_GONE]  = STAY(NODE_ENDING),
		[EV_KIDS_LEFT]  = { NODE_DRAINING, FX_DISARM | FX_TELL },
		[EV_TIMEOUT]    = { NODE_ENDING,   FX_SURVIVE },
		EMPTY_OR_GONE,
	},
	[NODE_DRAINING] = {
		[EV_START]      = STAY(NODE_DRAINING),
		[EV_STOP]       = STOP_TREE,
		[EV_RESTART]    = STOP_TREE,
		[EV_KIDS_GONE]  = STAY(NODE_DRAINING),
		EMPTY_OR_GONE,
	},
	[NODE_CLOSING] = {
		[EV_START]      = STAY(NODE_CLOSING),
		[EV_STOP]       = STAY(NODE_CLOSING),
		[EV_RESTART]    = STAY(NODE_CLOSING),
		[EV_HOOK_OK]    = STAY(NODE_CLOSING),
		[EV_HOOK_FAIL]  = STAY(NODE_CLOSING),
		[EV_KIDS_GONE]  = STAY(NODE_CLOSING),
		[EV_TIMEOUT]    = STAY(NODE_CLOSING), /* of the state before, in the queue already */
		GONE,
	},
	[NODE_BACKOFF] = {
		[EV_START]      = { NODE_WAITING,  FX_DISARM | FX_DEPS },
		[EV_STOP]       = { NODE_IDLE,     FX_DISARM | FX_TELL },
		[EV_RESTART]    = STAY(NODE_BACKOFF),
		[EV_TIMEOUT]    = { NODE_WAITING,  FX_DEPS },
		KIDS_ONLY(NODE_BACKOFF),
	},
	[NODE_DONE] = {
		[EV_START]      = { NODE_WAITING,  FX_DEPS },
		[EV_STOP]       = { NODE_IDLE,     FX_TELL },
		[EV_RESTART]    = STAY(NODE_DONE),
	},
	[NODE_FAILED] = {
		[EV_START]      = { NODE_WAITING,  FX_DEPS },
		[EV_STOP]       = { NODE_IDLE,     FX_TELL },
		[EV_RESTART]    = STAY(NODE_FAILED),
	},
	[NODE_SKIPPED] = {
		[EV_START]      = { NODE_WAITING,  FX_DEPS },
		[EV_STOP]       = { NODE_IDLE,     FX_TELL },
		[EV_RESTART]    = STAY(NODE_SKIPPED),
	},
};
// clang-format on

static const struct {
	const char *name, *status;
	int rest;
} states[NODE_STATE_COUNT] = {
#define X(n, label, st, at_rest) [NODE_##n] = { label, st, at_rest },
	NODE_STATES(X)
#undef X
};

static const char *const events[EV_COUNT] = {
#define X(n) [EV_##n] = #n,
	NODE_EVENTS(X)
#undef X
};

static int known(enum node_state s)
{
	return (unsigned)s < NODE_STATE_COUNT && states[s].name;
}

struct node_cell node_next(enum node_state from, enum node_event ev)
{
	if ((unsigned)from >= NODE_STATE_COUNT || (unsigned)ev >= EV_COUNT)
		return (struct node_cell){ NODE_ILLEGAL,
			FX_NOTHING }; /* the caller reports it; PID 1 goes on */
	return table[from][ev];
}

const char *node_state_name(enum node_state s)
{
	return known(s) ? states[s].name : "?";
}

const char *node_state_status(enum node_state s)
{
	return known(s) ? states[s].status : "unknown";
}

const char *node_event_name(enum node_event e)
{
	return (unsigned)e < EV_COUNT ? events[e] : "?";
}

int node_state_at_rest(enum node_state s)
{
	return known(s) ? states[s].rest : 1;
}

int node_state_over(enum node_state s)
{
	return node_state_at_rest(s) && s != NODE_WAITING && s != NODE_BACKOFF;
}

void node_fsm_print(FILE *out)
{
	for (int s = 1; s < NODE_STATE_COUNT; s++)
		for (int e = 0; e < EV_COUNT; e++)
			if (table[s][e].next != NODE_ILLEGAL && (int)table[s][e].next != s)
				fprintf(out, "%s %s %s\n", states[s].name, events[e],
					states[table[s][e].next].name);
}
