/* sysg.h - libsysg: managed children and messages from C, over the control socket of sysg. See sysg(3). Layer: lib.
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

/* Several, what[i] as ret[i], asked for without waiting for each: faster where they are many. 0: all were made; -1: some were
 * not, ret[i].id is 0 and .pid -errno of each, errno that of one. ECONNRESET: it may have been made. */
int sysg_spawn_many(
	struct sysg *s, const struct sysg_spawn *what, size_t n, struct sysg_child *ret);

struct sysg_exit {
	uint64_t id;
	int code;        /* -1: a signal ended it, or it isn't known */
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

/* --- messages: a body is at most 1 MiB of any bytes --- */

#define SYSG_MSG  1U
#define SYSG_CALL 2U /* who sent it waits for sysg_reply() */
#define SYSG_EXIT                                                                                  \
	4U /* a child of the caller and all below it ended; once, after all its messages */
#define SYSG_REPLY 8U /* what sysg_call() gives */

/* One allocation, the receiver's: free(3) it. */
struct sysg_message {
	unsigned kind;
	int will;       /* 1: left by a unit for its end, see sysg-spawn(7) */
	uint64_t from;  /* the sender's id, of SYSG_EXIT the child's; 0: an operator */
	uint64_t msgid; /* for sysg_reply(); 0: an exit notice has none */
	uint64_t
		lost; /* results of children that were dropped before this notice, as they were not received */
	struct sysg_exit end; /* of SYSG_EXIT, and with will: how it ended */
	const char *path;     /* of from; "operator" */
	const void *body;     /* never NULL; a NUL that doesn't count is behind it */
	size_t body_len;
};

/* Puts a message into the unit's mailbox; 0 means that it is there. Waits for room in it: timeout_ms 0 not at all,
 * -1 for ever. */
int sysg_send(struct sysg *s, const char *unit, const void *body, size_t n, int64_t timeout_ms);
/* Sends one and waits for the reply. It ends with the timeout, or the unit. ret may be NULL. */
int sysg_call(struct sysg *s, const char *unit, const void *body, size_t n, int64_t timeout_ms,
	struct sysg_message **ret);
/* Answers a call, once; ESTALE: nobody waits for that any more. */
int sysg_reply(struct sysg *s, uint64_t msgid, const void *body, size_t n);

/* Zero what isn't used. */
struct sysg_filter {
	const char *from; /* a selector, or "operator"; NULL: from anyone */
	unsigned kinds;   /* SYSG_MSG | SYSG_CALL | SYSG_EXIT; 0: of any */
};

/* Takes the first message or exit notice that the filter lets pass (NULL: any) out of the caller's mailbox; timeout_ms 0:
 * what is there, -1: for ever. 0 and *ret is the caller's; -1 and *ret is NULL, and nothing is taken. A process receives one
 * at a time: other threads wait for their turn. */
int sysg_recv(struct sysg *s, const struct sysg_filter *want, int64_t timeout_ms,
	struct sysg_message **ret);

/* A descriptor, the handle's, to be polled for input: readable when sysg_recv() has something to give or to say. See
 * sysg(3). Of one process: a fork calls it again. */
int sysg_fd(struct sysg *s);

#ifdef __cplusplus
}
#endif

#endif
