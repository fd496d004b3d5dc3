/* parts.h - what each file of the supervisor does for the others. Layer: super. */
#ifndef SUPER_PARTS_H
#define SUPER_PARTS_H

#include "base/log.h"
#include "super/launch.h"
#include "super/logs.h"
#include "super/state.h"
#include "super/trouble.h"

/* --- timer.c --- */
void timer_set(struct super *s, struct timer *t, int64_t deadline_ns, timer_fn *fn);
void timer_in(struct super *s, struct timer *t, int64_t ns, timer_fn *fn); /* so long from now */
void timer_del(struct super *s, struct timer *t);
bool timers_run(
	struct super *s, int64_t now_ns);   /* some of those that are due. true: there are more */
int64_t timers_next(const struct super *s); /* INT64_MAX: none */
/* The part of a turn that begins now may take so long. What can be long looks after each piece whether its time is spent,
 * and leaves the rest to the next turn. */
enum { STARTS_A_TURN = 4 }; /* a fork or two each */
void turn_share(struct super *s, int64_t ns);
bool turn_spent(const struct super *s);

/* --- settle.c: events into the table, effects out of it --- */
void post(struct super *s, struct unit *u, enum node_event ev);
void post_stop(struct super *s,
	struct unit *u); /* of what was spawned: there may be thousands, so as time allows */
void settle(struct super *s);
void settle_forget(struct super *s, const struct unit *u); /* before u is freed */

/* --- events.c: what `sysg events` shows --- */
/* Takes down what happened to u (NULL: to the supervisor itself, for operators' eyes only), and by which failure (ERR_OK:
 * none). Never fails: what there is no memory for is counted as dropped, and so are refusals past some in a second. */
void event_add(struct super *s, enum event_word word, const struct unit *u, enum err_code code,
	const char *fmt, ...) __attribute__((format(printf, 5, 6)));
void events_tell(struct super *s); /* those who follow, once a turn */

/* --- queue.c: spawns that wait for room --- */
bool queues_serve(struct super *s);     /* where something changed. true: events were posted */
void queue_touch(const struct unit *u); /* u's tree may have room now, or is ending */
void queue_leave(struct conn *c);       /* c's spawn waits no more */
void queue_forget(
	struct super *s, struct unit *u); /* u has no more children: answers those that wait */
void queue_free(struct super *s, struct job *j);

/* --- effects.c --- */
void effects_run(struct super *s, struct unit *u, unsigned fx);
void effects_exit(
	struct super *s, struct unit *u, int code, int sig); /* the main process was reaped */
void check_gone(struct super *s, struct unit *u);
void time_out(struct super *s, struct unit *u); /* the time of its state is up */
/* It forks faster than we get to look: the timer, which has been set before, comes once more in a second. */
bool outruns_still(struct super *s, struct timer *t, const struct sweep_target *of);
/* Its path; u NULL: words for a service that is no more. */
const char *said_path(const struct unit *u, char path[UNIT_PATH_MAX]);
/* One of those that wear the mark, else the unreaped pid, as what can't be killed: event and line. u as above. false: pid
 * is 0, and there is none. */
bool survivor_said(struct super *s, const struct unit *u, uint64_t mark, pid_t pid, const char *of);
/* Orders a stop: down for good (ORDER, SHUTDOWN, TTL, CASCADE) or up again after (DEPENDENCY,
 * UNREADY, UNHEALTHY). */
void order_stop(struct super *s, struct unit *u, enum stop_cause cause);
void order_start(struct super *s, struct unit *u); /* a cron unit: from now on by its times */
void order_now(struct super *s, struct unit *u);   /* the same at once */
void kill_now(struct super *s, struct unit *u); /* its whole tree, without waiting for its grace */
void order_restart(struct super *s, struct unit *u); /* a stop that a start comes after */

/* --- op_signal.c --- */
void signal_over(
	struct job *j, unsigned members); /* the pass of `signal --tree` is through, or cut short */

