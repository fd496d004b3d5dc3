/* The owner of everything and the loop. */
#include "super/super.h"
#include "super/accept.h"

#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/units.h"
#include "os/proc.h"
#include "os/sigfd.h"
#include "probe/probe.h"
#include "super/callers.h"
#include "super/change.h"
#include "super/deploy.h"
#include "super/drawer.h"
#include "super/hooks.h"
#include "super/message.h"
#include "super/meter.h"
#include "super/parts.h"
#include "super/schedule.h"

/* What the parts of a turn may take: together it stays below 20 ms, each has its progress in every one. */
#define READ_NS   (3 * NS_PER_MS)
#define SETTLE_NS (4 * NS_PER_MS)
#define SWEEP_NS  (2 * NS_PER_MS)
#define HEAR_NS   (3 * NS_PER_MS)
#define TELL_NS   (2 * NS_PER_MS)

#define TRIM_EVERY_NS (60 * NS_PER_SEC)
enum { TRIM_AFTER_MS = 1000, TRIMS_AT_FIRST = 8 };
enum { QUIET_PASSES = 8, LOOK_AGAIN_MS = 20, SIGNALS_A_TURN = 64 };

static struct preflight preflight;

void super_preflight(void)
{
	preflight_run(&preflight);
}

/* --- signals --- */

static bool orders_shutdown(int sig)
{
	return sig == SIGTERM || sig == SIGINT || sig == SIGQUIT || sig == SIGPWR ||
	       sig == SIGNAL_RTMIN + 3;
}

static void order_shutdown(struct super *s, int sig)
{
	if (s->phase == PHASE_RUN)
		shutdown_begin(s, signal_name(sig));
	else
		shutdown_now(s);
}

static void forward(struct super *s, int sig)
{
	struct unit *u = s->unit_of[0]; /* NULL: it was stopped as a project */

	if (s->tty_swallow && (sig == SIGHUP || sig == SIGCONT)) { /* of our own TIOCNOTTY */
		s->tty_swallow--;
		return;
	}
	if (u && u->main_alive)
		(void)kill(u->pid, sig);
	else if (orders_shutdown(sig)) /* the command is through, what it spawned goes on */
		order_shutdown(s, sig);
}

static void got_signal(struct super *s, int sig)
{
	if (sig == SIGCHLD)
		s->child_ended = true;
	else if (s->opts->one_command)
		forward(s, sig);
	else if (orders_shutdown(sig))
		order_shutdown(s, sig);
	else if (sig == SIGHUP)
		reload_by_signal(s);
	else if (sig == SIGUSR1)
		status_to_stderr(s);
	else if (sig == SIGUSR2)
		logproc_reopen(s);
}

static void signals_ready(struct loop *l, struct watch *w, uint32_t events)
{
	struct super *s = container_of(w, struct super, sigfd);
	struct sig_got got;

	(void)l;
	(void)events;
	for (int i = 0; i < SIGNALS_A_TURN && sigfd_next(w->fd, &got); i++) {
		/* a child that dies of our own signal is told by SIGCHLD, which is never ours to
		 * drop */
		if (!got.ours || got.sig == SIGCHLD)
			got_signal(s, got.sig);
	}
}

/* --- one turn --- */

static int wait_ms(const struct super *s)
{
	int64_t at = timers_next(s), now = clock_mono_ns();

	if (s->child_ended || s->again || s->cron_due || !list_empty(&s->hearing) ||
		!list_empty(&s->mail) || !list_empty(&s->stops))
		return 0; /* there was more than one turn does */
	if (s->sweep_at_ns < at)
		at = s->sweep_at_ns;
	/* What was exec'd in from outside is no child of ours and sends no SIGCHLD. */
	if ((s->phase == PHASE_TERM || s->phase == PHASE_KILL || !list_empty(&s->unwatched)) &&
		at - now > LOOK_AGAIN_MS * NS_PER_MS)
		return LOOK_AGAIN_MS;
	if (at == INT64_MAX)
		return -1;
	if (at <= now)
		return 0;
	int64_t ms =
		(at - now + NS_PER_MS - 1) / NS_PER_MS; /* rounded up: an early wake would spin */
	return ms > (int64_t)3600 * 1000 ? 3600 * 1000 : (int)ms;
}

