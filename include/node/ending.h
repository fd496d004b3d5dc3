/* ending.h - why a unit is stopped, and how it ended. Layer: node (pure data). */
#ifndef NODE_ENDING_H
#define NODE_ENDING_H

#include <stdbool.h>
#include <stdint.h>

/* Why a unit ended, as exit notices say it. X(NAME, "word") */
// clang-format off
#define END_REASONS(X)                                                                         \
	X(NONE, "") X(EXITED, "exited") X(SIGNAL, "signal") X(STOPPED, "stopped") X(TTL, "ttl") \
	X(MEMORY, "memory") X(OOM, "oom") X(CASCADE, "cascade") X(GAVE_UP, "gave-up")           \
	X(EXEC_FAILED, "exec-failed") X(SHUTDOWN, "shutdown")
// clang-format on

enum end_reason {
#define X(name, word) END_##name,
	END_REASONS(X)
#undef X
		END_COUNT,
};
const char *end_reason_word(enum end_reason r);

/* Why it is being stopped while it runs; decides what comes after. */
enum stop_cause {
	CAUSE_NONE,
	CAUSE_ORDER,    /* stop: stays down */
	CAUSE_SHUTDOWN, /* the same, by the end of the container */
	CAUSE_TTL,
	CAUSE_MEMORY,  /* past a limit: a spawned one stays down, of a service its policy decides */
	CAUSE_CASCADE, /* its parent ended */
	CAUSE_DEPENDENCY, /* what it depends on crashed: up again with it */
	CAUSE_UNREADY,    /* its check did not pass in time: its policy decides */
	CAUSE_UNHEALTHY,  /* its check failed later: its policy decides */
	CAUSE_SETUP,      /* its set-up before exec hung */
};

struct unit_exit {
	bool known; /* it ended at least once */
	int code;   /* exit code; 128+signal where a signal ended it */
	int signal; /* 0: by itself */
	enum end_reason reason;
	int64_t ended_ns; /* monotonic */
	int64_t ended_wall_ns;
	int64_t peak_bytes; /* of memory; 0: not known */
	unsigned left;      /* survivors when the notice was made */
};

#endif
