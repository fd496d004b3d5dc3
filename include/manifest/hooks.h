/* hooks.h - what a service has run around its life, as checked data. Layer: manifest. */
#ifndef MANIFEST_HOOKS_H
#define MANIFEST_HOOKS_H

#include <stdint.h>

/* X(NAME, "key, as SYSG_HOOK says it", default timeout in s). Each SUCCESS stands before its ERROR; SWITCH_x
 * of deployment.blue_green: to the first slot, and to the second. */
// clang-format off
#define HOOKS(X)                                        \
	X(PRE_START,       "pre_start",          300)   \
	X(POST_START,      "post_start",         30)    \
	X(PRE_STOP,        "pre_stop",           30)    \
	X(POST_STOP,       "post_stop",          30)    \
	X(START_SUCCESS,   "on_start.success",   30)    \
	X(START_ERROR,     "on_start.error",     30)    \
	X(STOP_SUCCESS,    "on_stop.success",    30)    \
	X(STOP_ERROR,      "on_stop.error",      30)    \
	X(RESTART_SUCCESS, "on_restart.success", 30)    \
	X(RESTART_ERROR,   "on_restart.error",   30)    \
	X(ONSTART,         "onstart",            30)    \
	X(ONERR,           "onerr",              30)    \
	X(SKIP,            "skip",               30)    \
	X(SWITCH_A,        "switch_command",     30)    \
	X(SWITCH_B,        "switch_command",     30)
// clang-format on

enum hook_kind {
#define X(name, key, timeout_s) HOOK_##name,
	HOOKS(X)
#undef X
		HOOK_COUNT,
};

struct hook {
	char **argv; /* NULL-terminated, a string becomes /bin/sh -c; NULL: no such hook */
	int64_t timeout_ns;
};

const char *hook_name(enum hook_kind kind);

#endif