/* A child's last words come before its end: what clients sent is read until a look finds none of
 * them readable. */
static void reap_when_quiet(struct super *s)
{
	if (!s->child_ended)
		return;
	for (int i = 0; i < QUIET_PASSES; i++) {
		s->clients_read = 0;
		if (loop_wait(s->loop, 0) <= 0)
			break;
		(void)loop_run(s->loop, &s->until_ns);
		if (!s->clients_read || turn_spent(s))
			break;
	}
	s->child_ended = reap_all(s);
}

static void timers_and_settle(struct super *s)
{
	bool more;

	turn_share(s, SETTLE_NS);
	do {
		more = timers_run(s, clock_mono_ns());
		settle(s);
	} while (more && !turn_spent(s));
}

static void sweep_turn(struct super *s, int64_t now_ns)
{
	if (s->sweep_at_ns > now_ns)
		return;
	int64_t again = sweep_step(s->sweep, now_ns, SWEEP_NS);
	s->sweep_at_ns = again < 0 ? INT64_MAX : clock_mono_ns() + again;
}

/* After a second in which nothing happened: often enough that a boot and its first questions leave nothing behind, and
 * not so often that who asks every few seconds pays for it. */
static bool may_trim(const struct super *s)
{
	return s->active &&
	       (s->trims < TRIMS_AT_FIRST || clock_mono_ns() - s->trimmed_ns > TRIM_EVERY_NS);
}

static void trim_and_rest(struct super *s)
{
	s->active = false;
	s->trims++;
	s->trimmed_ns = clock_mono_ns();
	loop_rest(s->loop);
}

static void turn(struct super *s)
{
	int ms = wait_ms(s);
	bool rests = ms < 0 && may_trim(s);
	int n = loop_wait(s->loop, rests ? TRIM_AFTER_MS : ms);
	if (n == 0 && rests) {
		trim_and_rest(s);
		return;
	}
	s->active |= n > 0;
	s->deps_dirty |= s->again;
	s->again = false;
	s->starts = 0;
	if (n < 0)
		log_line(LOG_ERR, "epoll_wait: %s", strerror(errno));
	int64_t began = clock_mono_ns(), cpu = clock_cpu_ns();
	turn_share(s, READ_NS);
	(void)loop_run(s->loop, &s->until_ns);
	launch_look(s);
	reap_when_quiet(s);
	schedules_step(s);
	timers_and_settle(s);
	sweep_turn(s, clock_mono_ns());
	settle(s);
	turn_share(s, HEAR_NS);
	serve_hear(s);
	hooks_step(s);
	changes_step(s);
	idle_check(s);
	/* A phase may be through as soon as it is entered; nothing would wake us for the next. */
	for (int phase = -1; phase != (int)s->phase && !s->over;) {
		phase = (int)s->phase;
		shutdown_step(s);
		settle(s);
	}
	turn_share(s, TELL_NS);
	message_step(s);
	events_tell(s);
	serve_sweep(s);
	int64_t took = clock_mono_ns() - began;
	if (took > s->longest_turn_ns)
		s->longest_turn_ns = took;
	if (took > s->longest_turn_cpu_ns && (cpu = clock_cpu_ns() - cpu) > s->longest_turn_cpu_ns)
		s->longest_turn_cpu_ns = cpu;
	s->turns++;
}

/* --- boot --- */

static void probe_due(struct super *s, struct timer *t)
{
	(void)t;
	probes_run(s->probes, clock_mono_ns());
}

static void probes_wake(void *arg, int64_t deadline_ns)
{
	struct super *s = arg;

	if (deadline_ns == INT64_MAX)
		timer_del(s, &s->probe_timer);
	else
		timer_set(s, &s->probe_timer, deadline_ns, probe_due);
}

