/* sysg.h - libsysg: managed children from C, over the control socket of sysg. See sysg(3). Layer: lib.
 *
 * Functions return 0 or a count, or -1 with errno; sysg_error() says it in words. Any number of threads may use
 * one handle: a call that finds its connection in use has one of its own. After a fork the child's calls
 * are its own, too. No signal is raised, and no descriptor is inherited over exec. */
#ifndef SYSG_H
#define SYSG_H

#include <stdint.h>
#include <sys/types.h>

#ifdef __cplusplus
extern "C" {
#endif

struct sysg;

/* socket: its path, "@NAME" for an abstract one; NULL: where the command sysg looks ($SYSG_SOCKET, then the
 * usual places). NULL with errno: ECONNREFUSED when nobody is there. */
struct sysg *sysg_open(const char *socket);
void sysg_close(struct sysg *s); /* NULL is fine; errno stays */

/* Of this thread's last call that failed: a line of text, and in *ret_code (may be NULL) the number of its
 * SGxxxx. Valid until the thread's next one. */
const char *sysg_error(int *ret_code);

#define SYSG_UNIQUE   1U /* refuse a taken name (EEXIST) instead of appending .NUMBER */
#define SYSG_NO_SPAWN 2U /* it may not spawn */

/* Zero what isn't used. All lists end with NULL. */
struct sysg_spawn {
	const char *const *argv; /* a program without a slash is looked up in the child's PATH */
	const char *name;        /* NULL: its id */
	const char *parent;      /* a selector; NULL: the caller */
	const char *cwd;         /* absolute; NULL: the caller's, or with a parent that one's */
	const char *const *env;  /* NULL: the caller's, or with a parent that one's */
	const char *const *more_env; /* NAME=VALUE, on top */
	const char *const
		*fields; /* any other field of the request: "limit=children=3", "policy=cascade" */
	int64_t ttl_ms;  /* 0: none of its own */
	unsigned flags;
};

struct sysg_child {
	uint64_t id; /* its selector is "@ID" */
	pid_t pid;
	unsigned depth; /* below the service */
	char name[64];
};

/* A managed child of the caller; returns once it was executed. ret may be NULL. errno of execve where that
 * failed: then there is no child. */
int sysg_spawn(struct sysg *s, const struct sysg_spawn *what, struct sysg_child *ret);

struct sysg_exit {
	uint64_t id;
	int code;        /* -1: a signal ended it */
	int signal;      /* 0: it exited */
	unsigned left;   /* processes that could not be killed */
	char reason[16]; /* "exited", "signal", "stopped", "ttl", ... */
};

/* Waits until the unit, all its processes and all that it spawned are gone. timeout_ms: -1 for ever. ret
 * may be NULL. */
int sysg_wait(struct sysg *s, const char *unit, int64_t timeout_ms, struct sysg_exit *ret);

/* Strings are valid during the call. */
struct sysg_unit {
	uint64_t id, parent; /* parent 0: a service */
	pid_t pid;           /* 0: no process */
	unsigned depth, restarts, children, descendants;
	const char *path, *name, *state, *health;
};

/* Calls fn for the unit and what is below it, parents first; unit NULL: for all that the caller may see. How many. */
int sysg_status(struct sysg *s, const char *unit, void (*fn)(void *arg, const struct sysg_unit *u),
	void *arg);

#ifdef __cplusplus
}
#endif

#endif
