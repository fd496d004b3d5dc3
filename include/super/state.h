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

/* How a unit is to be started: copies, owned by the job; a spawned child's is released once execve is decided. */
struct launch {
	char **argv;                /* one allocation with its strings; NULL: the service's */
	gid_t *groups;              /* cred points to it */
	bool has_cred, has_confine;
	struct child_cred cred;
	struct child_confine confine;
	int oom_score_adj;
};

/* The supervisor's side of a unit. */
struct job {
	struct super *s;
	struct unit *u;
	const struct service *svc;  /* of a service; NULL: spawned */
	struct timer timer;         /* of the state: start, ready, stop, kill, backoff */
	struct timer ttl;
	struct watch status;        /* the set-up pipe of a start; fd -1: none */
	struct sweep_target sweep;
	bool sweeping;
	uint64_t mark;              /* of this start */
	int cgroup_procs, cgroup_kill; /* its own group, or -1 */
	bool term_sent;
	bool at_once;               /* cascade: its signal does not wait for its children's end */
	unsigned outrun;            /* times that its end was put off, as it forks faster than we look */
	bool leftovers_told;        /* what a main process that ended left running was said */
	bool shut_ordered;          /* told to stop by the shutdown */
	bool resolved;              /* GONE_x is in the queue */
	bool stillborn;             /* a spawn that failed: leaves no result */
	bool survived;
	int64_t stop_deadline_ns;   /* of the tree's stop under way; 0: none */
	struct launch *launch;
	struct envblock *env;       /* without the names of the init */
	char *cwd;
	char *command;              /* for people */
	struct conn *asker;         /* waits for execve */
	struct probe *probe;
};

enum phase { PHASE_RUN, PHASE_DELAY, PHASE_LEVELS, PHASE_TERM, PHASE_KILL, PHASE_LOGGER, PHASE_OVER };

struct event {
	struct unit *u;             /* NULL: taken back */
	enum node_event ev;
};

struct super {
	struct super_opts *opts;
	struct manifest *m;
	struct plan *plan;
	struct preflight pre;
	struct tree tree;
	struct unit **unit_of;      /* by service index; NULL: not started (-s) */
	struct loop *loop;
	struct heap timers;
	struct event *events;       /* a queue: events[at .. n) */
	size_t ev_at, ev_n, ev_cap;
	bool deps_dirty;

	struct watch sigfd;
	bool child_ended;           /* SIGCHLD was seen */
	unsigned clients_read;      /* packets read in this turn */

	struct mark_range marks;
	struct sweep *sweep;
	int64_t sweep_at_ns;        /* when it wants to be called; INT64_MAX: not of itself */
	struct cgroup *cgroup;      /* NULL: not delegated */

	char *run_dir;              /* NULL: nothing is writable */
	char *socket_path;          /* NULL: abstract */
	char *log_dir;              /* NULL: none */
	struct watch listener;
	struct watch dir_watch;     /* inotify on the socket's folder; fd -1: none */
	int pid_file;               /* sysg.pid, locked; -1: none */
	bool listener_off;          /* out of the loop for lack of descriptors */
	struct list conns;
	unsigned nconns;            /* those that wait for nothing */
	size_t assembly_bytes;
	bool dropped;               /* a connection is to be freed */
	struct timer relisten;

	struct envblock *envs;      /* uthash: identical environments once */
	struct envblock *base_env;  /* the container's own */
	struct aux *aux;            /* uthash by pid: probe processes */
	struct logproc *logproc;    /* NULL: one-command mode */
	struct probes *probes;      /* what checks share: the loop, timers, inotify */
	struct timer probe_timer;

	enum phase phase;
	unsigned level;             /* being stopped */
	bool killing;               /* the budget is spent, or a second signal came */
	struct timer shut;
	int64_t shut_deadline_ns;
	bool code_decided;
	int code;
	bool over;
	unsigned survivors;

	int64_t boot_ns;
	uint64_t reaped_own, reaped_adopted, turns;
	int64_t longest_turn_ns;
	int tty;                    /* enum tty_kind */
	unsigned tty_swallow;       /* HUP and CONT of our own TIOCNOTTY to come */
};

static inline struct job *job_of(const struct unit *u)
{
	return u->rt;
}

