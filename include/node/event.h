/* event.h - the ring of numbered records of what happened. Layer: node (pure). */
#ifndef NODE_EVENT_H
#define NODE_EVENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

/* What happened: the word in `sysg events`, and what it says. X(NAME, "word", "meaning") */
// clang-format off
#define EVENT_WORDS(X)                                                                          \
	X(STATE, "state", "a unit went over from one state to another")                         \
	X(STARTED, "started", "a service's program was executed: pid=")                         \
	X(SPAWNED, "spawned", "a spawned child's program was executed: pid= parent=")           \
	X(READY, "ready", "the health check of a service passed")                               \
	X(UNHEALTHY, "unhealthy", "the health check of a service failed")                       \
	X(HOOK, "hook", "a hook failed, took too long, or could not be started")                \
	X(ADOPTED, "adopted", "a unit's parent ended: parent= has it now (@0: nobody), was= was its path") \
	X(EXITED, "exited", "a main process ended: code= or signal=, reason=")                  \
	X(RESTART, "restart", "it will be started again: how often in a row, and after what time") \
	X(DEPLOYED, "deployed", "a new instance has the place of the one before: pid= was= slot=") \
	X(SKIPPED, "skipped", "a cron unit still ran at its time: reason=overlap") \
	X(FAILED, "failed", "a unit failed, or did not start")                                  \
	X(REFUSED, "refused", "a request of or for a unit was refused")                         \
	X(SIGNAL, "signal", "a unit was sent a signal by `sysg signal`")                        \
	X(LEFTOVERS, "leftovers", "processes that were left running by what ended were killed") \
	X(SURVIVORS, "survivors", "processes can't be killed")                                  \
	X(LISTENER_LOST, "listener-lost", "the control socket is gone, or takes no connection") \
	X(LISTENER_BACK, "listener-back", "the control socket is there again")                  \
	X(LOGGER, "logger-restarted", "the logger ended and is started again")                  \
	X(RELOAD, "reload", "the manifest was read again: what it came to, or why nothing was changed") \
	X(SHUTDOWN, "shutdown", "the shutdown began, and why")                                  \
	X(WARNING, "warning", "something could not be done")
// clang-format on

enum event_word {
#define X(name, word, meaning) EVENT_##name,
	EVENT_WORDS(X)
#undef X
		EVENT_COUNT,
};
const char *event_word(enum event_word w); /* never NULL */

/* One record, as it is written and read. */
struct event_row {
	uint64_t seq; /* from 1 on, without gaps */
	int64_t wall_ns;
	enum event_word word;
	enum err_code code; /* ERR_OK: none */
	uint64_t id;        /* of the unit; 0: it is about the supervisor itself */
	const char *path;   /* "" for the supervisor */
	const char *detail;
};

/* Bytes of records, the oldest give way. Zeroed is an empty ring; memory is taken as it fills. */
struct event_ring {
	char *bytes;
	size_t cap;           /* of bytes, a power of two, at most CAP_EVENTS */
	uint64_t head, tail;  /* bytes written and given up since the beginning */
	uint64_t last, first; /* seq of the newest and of the oldest record; first > last: none */
};

void event_ring_done(struct event_ring *r);
/* Takes it down under the next number, which row->seq is set to; path and detail are cut at
 * EVENT_PATH_MAX and EVENT_DETAIL_MAX bytes. -1: no memory; nothing was taken down, and no number
 * was used. */
enum { EVENT_PATH_MAX = 1023, EVENT_DETAIL_MAX = 400 };
int event_put(struct event_ring *r, struct event_row *row);

/* A reader's place: the record after number `seen`. Zeroed: before the oldest. */
struct event_cursor {
	uint64_t seen, at; /* at: where in the bytes; 0: to be looked for */
};

/* The texts of a row that was read: they outlive the ring's. */
struct event_text {
	char path[EVENT_PATH_MAX + 1], detail[EVENT_DETAIL_MAX + 1];
};

/* The next record. *ret_lost: how many between the last one read and this one are gone. false: the
 * reader has seen all. */
bool event_next(const struct event_ring *r, struct event_cursor *c, struct event_row *ret,
	struct event_text *text, uint64_t *ret_lost);

/* Is a record about the unit of this id and path, or about one below it? Ids only grow, so a record
 * with a smaller one is of an earlier unit of the same name. */
bool event_below(const struct event_row *row, uint64_t id, const char *path);

#endif
