/* Who calls: what the kernel says of the peer, or a token that a unit of another container shows; and what that
 * caller may do. */
#include "super/callers.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "os/ask.h"
#include "super/kids.h"
#include "super/message.h"
#include "super/ops.h"

#define REMOVE_NS (10 * NS_PER_SEC)

/* Of its session, too, which has the number of the main process. */
static void *main_of(void *arg, pid_t pid)
{
	return tree_by_pid(&((struct super *)arg)->tree, pid);
}

static void *aux_of(void *arg, pid_t pid)
{
	return aux_unit(arg, pid);
}

/* --- units of other containers --- */

/* How long it takes says nothing of how much of it is right. */
static bool same(const char token[TOKEN_CHARS + 1], const char *shown)
{
	unsigned differs = 0;

	if (strlen(shown) != TOKEN_CHARS)
		return false;
	for (int i = 0; i < TOKEN_CHARS; i++)
		differs |= (unsigned)(token[i] ^ shown[i]);
	return !differs;
}

struct unit *remote_unit(const struct super *s, uid_t uid, const char *shown)
{
	list_each(it, &s->tree.services)
	{
		struct unit *u = list_entry(it, struct unit, sibling);
		const struct job *j = job_of(u);
		if (job_remote(j) && (uid_t)j->svc->remote_uid == uid &&
			(!shown || same(j->token, shown)))
			return u;
	}
	return NULL;
}

void remote_lost(const struct conn *c)
{
	if (!c->unit || !job_remote(job_of(c->unit)))
		return;
	list_each(it, &c->s->conns)
	{
		const struct conn *o = list_entry(it, const struct conn, link);
		if (!o->gone && o->bound && o->unit == c->unit)
			return;
	}
	kids_order(c->s, c->unit, false, CAUSE_CASCADE);
}

static bool has_file(const struct job *j)
{
	return job_remote(j) && j->u->born; /* else what is there is not ours */
}

/* In a fork, as their file systems may hang. */
static void remove_one(const void *arg, int fd)
{
	const struct job *j = arg;

	(void)fd;
	token_remove(&(struct child_token){ .path = j->svc->token_file, .text = j->token });
}

void remotes_end(const struct super *s)
{
	list_each(it, &s->tree.services)
	{
		const struct job *j = job_of(list_entry(it, struct unit, sibling));
		if (has_file(j))
			remove_one(j, -1);
	}
}

void remote_forget(const struct job *j)
{
	int fd = has_file(j) ? ask_fork(remove_one, j, -1, REMOVE_NS) : -1;

	if (fd >= 0)
		close(fd);
	else if (has_file(j))
		log_line(LOG_WARN, "no process to remove a token file: %s", strerror(errno));
}

/* --- callers --- */

void caller_classify(struct conn *c, const char *token)
{
	struct peer_tree t = { c->s, main_of, aux_of, main_of };
	struct peer_who who = { PEER_NOBODY, NULL };

	errno = 0;
	if (!token)
		who = peer_classify(&c->peer, &t, getpid(), c->s->pre.have_proc);
	else if ((who.unit = remote_unit(c->s, c->peer.uid, token)))
		who.cls = PEER_UNIT;
	c->blind = c->unseen || err_of_want(errno);
	c->cls = who.cls;
	c->unit = who.unit;
}

struct unit *serve_unit_of(struct super *s, pid_t pid)
{
	struct peer_tree t = { s, main_of, aux_of, main_of };
	struct peer_who who = peer_classify_pid(pid, &t, getpid(), s->pre.have_proc);

	return who.cls == PEER_UNIT ? who.unit : NULL;
}

bool conn_has(const struct conn *c, enum right_verb verb, const struct unit *target)
{
	return c->cls == PEER_OPERATOR || rights_may(c->unit, verb, target);
}

int conn_may(const struct conn *c, enum right_verb verb, const struct unit *target, struct err *err)
{
	char path[UNIT_PATH_MAX];

	if (conn_has(c, verb, target))
		return 0;
	unit_path(target, path, sizeof path);
	err_set(err, ERR_DENIED, 0, "no right over %s: %s:%s is missing", path, right_word(verb),
		path);
	return -1;
}

struct unit *conn_unit(struct conn *c, const char *selector, enum right_verb verb, struct err *err)
{
	struct unit *u = tree_select(&c->s->tree, c->unit, selector, err);

	return u && conn_may(c, verb, u, err) == 0 ? u : NULL;
}
