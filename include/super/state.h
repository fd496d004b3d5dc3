/* state.h - what the supervisor holds, shared by its own files. Layer: super. */
#ifndef SUPER_STATE_H
#define SUPER_STATE_H

#include "base/heap.h"
#include "base/list.h"
#include "manifest/child.h"
#include "manifest/manifest.h"
#include "node/tree.h"
#include "os/cgroup.h"
#include "os/loop.h"
#include "os/pid1.h"
#include "os/sweep.h"
#include "plan/plan.h"
#include "super/super.h"

struct super;
struct conn;
struct timer;
struct envblock;
struct probe;

typedef void timer_fn(struct super *s, struct timer *t);

/* Embedded in its owner; timer_del() before that is freed. */
struct timer {
	struct heap_node node;
	timer_fn *fn;
};

/* How a unit is to be started: copies, owned by the job; a spawned child's is released once execve
 * is decided. */
struct launch {
	char **argv;   /* one allocation with its strings; NULL: the service's */
	gid_t *groups; /* cred points to it */
	bool has_cred, has_confine;
	struct child_cred cred;
	struct child_confine confine;
	int oom_score_adj;
};

/* The supervisor's side of a unit. */
struct job {
	struct super *s;
	struct unit *u;
	const struct service *svc; /* of a service; NULL: spawned */
	struct timer timer;        /* of the state: start, ready, stop, kill, backoff */
	struct timer ttl;
	struct watch status; /* the set-up pipe of a start; fd -1: none */
	struct sweep_target sweep;
	bool sweeping;
	uint64_t mark;                 /* of this start */
	int cgroup_procs, cgroup_kill; /* its own group, or -1 */
	bool term_sent;
	bool at_once;        /* cascade: its signal does not wait for its children's end */
	unsigned outrun;     /* times that its end was put off, as it forks faster than we look */
	bool leftovers_told; /* what a main process that ended left running was said */
	bool shut_ordered;   /* told to stop by the shutdown */
	bool resolved;       /* GONE_x is in the queue */
	bool stillborn;      /* a spawn that failed: leaves no result */
	bool survived;
	int64_t stop_deadline_ns; /* of the tree's stop under way; 0: none */
	struct launch *launch;
	struct envblock *env; /* without the names of the init */
	char *cwd;
	char *command;      /* for people */
	struct conn *asker; /* waits for execve */
	struct probe *probe;
};

enum phase {
	PHASE_RUN,
	PHASE_DELAY,
	PHASE_LEVELS,
	PHASE_TERM,
	PHASE_KILL,
	PHASE_LOGGER,
	PHASE_OVER
};

struct event {
	struct unit *u; /* NULL: taken back */
	enum node_event ev;
};

struct super {
	struct super_opts *opts;
	struct manifest *m;
	struct plan *plan;
	struct preflight pre;
	struct tree tree;
	struct unit **unit_of; /* by service index; NULL: not started (-s) */
	struct loop *loop;
	struct heap timers;
	struct event *events; /* a queue: events[at .. n) */
	size_t ev_at, ev_n, ev_cap;
	bool deps_dirty;

	struct watch sigfd;
	bool child_ended;      /* SIGCHLD was seen */
	unsigned clients_read; /* packets read in this turn */

	struct mark_range marks;
	struct sweep *sweep;
	int64_t sweep_at_ns;   /* when it wants to be called; INT64_MAX: not of itself */
	struct cgroup *cgroup; /* NULL: not delegated */

	char *run_dir;     /* NULL: nothing is writable */
	char *socket_path; /* NULL: abstract */
	char *log_dir;     /* NULL: none */
	struct watch listener;
	struct watch dir_watch; /* inotify on the socket's folder; fd -1: none */
	int pid_file;           /* sysg.pid, locked; -1: none */
	bool listener_off;      /* out of the loop for lack of descriptors */
	struct list conns;
	unsigned nconns; /* those that wait for nothing */
	size_t assembly_bytes;
	bool dropped; /* a connection is to be freed */
	struct timer relisten;

	struct envblock *envs;     /* uthash: identical environments once */
	struct envblock *base_env; /* the container's own */
	struct aux *aux;           /* uthash by pid: probe processes */
	struct logproc *logproc;   /* NULL: one-command mode */
	struct probes *probes;     /* what checks share: the loop, timers, inotify */
	struct timer probe_timer;

	enum phase phase;
	unsigned level; /* being stopped */
	bool killing;   /* the budget is spent, or a second signal came */
	struct timer shut;
	int64_t shut_deadline_ns;
	bool code_decided;
	int code;
	bool over, active; /* active: something happened since our memory was trimmed last */
	unsigned survivors, trims;

	int64_t boot_ns;
	uint64_t reaped_own, reaped_adopted, turns;
	int64_t longest_turn_ns, trimmed_ns;
	int tty;              /* enum tty_kind */
	unsigned tty_swallow; /* HUP and CONT of our own TIOCNOTTY to come */
};

static inline struct job *job_of(const struct unit *u)
{
	return u->rt;
}

#endif
