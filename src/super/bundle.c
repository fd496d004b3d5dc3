/* Reading what a manifest is made of, in a throwaway fork: a dead file system holds up the fork,
 * never the loop. The fork parses the manifest too, to learn which files it needs; the init parses
 * the same bytes again. */
#include "super/bundle.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/caps.h"
#include "base/clock.h"
#include "base/log.h"
#include "os/shut.h"
#include "os/slurp.h"
#include "super/parts.h"

#define READ_NS (10 * NS_PER_SEC)
enum {
	BUNDLE_MAX = 64 * 1024 * 1024,
	ACCOUNTS_MAX = 1024 * 1024,
	CHUNK = 65536,
	CHUNKS_A_TURN = 16
};

static const char passwd_path[] = "/etc/passwd", group_path[] = "/etc/group";
extern char **environ;

/* What comes before each file: the path and the text follow, each with its NUL. */
struct record {
	uint32_t path, text; /* bytes, the NUL among them */
	int32_t failed, sys; /* failed: the text says why */
};

/* --- in the fork --- */

static void put(int fd, const void *bytes, size_t n)
{
	const char *p = bytes;

	while (n) {
		ssize_t w = write(fd, p, n);
		if (w < 0 && errno != EINTR)
			_exit(1);
		if (w > 0) {
			p += w;
			n -= (size_t)w;
		}
	}
}

/* The file into *text, and over the pipe. */
static int send_file(int fd, const char *path, bool trust, size_t max, struct buf *text)
{
	struct err err;
	struct record r = { .path = (uint32_t)strlen(path) + 1 };

	buf_init(text, max);
	int rc = slurp_here(path, trust, text, &err);
	const char *said = rc < 0 ? err.msg : text->p ? text->p : "";
	r.failed = rc < 0;
	r.sys = rc < 0 ? err.sys : 0;
	r.text = (uint32_t)(rc < 0 ? strlen(said) : text->len) + 1;
	put(fd, &r, sizeof r);
	put(fd, path, r.path);
	put(fd, said, r.text);
	return rc;
}

static void send_named(int fd, const char *path, size_t max)
{
	struct buf text;

	(void)send_file(fd, path, false, max, &text);
	buf_done(&text);
}

static bool needs_accounts(const struct manifest *m)
{
	bool any = m->control_group != NULL;

	for (size_t i = 0; i < m->nservices; i++)
		any |= m->services[i].user || m->services[i].group || m->services[i].groups;
	return any;
}

/* Who has files: all of each manifest, then each project, then each service. */
static size_t owners(const struct manifest *m)
{
	return (m->nfiles ? m->nfiles : 1) + m->nprojects + m->nservices;
}

/* The nth that a service is made with: its time zone, its slot, of its environment, of its secrets, then of its messages. NULL:
 * there are no more. */
static const char *file_of(const struct manifest *m, size_t who, size_t n)
{
	size_t files = m->nfiles ? m->nfiles : 1, above = files + m->nprojects;
	const struct service *svc = who >= above ? &m->services[who - above] : NULL;
	const struct env_spec *env = svc            ? &svc->env
				     : who >= files ? &m->projects[who - files].env
						    : &manifest_file(m, who)->env;

	if (svc && svc->cron.zone_file && !n--)
		return svc->cron.zone_file;
	if (svc && svc->deployment.blue && svc->deployment.blue->state_path && !n--)
		return svc->deployment.blue->state_path;
	for (char **f = env->files; f && *f; f++)
		if (!n--)
			return *f;
	if (n < env->nsecrets)
		return env->secrets[n].value;
	n -= env->nsecrets;
	for (size_t i = 0; svc && i < svc->nsends; i++)
		if (svc->sends[i].file && !n--)
			return svc->sends[i].file;
	return NULL;
}

static bool needs_files(const struct manifest *m)
{
	bool any = needs_accounts(m);

	for (size_t who = 0; who < owners(m); who++)
		any |= file_of(m, who, 0) != NULL;
	return any;
}

/* Was it sent for one before this, or for all? */
static bool sent_before(const struct manifest *m, size_t who, const char *path)
{
	const char *file;

	for (size_t i = 0; i < who; i++)
		for (size_t n = 0; (file = file_of(m, i, n)); n++)
			if (strcmp(file, path) == 0)
				return true;
	return false;
}

static void send_files(int fd, const struct manifest *m)
{
	const char *file;

	for (size_t who = 0; who < owners(m); who++)
		for (size_t n = 0; (file = file_of(m, who, n)); n++)
			if (!sent_before(m, who, file))
				send_named(fd, file, CAP_ENV_FILE);
	if (!needs_accounts(m))
		return;
	send_named(fd, passwd_path, ACCOUNTS_MAX);
	send_named(fd, group_path, ACCOUNTS_MAX);
}

typedef int read_fn(void *arg, const char *path, bool trust, struct buf *ret, struct err *err);

