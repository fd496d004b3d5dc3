/* state.h - what the supervisor holds, shared by its own files. Layer: super. */
#ifndef SUPER_STATE_H
#define SUPER_STATE_H

#include "base/list.h"
#include "node/event.h"
#include "os/cgroup.h"
#include "os/pid1.h"
#include "plan/plan.h"
#include "super/job.h"
#include "super/super.h"

enum phase {
	PHASE_RUN,
	PHASE_DELAY,
	PHASE_LEVELS,
	PHASE_TERM,
	PHASE_KILL,
	PHASE_WORDS, /* the last lines of what failed, and the termination log */
	PHASE_LOGGER,
	PHASE_OVER
};

struct event {
	struct unit *u; /* NULL: taken back */
	enum node_event ev;
};

struct meter;

struct super {
	/* What is looked at most comes first: it is near enough for a short instruction. */
	struct super_opts *opts;
	struct manifest *m;
	struct plan *plan;
	struct unit **unit_of; /* by service index; NULL: not started (-s) */
	struct loop *loop;
	struct sweep *sweep;
	struct cgroup *cgroup;   /* NULL: not delegated */
	struct logproc *logproc; /* NULL: one-command mode */
	char *socket_path;       /* NULL: abstract */
	char *run_dir;           /* NULL: nothing is writable */
	bool run_local;          /* on a file system that doesn't hang */
	struct hook_run *hooks;  /* those that run, of all units */
	struct meter *meter;
	enum phase phase;
	struct tree tree;
	struct preflight pre;
	struct heap timers;
	struct event *events; /* a queue: events[at .. n) */
	size_t ev_at, ev_n, ev_cap;
	bool deps_dirty, rights_dirty;
	bool queue_dirty; /* a tree where spawns wait may have room now */
	bool some;        /* started with -s: not all services of the manifest have units */
	char **unloaded;  /* ids of projects that were stopped as a whole: super/project.c */
	size_t nunloaded;
	char *remembered;            /* what sysg.state has, or is to have; NULL: nothing */
	struct watch remember;       /* while that is written; fd -1: it isn't */
	struct timer remember_again; /* its time is up; or, where none could be had, the next try */
	pid_t remember_pid;
	struct list rolls;    /* services of which a new instance takes the place: deploy.c */
	struct list changes;  /* starts and restarts that are asked for, in order: apply.c */
	uint64_t orders;      /* numbers of changes and of stops by order */
	uint64_t all_stopped; /* of the last stop of everything */

	struct watch sigfd;
	bool child_ended;      /* SIGCHLD was seen */
	unsigned clients_read; /* packets read in this turn */
	bool again;            /* there is work left: the next turn comes at once */
	int starts;            /* told to begin in this turn */
	bool leaves_due;       /* pre_stop hooks are to be started in a turn to come */
	int64_t until_ns;      /* when the time is spent that this part of the turn may take */

	struct mark_range marks;
	bool marks_again;         /* each was given out once */
	int64_t sweep_at_ns;      /* when it wants to be called; INT64_MAX: not of itself */
	struct watch cron;        /* the wall clock's timer of the cron units; fd -1: none yet */
	bool cron_due;            /* they are to be looked at */
	struct timer cron_retry;  /* there could be no such timer */
	struct timer group_timer; /* groups that can't be removed yet are tried again */
	unsigned group_tries;

	char *log_dir;     /* NULL: none */
	gid_t control_gid; /* of the socket; -1: as it comes */
	struct watch listener;
	struct watch dir_watch; /* inotify on the socket's folder; fd -1: none */
	int pid_file;           /* sysg.pid, locked; -1: none */
	bool listener_off;      /* out of the loop for lack of descriptors */
	bool listener_short;    /* the same, until a connection was accepted again */
	struct list conns;
	struct list mail;      /* mailboxes in which something changed: message.c */
	struct list hearing;   /* jobs whose end is told after one more look at what was said */
	struct list stops;     /* jobs of which a stop is ordered */
	struct list unwatched; /* jobs whose set-up pipe has no watch: looked at each turn */
	uint64_t accepts;      /* connections that were accepted */
	uint64_t last_message; /* numbers of messages and notices */
	unsigned nconns;       /* those that wait for nothing */
	size_t assembly_bytes;
	bool dropped; /* a connection is to be freed */
	struct timer relisten;

	struct numbers envs;       /* struct envblock: identical environments once */
	struct envblock *base_env; /* the container's own */
	struct list aux;           /* processes of checks and hooks */
	struct numbers aux_by_pid; /* the same */
	int pictures[2];           /* while it starts: from the drawer, for the logger; -1: none */
	pid_t drawer;              /* draws the boot; 0: none */
	struct list tails;         /* last lines that were asked for; src/super/logtail.c */
	uint64_t last_tail;
	struct probes *probes; /* what checks share: the loop, timers, inotify */
	struct timer probe_timer;

	struct event_ring journal; /* what `sysg events` shows */
	uint64_t journal_dropped;  /* not taken down, or lost to a slow reader */
	bool journal_fresh;        /* those who follow it are to be told */
	int64_t refused_second;
	unsigned refused_n; /* refusals taken down in that second */

	unsigned level; /* being stopped */
	bool killing;   /* the budget is spent, or a second signal came */
	struct timer shut;
	int64_t shut_deadline_ns;
	bool code_decided;
	int code;
	uint64_t blamed;         /* whose code it is: a unit's id; 0: nobody's */
	struct termlog *termlog; /* being written; NULL: not */
	bool over, active;       /* active: something happened since our memory was trimmed last */
	unsigned survivors, trims;

	int64_t boot_ns;
	uint64_t reaped_own, reaped_adopted, turns;
	int64_t longest_turn_ns, longest_turn_cpu_ns; /* by the clock; of that, on a processor */
	int64_t trimmed_ns;
	int tty;              /* enum tty_kind */
	unsigned tty_swallow; /* HUP and CONT of our own TIOCNOTTY to come */
};

#endif