static int open_loop(struct super *s, struct err *err)
{
	s->loop = loop_new();
	s->sigfd = (struct watch){ .fd = sigfd_open(), .events = LOOP_IN, .fn = signals_ready };
	if (!s->loop || s->sigfd.fd < 0 || loop_add(s->loop, &s->sigfd) < 0)
		return err_sys(err, ERR_UNKNOWN, errno, "no epoll or signalfd");
	s->probes = probes_new(s->loop, s, probes_wake);
	s->sweep = sweep_new(&s->marks, s->pre.pid1);
	if (!s->probes || !s->sweep || meter_new(s) < 0)
		return err_no_memory(err);
	return 0;
}

void proc_look(struct super *s)
{
	s->pre.have_proc = proc_is_ours();
	if (!s->pre.have_proc)
		log_line(LOG_WARN, "error[SG0712]: /proc is missing or another namespace's; sysg "
				   "doctor says what that means");
}

/* What can't be done here is said once, and done without. */
static void find_means(struct super *s)
{
	proc_look(s);
	mark_range_init(&s->marks, s->pre.locks_hard, random_u64());
	if (s->marks.usable && !mark_works(&s->marks))
		s->marks.usable = false;
	if (!s->marks.usable)
		log_line(LOG_WARN, "no marks here (RLIMIT_LOCKS is limited or can't be set): "
				   "belonging goes by session");
	if (!s->pre.pid1 && !s->pre.subreaper)
		log_line(LOG_WARN, "not PID 1 and no subreaper: orphans are not reaped here");
	if (s->pre.have_proc && cgroup_open(&s->cgroup) < 0)
		s->cgroup = NULL;
}

static int choose(struct super *s, unsigned char *wanted, struct err *err)
{
	const char *const *only = s->opts->only;

	for (size_t i = 0; i < s->m->nservices; i++)
		wanted[i] = !(only && *only) &&
			    !project_unloaded(s, service_project(&s->m->services[i]));
	for (; only && *only; only++) {
		bool project = selects_project(*only);
		ssize_t i = manifest_select(s->m, *only, -1, err);
		if (i < 0 && err->code == ERR_OK)
			return project ? no_project(*only, err)
				       : err_set(err, ERR_NO_UNIT, 0, "no service %s in %s", *only,
						 s->m->path);
		if (i < 0)
			return -1;
		for (; i >= 0; i = manifest_select(s->m, *only, i, err)) {
			if (!project && schedule_refuses(&s->m->services[i], err) < 0)
				return -1;
			wanted[i] = 1;
		}
	}
	plan_close(s->m, wanted);
	return 0;
}

static int prepare_service(struct super *s, size_t i, const struct bundle *files, struct err *err)
{
	struct definition *d = define(s, s->m, i, NULL, files, err);

	if (d)
		s->unit_of[i] = define_unit(s, i, d, err);
	else
		define_place(s->m, i, err);
	return s->unit_of[i] ? 0 : -1;
}

/* The folder's group; what can't be told is said, and the socket keeps the one it gets. */
static void find_control_group(struct super *s, const struct bundle *files)
{
	struct account acc;
	struct err err;

	s->control_gid = (gid_t)-1;
	if (!s->m->control_group)
		return;
	if (bundle_account(files, NULL, s->m->control_group, &acc, &err) == 0)
		s->control_gid = acc.gid;
	else
		log_line(LOG_ERR, "error[SG0745]: control.group: %s", err.msg);
}

static int prepare_services(struct super *s, struct err *err)
{
	autofree unsigned char *wanted = malloc(s->m->nservices + 1);
	struct bundle files;

	if (!wanted)
		return err_no_memory(err);
	if (choose(s, wanted, err) < 0 || bundle_of(s->m, &files, err) < 0)
		return -1;
	find_control_group(s, &files);
	int rc = 0;
	for (size_t i = 0; rc == 0 && i < s->m->nservices; i++)
		if (wanted[i])
			rc = prepare_service(s, i, &files, err);
	bundle_done(&files);
	return rc;
}

/* Who is started by its name is not skipped. */
static void judge(struct super *s)
{
	for (const char *const *only = s->opts->only; only && *only; only++)
		for (size_t i = 0; !selects_project(*only) && i < s->m->nservices; i++)
			if (service_meant(&s->m->services[i], *only))
				job_of(s->unit_of[i])->judged = true;
}