static struct manifest *parse(const char *path, const struct buf *text, bool cwd_default,
	read_fn *read, void *arg, struct findings *f)
{
	struct manifest_source src = { .path = path,
		.text = text->p ? text->p : "",
		.len = text->len,
		.environ = environ,
		.cwd_default = cwd_default,
		.may_switch_user = geteuid() == 0,
		.read = read,
		.arg = arg };

	return manifest_load(&src, f);
}

/* In the fork: from its file, and over the pipe. */
static int include_file(void *arg, const char *path, bool trust, struct buf *ret, struct err *err)
{
	if (send_file(*(int *)arg, path, trust, ret->max, ret) == 0)
		return 0;
	return err_set(err, ERR_INCLUDE, 0, "%s", path); /* the init says why */
}

static void send_manifest(int fd, const char *path, bool cwd_default)
{
	struct findings findings;
	struct buf text;

	if (send_file(fd, path, true, CAP_MANIFEST, &text) < 0)
		return;
	struct manifest *m = parse(path, &text, cwd_default, include_file, &fd, &findings);
	if (m)
		send_files(fd, m);
	(void)manifest_free(m);
	findings_done(&findings);
	buf_done(&text);
}

/* m NULL: the manifests, and what they need. */
static pid_t fork_reader(
	const struct manifest *m, const struct reading_file *files, size_t n, int ret_pipe[2])
{
	if (pipe2(ret_pipe, O_CLOEXEC) < 0)
		return -1;
	pid_t pid = fork();
	if (pid == 0) {
		shut_from(3, (const int[]){ ret_pipe[1], -1 });
		if (m)
			send_files(ret_pipe[1], m);
		else
			for (size_t i = 0; i < n; i++)
				send_manifest(ret_pipe[1], files[i].path, files[i].cwd_default);
		_exit(0);
	}
	int sys = errno;
	close(ret_pipe[1]);
	if (pid < 0)
		close(ret_pipe[0]);
	errno = sys;
	return pid;
}

/* --- in the init --- */

void bundle_done(struct bundle *b)
{
	buf_done(&b->bytes);
}

static int unread(const char *what, int sys, struct err *err)
{
	return err_set(err, ERR_UNKNOWN, sys, "%s: not read: %s", what,
		sys == ETIMEDOUT ? "10 s are over" : strerror(sys));
}

int bundle_of(const struct manifest *m, struct bundle *ret, struct err *err)
{
	int p[2];

	buf_init(&ret->bytes, BUNDLE_MAX);
	if (!needs_files(m))
		return 0;
	pid_t pid = fork_reader(m, NULL, 0, p);
	if (pid < 0)
		return unread("environment files and accounts", errno, err);
	int sys = slurp_pipe(p[0], clock_mono_ns() + READ_NS, &ret->bytes) < 0 ? errno : 0;
	close(p[0]);
	if (!sys)
		return 0;
	(void)kill(pid, SIGKILL); /* our own unreaped child: the pid is still its own */
	bundle_done(ret);
	return unread("environment files and accounts", sys, err);
}

/* The record at *at, which is left behind it. False: the end, or cut off. */
static bool next_record(const struct bundle *b, size_t *at, struct record *r, const char **ret_path,
	const char **ret_text)
{
	size_t left = b->bytes.len - *at;

	if (left < sizeof *r)
		return false;
	memcpy(r, b->bytes.p + *at, sizeof *r);
	left -= sizeof *r;
	if (!r->path || !r->text || r->path > left || r->text > left - r->path)
		return false;
	*ret_path = b->bytes.p + *at + sizeof *r;
	*ret_text = *ret_path + r->path;
	*at += sizeof *r + r->path + r->text;
	return true;
}

int bundle_find(const struct bundle *b, const char *path, const char **ret_text, size_t *ret_len,
	struct err *err)
{
	struct record r;
	const char *name, *text;

	for (size_t at = 0; next_record(b, &at, &r, &name, &text);) {
		if (strcmp(name, path) != 0)
			continue;
		if (r.failed)
			return err_set(err, err_of_want(r.sys) ? ERR_UNKNOWN : ERR_BAD_VALUE, r.sys,
				"%s", text);
		*ret_text = text;
		*ret_len = r.text - 1;
		return 0;
	}
	return err_set(err, ERR_UNKNOWN, EIO, "%s: it was not read", path);
}

/* A file that is there and can't be read now must not count as empty: the same user would get other
 * groups. */
static const char *accounts(
	const struct bundle *b, const char *path, enum err_code code, struct err *err)
{
	const char *text;
	size_t n;

	if (bundle_find(b, path, &text, &n, err) == 0)
		return text;
	if (err->sys == ENOENT || err->sys == ENOTDIR)
		return "";
	err->code = code;
	return NULL;
}

int bundle_account(const struct bundle *b, const char *user, const char *group, struct account *ret,
	struct err *err)
{
	const char *passwd = accounts(b, passwd_path, ERR_UID, err), *groups;

	if (!passwd || !(groups = accounts(b, group_path, ERR_GID, err)))
		return -1;
	return account_find(user, group, passwd, groups, ret, err);
}

