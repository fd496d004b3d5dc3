/* Groups of units that are gone. A group can't be removed while something in it is still on its way out,
 * though nothing of it is seen any more: it is tried again, later and later, and at the end of the run. */
#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/log.h"
#include "super/hook_run.h"

enum { TRIES = 12, FIRST_MS = 20, END_ROUNDS = 50, END_MS = 2, PREFIX = 48 };

/* Two containers may have been given one cgroup, and both are PID 1: the random bits of the run keep
 * them apart. */
static void prefix_of(uint64_t base, char text[PREFIX])
{
	(void)snprintf(text, PREFIX, "sysg.%" PRIx64 ".", base >> 20);
}

/* What limits the tree of a unit by a group. */
struct wanted {
	const struct cgroup_spec *spec; /* NULL: nothing */
	char *v[CGROUP_COUNT];
	char bytes[24];
	bool must; /* written as limits.cgroup: total_memory alone is measured where there is no group */
};

/* memory.max is the least of both: total_memory needs no grace here, the kernel ends the largest. */
static bool wants(const struct unit *u, struct wanted *w)
{
	const struct job *root = job_of(u->root);
	int64_t total = u->root->limits.v[LIMIT_TOTAL_MEMORY];

	*w = (struct wanted){ .spec = root && root->svc ? &root->svc->cgroup : NULL };
	if (!w->spec)
		return false;
	memcpy(w->v, w->spec->v, sizeof w->v);
	w->must = w->spec->root != NULL;
	for (int i = 0; i < CGROUP_COUNT; i++)
		w->must |= w->v[i] != NULL;
	const char *written = w->v[CGROUP_MEMORY];
	(void)snprintf(w->bytes, sizeof w->bytes, "%" PRId64, total);
	if (total != LIMIT_NONE &&
		(!written || *written == 'm' || strtoll(written, NULL, 10) > total))
		w->v[CGROUP_MEMORY] = w->bytes;
	return w->must || total != LIMIT_NONE;
}

static int refused(struct err *err, int sys, const char *why)
{
	(void)err_set(err, ERR_RLIMIT, sys, "limits.cgroup can't be set: %s", why);
	return err_help(err, "sysg doctor");
}

/* The group of all of a tree: made by the first of it that starts, there until nothing of it is left. Where what was
 * spawned outlived the service, a new start of that sets the limits anew. */
static int open_tree(
	struct super *s, struct job *root, const struct wanted *w, bool anew, struct err *err)
{
	const struct cgroup_spec *spec = w->spec;

	char path[CGROUP_PATH], folder[CGROUP_PATH] = "", prefix[PREFIX];

	if (root->tree_group && !anew)
		return 0;
	if (spec->root && cgroup_root(s->cgroup, spec->root, folder, sizeof folder) < 0)
		return refused(err, errno, "`root` is not below the mount of cgroup v2");
	prefix_of(s->marks.base, prefix);
	if (snprintf(path, sizeof path, "%s%s%s%d.%" PRIu64 ".tree", folder, *folder ? "/" : "",
		    prefix, (int)getpid(), root->u->id) >= (int)sizeof path)
		return refused(err, ENAMETOOLONG, "`root` is too long");
	if (cgroup_limit(s->cgroup, path, w->v, err) < 0)
		return -1;
	root->tree_memory = w->v[CGROUP_MEMORY] != NULL;
	free(root->tree_group);
	root->tree_group = strdup(path);
	return root->tree_group ? 0 : refused(err, ENOMEM, "out of memory");
}

/* To join a group is never refused by its limit: so that what is spawned is no way round it. */
static int room(struct super *s, const struct job *root, const struct wanted *w, struct err *err)
{
	int64_t now = w->v[CGROUP_PIDS]
			      ? cgroup_number(s->cgroup, root->tree_group, "pids.current", "")
			      : 0;

	if (now <= 0 || now < cgroup_number(s->cgroup, root->tree_group, "pids.max", ""))
		return 0;
	(void)err_set(err, ERR_EXEC_FAILED, EAGAIN,
		"limits.cgroup.pids_max of %s reached: %" PRId64 " of %s", root->u->name, now,
		w->v[CGROUP_PIDS]);
	return err_help(err, "sysg tree %s", root->u->name);
}

static int path_in_tree(struct super *s, const struct job *j, const struct wanted *w, bool anew,
	char path[CGROUP_PATH], struct err *err)
{
	struct job *root = job_of(j->u->root);

	if (!s->cgroup)
		return refused(err, 0, "no cgroup v2 group is delegated to us");
	if (open_tree(s, root, w, anew, err) < 0 || room(s, root, w, err) < 0)
		return -1;
	(void)snprintf(path, CGROUP_PATH, "%.1900s/%" PRIu64, root->tree_group, j->u->id);
	if (root->tree_memory && cgroup_split(s->cgroup, path) < 0)
		return refused(err, errno, strerror(errno));
	return 0;
}

