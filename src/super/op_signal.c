/* signal: to a unit's main process, or once to every process of its tree. */
#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <string.h>

#include "base/units.h"
#include "super/ops.h"

static void reply(struct conn *c, const struct unit *u, int sig, unsigned processes)
{
	char path[UNIT_PATH_MAX];
	struct buf b;

	answer_begin(&b);
	packet_put(&b, "row", "signalled");
	packet_put(&b, "path", unit_path(u, path, sizeof path));
	packet_put(&b, "kind", unit_spawned(u) ? "spawned" : "service");
	packet_put_int(&b, "signal", sig);
	packet_put_int(&b, "processes", processes);
	answer_send(c, &b);
}

static int not_there(const struct unit *u, struct err *err)
{
	char path[UNIT_PATH_MAX];

	unit_path(u, path, sizeof path);
	err_set(err, ERR_GONE, 0,
		u->main_alive ? "%s has no program yet: it is %s" : "%s has no process: it is %s",
		path, u->ended ? "gone" : node_state_status(u->state));
	return err_help(err, "sysg status %s", path);
}

/* The pid is its own until it is reaped, and that is ours to do. */
static int to_main(struct super *s, struct unit *u, int sig, struct err *err)
{
	if (!u->main_alive || !u->exec_ok)
		return not_there(u, err);
	if (kill(u->pid, sig) == 0 ||
		(errno == EPERM && sweep_signal(s->sweep, &job_of(u)->sweep, u->pid, sig) == 0))
		return 0;
	err_sys(err, ERR_UNKNOWN, errno, "%s can't be signalled", u->name);
	return err_help(err, "it runs as another user: sysg needs the capability KILL or SETUID");
}

/* --- the whole tree: one pass of the sweep over each unit --- */

void signal_over(struct job *j, unsigned members)
{
	struct conn *c = j->signaller;

	j->signaller = NULL;
	if (!c || c->gone)
		return;
	c->signalled += members;
	if (--c->sweeps_left)
		return;
	struct unit *u = tree_by_id(&c->s->tree, c->cursor);
	int sig = c->signal;
	unsigned n = c->signalled;
	conn_waits(c, WAIT_NOTHING);
	if (u)
		reply(c, u, sig, n);
	conn_end(c);
}

static void swept_once(struct sweep_target *t, unsigned members, bool gone)
{
	struct job *j = container_of(t, struct job, sweep);

	(void)gone;
	sweep_del(j->s->sweep, t);
	j->sweeping = false;
	signal_over(j, members);
}

static bool may_be_swept(const struct conn *c, const struct unit *u)
{
	const struct job *j = job_of(u);

	return j && !j->sweeping && u->own_left && (u->exec_ok || !u->main_alive) &&
	       conn_has(c, VERB_SIGNAL, u);
}

static bool being_signalled(struct unit *u)
{
	for (struct unit *d = NULL; (d = tree_walk(u, d));)
		if (job_of(d) && job_of(d)->signaller)
			return true;
	return job_of(u) && job_of(u)->signaller;
}

static void sweep_once(struct conn *c, struct unit *u)
{
	struct job *j = job_of(u);

	if (!may_be_swept(c, u))
		return; /* what is being stopped gets the signals of that */
	j->sweep.fn = swept_once;
	j->sweeping = true;
	j->signaller = c;
	c->sweeps_left++;
	sweep_add(c->s->sweep, &j->sweep, c->signal);
	c->s->sweep_at_ns = 0;
}

static int to_tree(struct conn *c, struct unit *u, int sig, struct err *err)
{
	if (being_signalled(u))
		return err_set(
			err, ERR_BUSY, 0, "the tree of %s is being signalled already", u->name);
	bool any = may_be_swept(c, u);
	for (struct unit *d = NULL; (d = tree_walk(u, d));)
		any |= may_be_swept(c, d);
	if (!any)
		return not_there(u, err);
	conn_waits(c, WAIT_SIGNAL);
	c->cursor = u->id;
	c->signal = sig;
	c->sweeps_left = c->signalled = 0;
	sweep_once(c, u);
	for (struct unit *d = NULL; (d = tree_walk(u, d));)
		sweep_once(c, d);
	return 0;
}

static void note(const struct conn *c, const struct unit *u, int sig, bool tree)
{
	char by[UNIT_PATH_MAX];

	event_add(c->s, EVENT_SIGNAL, u, ERR_OK, "signal=%s%s by=%s", signal_name(sig),
		tree ? " tree=1" : "", c->unit ? unit_path(c->unit, by, sizeof by) : "operator");
}

void op_signal(struct conn *c, const struct packet *p)
{
	const char *selector = packet_get(p, "unit");
	bool tree = packet_get(p, "tree") != NULL;
	int64_t sig = 0;
	struct unit *u;
	struct err err;

	if (packet_int(p, "signal", 1, SIGNAL_COUNT, &sig, &err) < 0)
		goto failed;
	if (!selector || !sig) {
		err_set(&err, ERR_BAD_REQUEST, 0, "signal needs a unit and a signal");
		goto failed;
	}
	u = conn_unit(c, selector, VERB_SIGNAL, &err);
	if (!u || (tree ? to_tree(c, u, (int)sig, &err) : to_main(c->s, u, (int)sig, &err)) < 0)
		goto failed;
	note(c, u, (int)sig, tree);
	if (tree)
		return; /* answered when the pass is through */
	reply(c, u, (int)sig, 1);
	conn_end(c);
	return;
failed:
	conn_fail(c, &err);
}
