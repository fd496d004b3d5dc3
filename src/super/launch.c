/* From a unit to a child_spec, and through os/spawn to a process. */
#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/log.h"
#include "os/fence.h"
#include "os/spawn.h"
#include "super/checks.h"
#include "super/conn.h"
#include "super/define.h"
#include "super/env.h"
#include "super/hooks.h"
#include "super/meter.h"
#include "super/notify.h"

enum { ATTACH_FD = 5 }; /* in the child, while it is set up */
enum { NAMES = 12, NAMES_BYTES = UNIT_PATH_MAX + 1024 };

/* The init's own names: they inform, and are never read back by it. One behind the other: what a fork finds
 * written is copied page by page. */
struct names {
	const char *v[NAMES];
	size_t n, at;
	char text[NAMES_BYTES];
};

__attribute__((format(printf, 2, 3))) static void name(struct names *r, const char *fmt, ...)
{
	size_t room = sizeof r->text - r->at;
	va_list ap;

	va_start(ap, fmt);
	int n = vsnprintf(r->text + r->at, room, fmt, ap);
	va_end(ap);
	r->v[r->n++] = r->text + r->at;
	r->at += n < (int)room ? (size_t)n + 1 : room - 1;
}

static void fill_names(const struct super *s, const struct unit *u, struct names *ret)
{
	char path[UNIT_PATH_MAX];

	ret->n = ret->at = 0;
	if (s->socket_path)
		name(ret, "SYSG_SOCKET=%s", s->socket_path);
	name(ret, "SYSG_NAME=%s", unit_lasting_path(u, path, sizeof path));
	name(ret, "SYSG_ID=@%" PRIu64, u->id);
	const struct job *top = job_of(u->root);
	if (top && top->svc && top->svc->copy)
		name(ret, "SYSG_REPLICA=%d", top->svc->copy);
	name(ret, "SPAWN_DEPTH=%u", u->depth);
	name(ret, "SPAWN_PARENT_PID=%d",
		(int)(unit_owner(u) && u->parent->main_alive ? u->parent->pid : getpid()));
}

/* What a hook is told on top. Of an end, as long as there was none, nothing. */
static void fill_hook_names(const struct unit *u, enum hook_kind kind, struct names *ret)
{
	const struct unit_exit *e = &u->exit;
	char code[16] = "", sig[16] = "";

	if (e->known)
		snprintf(code, sizeof code, "%d", e->code);
	if (e->known && e->signal)
		snprintf(sig, sizeof sig, "%d", e->signal);
	name(ret, "SYSG_HOOK=%s", hook_name(kind));
	name(ret, "SYSG_EXIT_CODE=%s", code);
	name(ret, "SYSG_SIGNAL=%s", sig);
	name(ret, "SYSG_RESTARTS=%u", u->restarts);
}

static bool mark_in_use(void *arg, uint64_t mark)
{
	struct super *s = arg;

	list_each(it, &s->tree.all)
	{
		const struct job *j = job_of(list_entry(it, struct unit, all));
		if (j && (j->mark == mark || j->check_mark == mark))
			return true;
	}
	return hooks_use_mark(s, mark);
}

uint64_t launch_mark(struct super *s)
{
	uint64_t before = s->marks.count;
	uint64_t mark = mark_next(&s->marks, s->marks_again ? mark_in_use : NULL, s);

	if (s->marks_again ||
		s->marks.count > before) /* the first time round none was given out before */
		return mark;
	s->marks_again = true;
	return mark_in_use(s, mark) ? launch_mark(s) : mark;
}

static int join_groups(struct super *s, struct job *j, struct err *err)
{
	j->mark = launch_mark(s);
	if (!j->group.path && group_open(s, j, -1, &j->group, err) < 0)
		return -1;
	j->sweep = (struct sweep_target){ .mark = j->mark, .cgroup_kill_fd = j->group.kill_fd };
	return 0;
}

const struct child_fence *fence_of(const struct job *j)
{
	const struct job *root = job_of(j->u->root);

	return root && root->svc ? &root->svc->fence : NULL;
}

static void fill_spec(struct super *s, struct job *j, struct child_spec *spec)
{
	const struct launch *l = j->launch;

	spec->cwd = j->cwd;
	spec->mark = j->mark;
	spec->cgroup_fd = j->group.procs;
	spec->nofile_soft = s->pre.nofile_soft;
	spec->die_with_parent = !s->pre.pid1;
	spec->fence = fence_of(j);
	if (!l)
		return;
	spec->cred = l->has_cred ? &l->cred : NULL;
	spec->confine = l->has_confine ? &l->confine : NULL;
	spec->oom_score_adj = l->oom_score_adj;
}

static char *const *argv_of(const struct job *j)
{
	return j->launch && j->launch->argv ? j->launch->argv : j->svc->argv;
}