/* Where that of the tree is only the better way, it is tried when the service itself starts. */
static int choose(
	struct super *s, const struct job *j, int hook, char path[CGROUP_PATH], struct err *err)
{
	struct wanted w;
	bool first = j->u == j->u->root && hook < 0, tree = wants(j->u, &w);
	char prefix[PREFIX];

	if (tree && (w.must || (s->cgroup && (first || job_of(j->u->root)->tree_group)))) {
		if (path_in_tree(s, j, &w, first, path, err) == 0)
			return 0;
		if (w.must || job_of(j->u->root)->tree_group)
			return -1;
	}
	prefix_of(s->marks.base, prefix);
	(void)snprintf(path, CGROUP_PATH, "%s%d.%" PRIu64, prefix, (int)getpid(), j->u->id);
	return 1;
}

int group_open(struct super *s, struct job *j, int hook, struct group *ret, struct err *err)
{
	char path[CGROUP_PATH + 32];
	int rc = choose(s, j, hook, path, err);

	*ret = (struct group){ .procs = -1, .kill_fd = -1 };
	if (rc < 0 || !s->cgroup)
		return rc < 0 ? -1 : 0;
	size_t n = strlen(path);
	if (hook >= 0)
		(void)snprintf(path + n, sizeof path - n, ".hook.%d", hook);
	autofree char *copy = strdup(path);
	if (copy && cgroup_make(s->cgroup, path, &ret->procs, &ret->kill_fd) == 0)
		ret->path = steal_ptr(copy);
	if (ret->path || rc == 1) /* else the mark holds it all the same */
		return 0;
	return refused(err, errno, strerror(errno));
}

static void again(struct super *s, struct timer *t);

/* 20 ms, 40 ms, ... 41 s; what is left then waits for the end of the run, so that an idle init isn't
 * woken for ever by a process that somebody else put there. */
static void later(struct super *s)
{
	if (s->group_tries < TRIES)
		timer_set(s, &s->group_timer,
			clock_mono_ns() + ((int64_t)FIRST_MS << s->group_tries++) * NS_PER_MS,
			again);
}

static void again(struct super *s, struct timer *t)
{
	(void)t;
	if (cgroup_retry(s->cgroup))
		later(s);
	else
		s->group_tries = 0;
}

static void drop(struct super *s, const char *path)
{
	cgroup_drop(s->cgroup, path);
	s->group_tries = 0;
	again(s, &s->group_timer);
}

void group_close(struct super *s, struct group *g)
{
	if (g->procs >= 0)
		close(g->procs);
	if (g->kill_fd >= 0)
		close(g->kill_fd);
	if (g->path)
		drop(s, g->path);
	free(g->path);
	*g = (struct group){ .procs = -1, .kill_fd = -1 };
}

void group_leave_tree(struct super *s, struct job *j)
{
	if (!j->tree_group || j->u->descendants)
		return;
	for (const struct hook_run *h = s->hooks; h; h = h->next)
		if (h->j == j)
			return; /* one that was forked may not have joined its group yet */
	drop(s, j->tree_group);
	free(j->tree_group);
	j->tree_group = NULL;
	j->tree_memory = false;
}

bool group_oom(const struct job *j)
{
	return j->group.path &&
	       cgroup_number(j->s->cgroup, j->group.path, "memory.events.local", "oom_kill") > 0;
}

void groups_before(struct super *s, const struct mark_range *before)
{
	char prefix[PREFIX];

	if (!s->cgroup || before->base == s->marks.base)
		return;
	prefix_of(before->base, prefix);
	unsigned left = cgroup_clear(s->cgroup, prefix);
	for (size_t i = 0; i < s->m->nservices; i++) {
		char path[CGROUP_PATH], root[CGROUP_PATH];
		if (s->m->services[i].cgroup.root &&
			cgroup_root(s->cgroup, s->m->services[i].cgroup.root, root, sizeof root) ==
				0 &&
			snprintf(path, sizeof path, "%s/%s", root, prefix) < (int)sizeof path)
			left += cgroup_clear(s->cgroup, path);
	}
	if (left)
		later(s);
}

/* Everything was killed: the kernel needs a moment at most. */
void groups_end(struct super *s)
{
	char prefix[PREFIX];
	unsigned left = 0;

	if (!s->cgroup)
		return;
	timer_del(s, &s->group_timer);
	prefix_of(s->marks.base, prefix);
	for (int i = 0; i < END_ROUNDS; i++) {
		/* Without random bits the prefix could be another init's too. */
		left = s->marks.usable ? cgroup_clear(s->cgroup, prefix) : 0;
		left += cgroup_retry(s->cgroup);
		if (!left)
			break;
		(void)poll(NULL, 0, END_MS);
	}
	cgroup_restore(s->cgroup);
	if (left)
		log_line(LOG_WARN, "a cgroup of ours can't be removed: %u left", left);
}