int bundle_groups(const struct bundle *b, char *const *more, struct account *ret, struct err *err)
{
	const char *groups = accounts(b, group_path, ERR_GROUPS, err);

	for (; groups && *more; more++)
		if (account_add_group(*more, groups, ret, err) < 0)
			return -1;
	return groups ? 0 : -1;
}

/* The first error, as its text says where; the others go to the log. */
static void first_error(const struct findings *f, const char *path, struct err *err)
{
	bool any = false;

	(void)err_set(err, ERR_UNKNOWN, ENOMEM, "%s: out of memory", path);
	for (size_t i = 0; i < f->n; i++) {
		const struct err *e = &f->v[i].err;
		if (f->v[i].warning)
			continue;
		if (any)
			log_line(LOG_WARN, "error[SG%04d]: %s:%d:%d: %s", (int)e->code, path,
				e->line, e->col, e->msg);
		else
			*err = *e;
		any = true;
	}
	if (any && err->line)
		(void)err_wrap(err, "%s:%d:%d", path, err->line, err->col);
}

/* In the init: from what was sent. */
static int include_sent(void *arg, const char *path, bool trust, struct buf *ret, struct err *err)
{
	const char *text;
	size_t n;

	(void)trust; /* the fork has seen to that */
	if (bundle_find(arg, path, &text, &n, err) < 0)
		return -1;
	if (buf_add(ret, text, n) == 0)
		return 0;
	return err_set(err, ERR_INCLUDE, errno == EMSGSIZE ? EFBIG : errno, "%s: %s", path,
		strerror(errno));
}

struct manifest *bundle_manifest(
	const struct bundle *b, const char *path, bool cwd_default, struct err *err)
{
	struct findings findings;
	const char *bytes = NULL;
	struct buf text = { 0 };

	if (bundle_find(b, path, &bytes, &text.len, err) < 0)
		return NULL;
	text.p = (char *)(uintptr_t)bytes;
	struct manifest *m =
		parse(path, &text, cwd_default, include_sent, (void *)(uintptr_t)b, &findings);
	for (size_t i = 0; m && i < findings.n; i++)
		log_line(
			LOG_WARN, "%s:%d: %s", path, findings.v[i].err.line, findings.v[i].err.msg);
	if (!m)
		first_error(&findings, path, err);
	findings_done(&findings);
	return m;
}

/* --- without waiting --- */

void reading_stop(struct reading *r)
{
	if (r->w.fd < 0)
		return;
	struct pollfd p = { .fd = r->w.fd };

	loop_del(r->s->loop, &r->w);
	timer_del(r->s, &r->timer);
	/* While its end of the pipe is open it lives, and the number is its own. */
	if (poll(&p, 1, 0) == 0)
		(void)kill(r->pid, SIGKILL);
	close(r->w.fd);
	r->w.fd = -1;
	bundle_done(&r->bundle);
}

static void finish(struct reading *r, int sys)
{
	struct err err;

	if (sys) {
		reading_stop(r);
		(void)unread("the manifest and its files", sys, &err);
		r->done(r, &err);
		return;
	}
	loop_close(r->s->loop, &r->w);
	timer_del(r->s, &r->timer);
	r->done(r, NULL);
}

/* A fork that writes as fast as we read has its turns, as others have theirs. */
static void pipe_ready(struct loop *l, struct watch *w, uint32_t events)
{
	struct reading *r = container_of(w, struct reading, w);
	static char chunk[CHUNK];

	(void)l;
	(void)events;
	for (int i = 0; i < CHUNKS_A_TURN; i++) {
		ssize_t n = read(w->fd, chunk, sizeof chunk);
		if (n > 0 && buf_add(&r->bundle.bytes, chunk, (size_t)n) == 0)
			continue;
		if (n > 0)
			finish(r, errno == EMSGSIZE ? EFBIG : errno);
		else if (n == 0)
			finish(r, 0);
		else if (errno == EINTR)
			continue;
		else if (errno != EAGAIN)
			finish(r, errno);
		return;
	}
}

static void too_late(struct super *s, struct timer *t)
{
	(void)s;
	finish(container_of(t, struct reading, timer), ETIMEDOUT);
}

int reading_start(struct super *s, struct reading *r, const struct reading_file *files, size_t n,
	struct err *err)
{
	int p[2];

	r->s = s;
	r->w = (struct watch){ .fd = -1, .events = LOOP_IN, .fn = pipe_ready };
	r->pid = fork_reader(NULL, files, n, p);
	if (r->pid < 0)
		return unread(files->path, errno, err);
	buf_init(&r->bundle.bytes, BUNDLE_MAX);
	r->w.fd = p[0];
	(void)fcntl(p[0], F_SETFL, O_NONBLOCK);
	timer_in(s, &r->timer, READ_NS, too_late);
	if (loop_add(s->loop, &r->w) == 0)
		return 0;
	int sys = errno;
	reading_stop(r);
	return unread(files->path, sys, err);
}
