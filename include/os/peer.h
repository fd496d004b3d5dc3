/* peer.h - who is at the other end of a connection, from kernel facts alone. Layer: os. */
#ifndef OS_PEER_H
#define OS_PEER_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/err.h"
#include "manifest/child.h"

/* Taken at accept, owned by the connection. */
struct peer {
	pid_t pid; /* 0: in another pid namespace */
	uid_t uid; /* of the connect (SO_PEERCRED) */
	gid_t gid;
	int pidfd;      /* -1: the kernel has none; then proc_fd */
	int proc_fd;    /* open /proc/PID directory, or -1 */
	uint64_t start; /* start time of that pid when accepted; 0: it was gone */
};

/* Fills *p from a connected socket. accept_ticks: the time just after the accept in clock ticks
 * since boot (only used without SO_PEERPIDFD: a process that started later is not the peer). 0, or
 * -1 with errno: then it is nobody. */
int peer_take(struct peer *p, int fd);
void peer_done(struct peer *p);
/* Still the process that connected, alive? */
bool peer_alive(const struct peer *p);

enum peer_class {
	PEER_NOBODY,
	PEER_UNIT,
	PEER_AUX,
	PEER_OPERATOR,
	PEER_REMOTE /* nobody, of a uid that shows tokens: a class of places alone */
};

/* How the walk asks the tree. Each returns the owner (opaque, not NULL) or NULL. */
struct peer_tree {
	void *arg;
	void *(*main_of)(
		void *arg, pid_t pid); /* the live unit whose unreaped main process this is */
	void *(*aux_of)(
		void *arg, pid_t pid); /* the unit that this check (or hook) process serves */
	void *(*session_of)(void *arg,
		pid_t session); /* the live unit whose session this is, its main process unreaped */
};

struct peer_who {
	enum peer_class cls;
	void *unit; /* for PEER_UNIT and PEER_AUX */
};

/* The table "Who calls" of the spec. self: our own pid (1 or a subreaper's). have_proc: /proc is
 * ours; without it only a main process is a unit, and all others are nobody. */
struct peer_who peer_classify(
	const struct peer *p, const struct peer_tree *tree, pid_t self, bool have_proc);

/* The same of a process that is known by its number alone, as the sender of a datagram is, and that may
 * have ended since: as long as it is not reaped. */
struct peer_who peer_classify_pid(
	pid_t pid, const struct peer_tree *tree, pid_t self, bool have_proc);

/* What the peer is confined by, read from /proc and by system calls, checked to be the process that
 * connected: all four uids and gids still those of the connect, else ERR_CONFINED. *ret_cred's
 * groups are malloc'd into *ret_groups. ret_confine->filters has to be set. */
int peer_confinement(const struct peer *p, int fd, struct child_cred *ret_cred, gid_t **ret_groups,
	struct child_confine *ret_confine, struct err *err);
/* The same of one of our own children (the main process of a unit: --parent). */
int peer_confinement_of(pid_t pid, struct child_cred *ret_cred, gid_t **ret_groups,
	struct child_confine *ret_confine, struct err *err);
/* May the peer have a child that is confined so, because another process is? Only one that is not confined more, or
 * is root; else ERR_CONFINED. What else it is confined by is put on c. */
int peer_covers(const struct peer *p, struct child_confine *c, struct err *err);

#endif
