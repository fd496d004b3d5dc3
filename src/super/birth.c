/* A spawn that was made ready: admitted, and started; or in the queue; or refused. */
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "node/keep.h"
#include "super/birth.h"
#include "super/born.h"
#include "super/env.h"
#include "super/meter.h"
#include "super/ops.h"
#include "super/will.h"

void birth_free(struct super *s, struct birth *b)
{
	if (!b)
		return;
	launch_free(b->launch);
	wills_free(b->wills);
	env_drop(s, b->env, b->q.parent);
	free(b->name);
	free(b->cwd);
	free(b->command);
	free(b->requests);
	free(b->grants);
	free(b);
}

static int look_up_rights(struct conn *c, const struct birth *b, struct born *ret, struct err *err)
{
	if (!c->unit && c->cls != PEER_OPERATOR) /* while it waited */
		return err_set(err, ERR_GONE, 0, "who asked for it has ended");
	for (char **v = b->requests; *v; v++)
		if (born_request(c, *v, b->q.parent, ret, err) < 0)
			return -1;
	for (char **v = b->grants; *v; v++)
		if (born_grant(c, *v, ret, err) < 0)
			return -1;
	return 0;
}

/* In the tree, with its rights; or as if it had never been. */
static struct unit *admit_with_rights(
	const struct birth *b, struct buf *ret_dropped, struct err *err)
{
	struct conn *c = b->asker;
	struct born born = { 0 };

	if (look_up_rights(c, b, &born, err) < 0)
		return NULL;
	struct unit *u = tree_admit(&c->s->tree, b->q.parent, &b->want, clock_mono_ns(), err);
	if (!u)
		return NULL;
	for (size_t i = 0; i < born.ndropped; i++)
		(void)buf_add(ret_dropped, born.dropped[i], strlen(born.dropped[i]) + 1);
	if (ret_dropped->failed)
		err_no_memory(err);
	else if (born_give(c->s, &born, u, err) == 0)
		return u;
	tree_unadmit(&c->s->tree, u);
	return NULL;
}

/* The child, if the tree has room for it now; what it needs has gone over to its job. NULL: b is as it was. */
static struct unit *admit(struct super *s, struct birth *b, struct err *err)
{
	/* besides its environment: of one that may be started again, and for its end */
	size_t kept = b->will_bytes + (b->want.again ? b->size : 0);
	struct buf dropped;
	buf_init(&dropped, CAP_PACKET);
	bool paid = keep_add(b->q.parent, kept, ERR_TOO_LARGE, err) == 0;
	if (paid)
		meter_read(s, b->q.parent->root);
	struct unit *u = paid ? admit_with_rights(b, &dropped, err) : NULL;
	struct job *j = u ? job_new(s, u, NULL) : NULL;

	if (!j || (b->asker->then_exit && conn_add_unit(b->asker, u) < 0)) {
		if (u) {
			job_free(s, j);
			tree_unadmit(&s->tree, u);
			err_no_memory(err);
		}
		buf_done(&dropped);
		keep_sub(b->q.parent, paid ? kept : 0);
		return NULL;
	}
	j->dropped = dropped;
	j->launch = b->launch;
	j->kept = kept;
	j->wills = b->wills;
	j->env = b->env;
	j->cwd = b->cwd;
	j->command = b->command;
	b->launch = NULL;
	b->env = NULL;
	b->wills = NULL;
	b->cwd = b->command = NULL;
	return u;
}

/* Starts the child that was admitted; c is answered once it was executed. */
static void start(struct conn *c, struct unit *u)
{
	struct job *j = job_of(u);

	j->asker = c;
	j->tag = c->tag;
	c->tagged += c->tag != 0;
	if (++c->s->starts >= STARTS_A_TURN)
		c->s->until_ns = 0;
	conn_waits(c, WAIT_EXEC);
	if (j->launch->attach)
		conn_lend(c);
	post(c->s, u, EV_DEPS_UP);
}

void birth_refused(struct conn *c, struct unit *parent, const struct err *err)
{
	c->then_exit = c->bound = false;
	if (parent)
		event_add(c->s, EVENT_REFUSED, parent, err->code, "spawn: %s", err->msg);
	if (c->wait == WAIT_QUEUE)
		conn_waits(c, WAIT_NOTHING);
	conn_fail(c, err);
}

void birth_now(struct super *s, struct birth *b)
{
	struct conn *c = b->asker;
	struct err err;
	struct unit *u = admit(s, b, &err);

	c->tag = b->tag; /* another one's was answered since it asked */
	if (u) {
		start(c, u);
	} else {
		bool passes = err.code == ERR_CHILDREN || err.code == ERR_DESCENDANTS ||
			      err.code == ERR_RATE;
		if (passes && b->queue_ns && queue_birth(s, b, &err) == 0)
			return;
		birth_refused(c, b->q.parent, &err);
	}
	birth_free(s, b);
}