static unsigned sinks_of(const struct super *s, const struct job *j)
{
	const struct job *root = job_of(j->u->root);
	unsigned sinks = root && root->svc ? root->svc->logs.sinks : 0;

	if (!s->logproc)
		return SINK_INHERIT;
	return sinks ? sinks : s->opts->detached ? SINK_FILE : SINK_STDOUT | SINK_FILE;
}

static void status_ready(struct loop *l, struct watch *w, uint32_t events)
{
	struct job *j = container_of(w, struct job, status);
	struct super *s = j->s;
	struct err err;
	/* What writes a token's file executes nothing. */
	int rc = spawn_result(job_remote(j) ? 0 : j->u->pid, w->fd, argv_of(j)[0], &err);

	(void)events;
	if (rc == 0)
		return;
	if (rc > 0 && j->launch && j->launch->attach && j->u->state != NODE_STARTING)
		rc = -1; /* killed as it waited for its streams */
	loop_close(l, w);
	list_del(&j->unwatched);
	/* Else it is being stopped, and that is why. */
	if (rc < 0 && j->u->state == NODE_STARTING) {
		j->u->trouble = err;
		event_add(s, EVENT_FAILED, j->u, err.code, "%s", err.msg);
	}
	if (rc < 0) /* its exit, at once behind it, moves the unit on */
		return;
	if (j->launch) /* a start by policy has no caller to look at */
		j->launch->confine.like = j->launch->confine.asker = 0;
	j->u->exec_ok = j->u->born = true;
	if (!unit_spawned(j->u)) /* a spawned one's is told with its answer */
		event_add(s, EVENT_STARTED, j->u, ERR_OK, "pid=%d", (int)j->u->pid);
	post(s, j->u, EV_EXEC_OK);
}

static void note_start(struct super *s, struct unit *u, const struct spawned *child)
{
	struct job *j = job_of(u);

	u->started_ns = clock_mono_ns();
	u->started_wall_ns = clock_wall_ns();
	u->main_alive = u->own_left = true;
	meter_started(s, u);
	tree_set_pid(&s->tree, u, child->pid);
	j->sweep.session = child->pid;
	j->status = (struct watch){ .fd = child->status_fd, .events = LOOP_IN, .fn = status_ready };
	/* Where the kernel has none left: until its exec is confirmed it is a copy of the init, and counts as such. */
	if (loop_add(s->loop, &j->status) < 0)
		list_add_tail(&s->unwatched, &j->unwatched);
}

void launch_look(struct super *s)
{
	list_each(it, &s->unwatched)
	{
		struct job *j = list_entry(it, struct job, unwatched);
		status_ready(s->loop, &j->status, 0);
	}
}

/* Closes the write ends whatever happened: the child has its own copies. */
static void close_ends(const int fd[2])
{
	for (int i = 0; i < 2; i++)
		if (fd[i] >= 0)
			close(fd[i]);
}

/* A child whose output is logged as the unit's. */
static int spawn_logged(struct super *s, struct unit *u, struct child_spec *spec,
	struct spawned *ret, struct err *err)
{
	int ends[2] = { -1, -1 };
	bool inherit = false;

	if (logproc_pipes(s, u, sinks_of(s, job_of(u)), ends, &inherit, err) < 0)
		return -1;
	for (int i = 0; i < 2; i++) {
		if (spec->cred) /* so that it may open /dev/stdout */
			(void)!fchown(ends[i], spec->cred->uid, (gid_t)-1);
		spec->fd[i + 1] = inherit ? (s->opts->merge_stderr ? 1 : i + 1) : ends[i];
	}
	int rc = spawn_start(spec, ret, err);
	close_ends(ends);
	return rc;
}

/* The caller sends its own 0, 1, 2 to the child; there is nothing to log. */
static int start_attached(struct super *s, struct unit *u, struct child_spec *spec, struct err *err)
{
	const struct conn *c = job_of(u)->asker;
	struct spawned child;

	if (!c)
		return err_set(err, ERR_GONE, 0, "who asked for it is gone");
	spec->fd[1] = spec->fd[2] = -1;
	spec->extra_as = ATTACH_FD;
	spec->extra_fd = c->w.fd;
	spec->attach_from = c->peer.pid;
	if (spawn_start(spec, &child, err) < 0)
		return -1;
	note_start(s, u, &child);
	return 0;
}

static int start(struct super *s, struct unit *u, struct child_spec *spec, struct err *err)
{
	struct spawned child;

	spec->fd[0] = s->opts->one_command && !unit_spawned(u) ? STDIN_FILENO : -1;
	if (job_of(u)->launch && job_of(u)->launch->attach)
		return start_attached(s, u, spec, err);
	if (notify_child_end(job_of(u)) >= 0) {
		spec->extra_as = job_of(u)->svc->check.notify_fd;
		spec->extra_fd = notify_child_end(job_of(u));
	}
	int64_t since = clock_wall_ns();
	int rc = spawn_logged(s, u, spec, &child, err);
	notify_forked(job_of(u));
	job_of(u)->log_id = job_of(u)->pipes_id;
	job_of(u)->log_since_ns = since;
	if (rc == 0)
		note_start(s, u, &child);
	return rc;
}

