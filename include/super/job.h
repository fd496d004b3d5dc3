/* job.h - the supervisor's side of one unit. Layer: super. */
#ifndef SUPER_JOB_H
#define SUPER_JOB_H

#include "base/buf.h"
#include "base/heap.h"
#include "manifest/child.h"
#include "manifest/manifest.h"
#include "node/cron.h"
#include "node/tree.h"
#include "os/loop.h"
#include "os/sweep.h"
#include "os/token.h"

struct super;
struct conn;
struct timer;
struct envblock;
struct launch;
struct probe;
struct hook_run;
struct definition;
struct notify;
struct tree_queue;
struct check_run;
struct will;
struct schedule;
struct samples;

typedef void timer_fn(struct super *s, struct timer *t);

/* Embedded in its owner; timer_del() before that is freed. */
struct timer {
	struct heap_node node;
	timer_fn *fn;
};

/* A group that one start of a unit, or one run of a hook, has for itself. */
struct group {
	char *path;         /* NULL: none */
	int procs, kill_fd; /* open files of it, or -1 */
};

/* The supervisor's side of a unit. */
struct job {
	/* What is looked at most comes first: it is near enough for a short instruction. */
	struct super *s;
	struct unit *u;
	const struct service *svc; /* of a service; NULL: spawned */
	struct manifest *m;        /* a reference to the one that svc is in; NULL: spawned */
	struct definition *next;   /* taken once nothing of it runs; NULL: none waits */
	struct launch *launch;
	struct notify *notify; /* of this start; NULL: it has no such check */
	struct hook_run *gate; /* the hook that the unit's state is there for; NULL: none */
	struct probe *probe;
	struct tree_queue *queue; /* of a service: spawns in its tree that wait for room, or NULL */
	struct lastwords *lastwords; /* what it printed last, where it ended badly; trouble.c */
	struct check_run *check;     /* its command that runs, or left something */
	uint64_t mark;               /* of this start */
	struct timer timer;          /* of the state: start, ready, stop, kill, backoff */
	struct timer ttl;
	struct watch status;   /* the set-up pipe of a start; fd -1: none */
	struct list unwatched; /* member of super.unwatched */
	struct sweep_target sweep;
	bool sweeping;
	uint64_t pipes_id;    /* of the pipes made last, for it or for a hook; 0: none */
	uint64_t log_id;      /* of this start's pipes; 0: none of ours */
	int64_t log_since_ns; /* wall time of this start, not after its first line */
	struct group group;
	bool tree_memory; /* that group holds the tree's memory */
	bool memory_told,
		memory_bound; /* said that it is past its limit; its use is an upper bound */
	int64_t memory_before, memory_ns,
		memory_growth; /* of its tree: at the last look, a second */
	char *tree_group; /* of a service with limits.cgroup: all of its tree is in it; NULL: none */
	bool term_sent;
	bool timed_out;      /* the time of its state is up, and EV_TIMEOUT in the queue */
	bool at_once;        /* cascade: its signal does not wait for its children's end */
	unsigned outrun;     /* times that its end was put off, as it forks faster than we look */
	bool leftovers_told; /* what a main process that ended left running was said */
	bool shut_ordered;   /* told to stop by the shutdown */
	struct list hearing; /* member of super.hearing, until it is heard */
	uint64_t heard_at;   /* after so many connections all are accepted that were there before */
	struct list stop;    /* member of super.stops */
	bool heard;          /* nothing of it is left, and what it said last is read */
	bool resolved;       /* GONE_x is in the queue */
	bool survived;
	bool counts; /* for the question whether all is ready, while that is answered */
	int64_t stop_deadline_ns; /* of the tree's stop under way; 0: none */
	size_t kept;              /* what it makes the init keep for starts to come; node/keep.h */
	struct envblock *env;     /* without the names of the init */
	char *cwd;
	struct will *wills;        /* to be said at its end */
	bool will_due;             /* it ran since they were */
	char *command;             /* for people */
	struct buf dropped;        /* requests that ended in ? and were not met; NUL behind each */
	struct conn *asker;        /* waits for execve */
	int64_t tag;               /* of its answer; 0: none */
	struct conn *signaller;    /* waits for a signal to all of it; its pass is under way */
	struct schedule *schedule; /* of a cron unit; NULL: none */
	struct cron_plan cron;
	struct samples *samples; /* NULL: none were taken */
	bool cron_on,
		cron_again;  /* it waits for its times; it runs once more when this run is over */
	unsigned hook_runs;  /* started so far */
	int slot;            /* of deployment.blue_green: which of both */
	bool candidate;      /* it comes up beside the instance that its service has */
	bool port_told;      /* that no two of it can run at once was said */
	bool judged;         /* it isn't skipped: asked, or started by its name */
	bool prepared;       /* pre_start is through, or was refused: this start has begun */
	uint64_t stopped;    /* the number of the last order that it be down; 0: none came */
	bool leave_due;      /* its pre_stop hook is to be started in a turn to come */
	bool launched;       /* a start began whose end was not told yet */
	bool up_told;        /* the hooks of its being ready were started */
	bool relaunch;       /* that start is a restart */
	bool forced;         /* KILL was needed to be rid of it */
	uint64_t check_mark; /* of its checks, one after the other; 0: none was needed yet */
	bool words_asked, say_pending, ended_badly, trouble_said;
	bool say_over; /* of what is to be said: it is not tried again */
	enum err_code say_code;
	char token[TOKEN_CHARS +
		   1]; /* of a remote unit, for as long as it is there; "": not made yet */
};

static inline struct job *job_of(const struct unit *u)
{
	return u->rt;
}

/* The check of a service, of the slot that it has; a candidate may have another. */
static inline const struct health_check *job_check(const struct job *j)
{
	const struct blue_green *b = j->svc->deployment.blue;

	if (!b)
		return &j->svc->check;
	return j->candidate && b->candidate[j->slot].kind != CHECK_NONE ? &b->candidate[j->slot]
									: &b->check[j->slot];
}

/* Another container's unit: it has no process here. NULL is none. */
static inline bool job_remote(const struct job *j)
{
	return j && j->svc && j->svc->token_file;
}

#endif