/* --- job.c --- */
struct job *job_new(struct super *s, struct unit *u, const struct service *svc);
void job_free(struct super *s, struct job *j); /* u->rt becomes NULL */
void job_end(struct super *s,
	struct unit *u); /* a spawned unit is gone: result kept, or forgotten (stillborn) */
void job_exec_done(struct super *s, struct job *j); /* execve of a spawned child succeeded */
int64_t job_stop_timeout(const struct job *j);
void job_at_rest(
	struct super *s, struct job *j); /* nothing of it runs: what one start needed is let go */

/* --- health.c --- */
void health_begin(struct super *s, struct unit *u); /* its check, once it was executed */

/* --- deps.c --- */
void deps_check(struct super *s); /* waiting services whose time has come, or never will */
void deps_lost(struct super *s, struct unit *crashed); /* dependents go down with it */
/* May a service start as far as it depends on others? 1: yes; 0: not yet; -1: it won't, err says for what. */
int deps_allow(struct super *s, const struct service *svc, struct err *err);

/* --- tell.c: a unit reached a state that somebody may wait for --- */
void tell(struct super *s, struct unit *u);
bool unit_essential(const struct super *s, const struct unit *u); /* its end is the container's */
int unit_exit_code(const struct unit
		*u); /* as a container's exit code: 128+N, 127 not found, 126 not executable */

/* --- shutdown.c --- */
void shutdown_begin(struct super *s, const char *why);
void shutdown_now(struct super *s);  /* the second signal: no more grace */
void shutdown_step(struct super *s); /* after each settle */
void shutdown_decide(struct super *s, int code, const struct unit *u); /* u: whose code it is */
void idle_check(struct super *s); /* nothing left to do: end by itself */

/* --- reaping.c --- */
bool reap_all(struct super *s); /* true: there are more, for the next turn */
/* h: the hook whose process it is; NULL: a check's. -1: out of memory. */
int aux_add(struct super *s, pid_t pid, struct job *j, struct hook_run *h);
void aux_forget_hook(struct super *s, pid_t pid);
void aux_forget(struct super *s, const struct job *j);
struct unit *aux_unit(struct super *s, pid_t pid);

/* --- leftovers.c --- */
void leftovers_stop(struct super *s); /* of the run before it here; records our own marks */

/* --- groups.c: cgroups --- */
/* For the next start of the unit (hook -1) or for its run of a hook, inside that of its tree where that has limits.
 * 0 also where there is none and none is needed: the mark does. -1: the limits can't be set. */
int group_open(struct super *s, struct job *j, int hook, struct group *ret, struct err *err);
void group_close(struct super *s, struct group *g); /* now, or once the kernel lets it go */
void group_leave_tree(
	struct super *s, struct job *j); /* the group of its tree, where nothing is left in it */
bool group_oom(const struct job *j);     /* the kernel has killed of it for want of memory */
void groups_before(struct super *s, const struct mark_range *before); /* those of an earlier run */
void groups_end(struct super *s); /* at the end of the run: waits a tenth of a second at most */

/* --- usr1.c, rundir.c --- */
void status_to_stderr(struct super *s);
int rundir_open(struct super *s, struct err *err);
void rundir_end(struct super *s); /* at an orderly end its files go; waits 300 ms at most */
void rundir_close(struct super *s);

/* --- serve.c --- */
struct unit *serve_unit_of(struct super *s, pid_t pid); /* whose own process this is, or NULL */
void serve_unit_told(struct super *s, struct unit *u);  /* answers those who wait for it */
void serve_exec(
	struct super *s, struct job *j, const struct err *failed); /* NULL: execve succeeded */
void serve_forget_unit(struct super *s, struct unit *u);
void serve_shutdown_told(struct super *s); /* answers those who ordered the shutdown */
void serve_sweep(struct super *s);         /* frees what was dropped in this turn */
void serve_close_all(struct super *s);

#endif