void launch_afresh(struct unit *u)
{
	u->exec_ok = u->was_ready = u->unhealthy = u->unprepared = false;
	if (u->want_up) /* else a stop is in the queue behind this start */
		u->cause = CAUSE_NONE;
	u->trouble.code = ERR_OK;
	u->closed = u->keeps_kids = false;
	u->cpu_before_ns += u->cpu_ns; /* of what was left running behind its end */
	u->cpu_ns = 0;
	job_of(u)->launched = true;
	job_of(u)->will_due = !job_of(u)->candidate;
}

/* For a process of the unit: its environment with the init's names on top, and more of them for a
 * hook. To be freed, and used before the next one is made, as the names are in one place. NULL: out of memory, with
 * err. */
static char **environment(
	const struct super *s, const struct job *j, const enum hook_kind *kind, struct err *err)
{
	static struct names names;

	fill_names(s, j->u, &names);
	if (kind)
		fill_hook_names(j->u, *kind, &names);
	else if (notify_env(j))
		names.v[names.n++] = notify_env(j);
	char **envp = env_vector(j->env, names.v, names.n);
	if (!envp)
		err_set(err, ERR_EXEC_FAILED, ENOMEM, "out of memory");
	return envp;
}

/* The one process of a remote unit's start. As whoever we are, since the file may be another's than its children's user. */
static int fill_token(
	struct job *j, struct child_spec *spec, struct child_token *t, struct err *err)
{
	if (!j->token[0] && token_make(j->token) < 0)
		return err_sys(err, ERR_START_FAILED, errno, "no random bytes for a token");
	*t = (struct child_token){ j->svc->token_file, j->token, (uid_t)j->svc->remote_uid };
	spec->token = t;
	spec->cred = NULL;
	spec->fence = NULL;
	return 0;
}

int launch_start(struct super *s, struct unit *u, struct err *err)
{
	struct child_token token;
	struct job *j = job_of(u);
	if (!j->prepared) { /* else it has begun before its hook */
		define_take(s, j);
		launch_afresh(u);
	}
	struct child_spec spec = { .argv = argv_of(j) };
	if (join_groups(s, j, err) < 0 || meter_can(s, u, err) < 0 || notify_open(j, err) < 0)
		return -1;
	autofree char **envp = environment(s, j, NULL, err);
	if (!envp)
		return -1;
	spec.envp = envp;
	spec.tty = s->tty == TTY_LED && !unit_spawned(u)      ? CHILD_TTY_SESSION
		   : s->tty == TTY_SHARED && !unit_spawned(u) ? CHILD_TTY_GROUP
							      : CHILD_TTY_NONE;
	fill_spec(s, j, &spec);
	if (job_remote(j) && fill_token(j, &spec, &token, err) < 0)
		return -1;
	return start(s, u, &spec, err);
}

/* A hook or a check: what runs beside the main process sees what that sees, as long as it is there. */
static int start_beside(struct super *s, struct job *j, struct child_spec *spec, bool logged,
	struct spawned *ret, struct err *err)
{
	spec->aside = true;
	if (j->u->main_alive && spec->fence &&
		(spec->join_fd = fence_beside(spec->fence, j->u->pid)) < 0)
		return err_sys(err, ERR_NAMESPACE, errno, "the namespaces of %s", j->u->name);
	int rc = logged ? spawn_logged(s, j->u, spec, ret, err) : spawn_start(spec, ret, err);
	if (spec->join_fd)
		close(spec->join_fd);
	return rc;
}

int launch_hook(struct super *s, struct job *j, enum hook_kind kind,
	const struct hook_groups *groups, struct spawned *ret, struct err *err)
{
	struct child_spec spec = { .argv = j->svc->hooks[kind].argv, .fd = { -1, -1, -1 } };
	autofree char **envp = environment(s, j, &kind, err);

	if (!envp)
		return -1;
	spec.envp = envp;
	fill_spec(s, j, &spec);
	spec.mark = groups->mark;
	spec.cgroup_fd = groups->cgroup_procs;
	return start_beside(s, j, &spec, true, ret, err);
}

int launch_probe(struct super *s, struct job *j, char *const *argv, uint64_t mark, pid_t *ret_pid,
	struct err *err)
{
	struct child_spec spec = { .argv = argv, .fd = { -1, -1, -1 } };
	autofree char **envp = environment(s, j, NULL, err);
	struct spawned child = { .status_fd = -1 };

	if (!envp)
		return -1;
	spec.envp = envp;
	fill_spec(s, j, &spec);
	if (mark)
		spec.mark = mark;
	if (start_beside(s, j, &spec, false, &child, err) < 0)
		return -1;
	close(child.status_fd); /* a check that can't be executed exits 127, which is an answer */
	*ret_pid = child.pid;
	if (aux_add(s, child.pid, j, NULL) == 0)
		return 0;
	(void)kill(child.pid, SIGKILL); /* nobody would be told of its end */
	return err_no_memory(err);
}