/* What was stopped in the run before: for a start of everything. */
static int recall(struct super *s, struct err *err)
{
	const char *const *id = s->some ? NULL : s->opts->unloaded;

	for (; id && *id; id++)
		if (projects_recall(s, *id, err) < 0)
			return -1;
	return 0;
}

static int boot(struct super *s, struct err *err)
{
	s->plan = plan_new(s->m, err);
	if (!s->plan)
		return -1;
	s->unit_of = calloc(s->m->nservices + 1, sizeof *s->unit_of);
	if (!s->unit_of)
		return err_no_memory(err);
	if (recall(s, err) < 0)
		return -1;
	find_means(s);
	if (open_loop(s, err) < 0 || prepare_services(s, err) < 0 || rundir_open(s, err) < 0)
		return -1;
	leftovers_stop(s);
	if (s->opts->one_command) {
		s->tty = tty_hand_over();
		s->tty_swallow = s->tty == TTY_LED ? 2 : 0;
	} else {
		drawer_open(s);
		if (logproc_start(s) < 0)
			log_line(LOG_ERR, "no logger could be started: services write to our own "
					  "stdout and stderr");
	}
	for (size_t i = 0; i < s->m->nservices; i++)
		if (s->unit_of[s->plan->order[i]])
			order_start(s, s->unit_of[s->plan->order[i]]);
	judge(s);
	settle(s);
	if (s->opts->report_fd >= 0)
		await_boot(s, s->opts->report_fd, s->opts->report_timeout_ns, false);
	s->opts->report_fd = -1;
	drawer_begin(s);
	remember(s);
	sampling_set(s);
	s->child_ended = true; /* forks that ended before the signalfd was there have sent their
				  SIGCHLD to nobody */
	return 0;
}

static void dismantle(struct super *s)
{
	if (s->tty == TTY_SHARED)
		tty_take_back();
	changes_end(s);
	rolls_end(s);
	remember_end(s);
	rundir_end(s); /* before anybody is told of the end */
	serve_close_all(s);
	list_each(it, &s->tree.all) job_free(s, job_of(list_entry(it, struct unit, all)));
	hooks_end(s);
	meter_free(s);
	groups_end(s);
	tree_clear(&s->tree);
	logproc_free(s);
	rundir_close(s);
	sweep_free(s->sweep);
	cgroup_free(s->cgroup);
	probes_free(s->probes);
	if (s->cron.fd >= 0)
		close(s->cron.fd);
	loop_free(s->loop);
	plan_free(s->plan);
	free(s->events);
	event_ring_done(&s->journal);
	free(s->unit_of);
	projects_end(s);
}

int super_run(struct super_opts *opts, struct err *err)
{
	struct super *s = calloc(1, sizeof *s);

	if (!s)
		return err_no_memory(err);
	s->opts = opts;
	s->m = opts->manifest;
	opts->manifest = NULL;
	s->some = opts->only && *opts->only;
	s->pre = preflight;
	s->boot_ns = clock_mono_ns();
	s->sweep_at_ns = INT64_MAX;
	s->active = true;
	s->cron.fd = s->listener.fd = s->sigfd.fd = s->dir_watch.fd = s->pid_file = s->remember.fd =
		-1;
	s->pictures[0] = s->pictures[1] = -1;
	list_init(&s->aux);
	list_init(&s->conns);
	list_init(&s->mail);
	list_init(&s->hearing);
	list_init(&s->stops);
	list_init(&s->unwatched);
	s->until_ns = INT64_MAX; /* the boot has all the time */
	list_init(&s->tails);
	list_init(&s->changes);
	list_init(&s->rolls);
	tree_init(&s->tree);
	process_name("sysg");
	int rc = boot(s, err);
	while (rc == 0 && !s->over)
		turn(s);
	rc = rc < 0 ? -1 : s->code;
	if (s->loop)
		dismantle(s);
	s->m = manifest_free(s->m);
	free(s);
	return rc;
}