/* --- timer.c --- */
void timer_set(struct super *s, struct timer *t, int64_t deadline_ns, timer_fn *fn);
void timer_del(struct super *s, struct timer *t);
void timers_run(struct super *s, int64_t now_ns);
int64_t timers_next(const struct super *s); /* INT64_MAX: none */

/* --- settle.c: events into the table, effects out of it --- */
void post(struct super *s, struct unit *u, enum node_event ev);
void settle(struct super *s);
void settle_forget(struct super *s, const struct unit *u); /* before u is freed */

/* --- effects.c --- */
void effects_run(struct super *s, struct unit *u, unsigned fx);
void effects_exit(struct super *s, struct unit *u, int code, int sig); /* the main process was reaped */
void check_gone(struct super *s, struct unit *u);
/* Orders a stop: down for good (ORDER, SHUTDOWN, TTL, CASCADE) or up again after (DEPENDENCY, UNREADY, UNHEALTHY). */
void order_stop(struct super *s, struct unit *u, enum stop_cause cause);
void order_start(struct super *s, struct unit *u);
void kill_now(struct super *s, struct unit *u); /* its whole tree, without waiting for its grace */

/* --- job.c --- */
struct job *job_new(struct super *s, struct unit *u, const struct service *svc);
void job_free(struct super *s, struct job *j); /* u->rt becomes NULL */
void job_end(struct super *s, struct unit *u); /* a spawned unit is gone: result kept, or forgotten (stillborn) */
void job_exec_done(struct super *s, struct job *j); /* execve of a spawned child succeeded */
int64_t job_stop_timeout(const struct job *j);
void job_at_rest(struct super *s, struct job *j); /* nothing of it runs: what one start needed is let go */
char *job_cgroup_name(const struct job *j, char name[64]);

/* --- launch.c --- */
int launch_start(struct super *s, struct unit *u, struct err *err); /* forks; the outcome comes by events */
int launch_probe(struct super *s, struct job *j, char *const *argv, pid_t *ret_pid, struct err *err);
void launch_free(struct launch *l);

/* --- deps.c --- */
void deps_check(struct super *s);                     /* waiting services whose time has come, or never will */
void deps_lost(struct super *s, struct unit *crashed); /* dependents go down with it */

/* --- tell.c: a unit reached a state that somebody may wait for --- */
void tell(struct super *s, struct unit *u);
int unit_exit_code(const struct unit *u); /* as a container's exit code: 128+N, 127 not found, 126 not executable */

/* --- shutdown.c --- */
void shutdown_begin(struct super *s, const char *why);
void shutdown_now(struct super *s);  /* the second signal: no more grace */
void shutdown_step(struct super *s); /* after each settle */
void shutdown_decide(struct super *s, int code);
void idle_check(struct super *s);    /* nothing left to do: end by itself */

/* --- reaping.c --- */
bool reap_all(struct super *s); /* true: there are more, for the next turn */
void aux_add(struct super *s, pid_t pid, struct job *j);
void aux_forget(struct super *s, const struct job *j);
struct unit *aux_unit(struct super *s, pid_t pid);

/* --- usr1.c --- */
void status_to_stderr(struct super *s);

/* --- rundir.c --- */
int rundir_open(struct super *s, struct err *err);
void rundir_close(struct super *s);

/* --- logproc.c --- */
int logproc_start(struct super *s);
void logproc_stop(struct super *s); /* tells it to finish */
bool logproc_done(const struct super *s);
bool logproc_is(const struct super *s, pid_t pid);
void logproc_died(struct super *s);
void logproc_free(struct super *s);
/* Pipes for one start: ret_fd[0..1] are the write ends for descriptors 1 and 2, to be closed after the fork; -1, -1 where
 * the sink needs none (*ret_inherit says: the init's own; else /dev/null). */
int logproc_pipes(struct super *s, const struct unit *u, unsigned sinks, int ret_fd[2], bool *ret_inherit, struct err *err);

/* --- serve.c --- */
void serve_accept(struct loop *l, struct watch *w, uint32_t events);
void serve_unit_told(struct super *s, struct unit *u); /* answers those who wait for it */
void serve_exec(struct super *s, struct job *j, const struct err *failed); /* NULL: execve succeeded */
void serve_forget_unit(struct super *s, struct unit *u);
void serve_sweep(struct super *s); /* frees what was dropped in this turn */
void serve_close_all(struct super *s);

#endif
