/* The logger process seen from PID 1: it gets the read ends, we keep copies, so that it may die. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "super/logproc.h"
#include "super/parts.h"

enum {
	NEWS_BYTES = 6 * 1024, /* the longest message of the logger: a unit's last lines */
	FAILURES_MOST = 3,     /* ends of its own, each right after its start */
	FINISHES_MOST = 5, /* loggers that are started to write the rest at the end of the run */
	LOGGER_NO_MEMORY = 70, /* as in include/logger/logger.h */
};

#define SOON_NS (1 * NS_PER_SEC)

#ifndef MFD_NOEXEC_SEAL
#define MFD_NOEXEC_SEAL 8U
#endif

#define AGAIN_NS                                                                                   \
	(500 * NS_PER_MS) /* a logger that dies at once is not started more often than this */

void logstream_free(struct log_stream *st)
{
	list_del(&st->link);
	if (st->fd >= 0)
		close(st->fd);
	free(st->path);
	free(st);
}

/* One packet with one descriptor. */
static int send_stream(int ctl, const struct log_stream *st)
{
	union {
		char bytes[CMSG_SPACE(sizeof(int))];
		struct cmsghdr align;
	} control;
	struct buf b;

	buf_init(&b, CAP_PACKET);
	packet_put(&b, "op", "add");
	packet_put_int(&b, "id", (int64_t)st->id);
	packet_put(&b, "path", st->path);
	if (st->label)
		packet_put(&b, "label", st->path);
	packet_put_int(&b, "stream", st->which);
	packet_put_int(&b, "sinks", st->sinks);
	packet_put_int(&b, "max_bytes", st->max_bytes);
	packet_put_int(&b, "max_files", st->max_files);
	packet_end(&b, NULL, 0);
	struct iovec iov = { b.p, b.len };
	struct msghdr m = { .msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = control.bytes,
		.msg_controllen = sizeof control.bytes };
	memset(&control, 0, sizeof control);
	struct cmsghdr *c = CMSG_FIRSTHDR(&m);
	c->cmsg_level = SOL_SOCKET;
	c->cmsg_type = SCM_RIGHTS;
	c->cmsg_len = CMSG_LEN(sizeof(int));
	memcpy(CMSG_DATA(c), &st->fd, sizeof(int));
	int rc = b.failed ? -1 : (int)sendmsg(ctl, &m, MSG_DONTWAIT | MSG_NOSIGNAL);
	buf_done(&b);
	return rc < 0 ? -1 : 0;
}

/* 0, or -1: it is still to be sent. */
static int send_order(struct logproc *lp, const char *op)
{
	struct buf b;

	buf_init(&b, CAP_PACKET);
	packet_put(&b, "op", op);
	return logproc_send(lp, &b);
}

/* True: something is left, and errno says why. */
static bool send_rest(struct logproc *lp)
{
	errno = 0;
	if (lp->reopen && !lp->finishing)
		lp->reopen = send_order(lp, "reopen") < 0;
	bool left = lp->reopen;
	list_each(it, &lp->streams)
	{
		struct log_stream *st = list_entry(it, struct log_stream, link);
		if (!st->sent && !left)
			st->sent = send_stream(lp->ctl.fd, st) == 0;
		left |= !st->sent;
	}
	/* Last: it takes nothing after it. */
	if (lp->finish && !left)
		lp->finish = send_order(lp, "finish") < 0;
	return left || lp->finish;
}

static void try_again(struct super *s, struct timer *t);

/* Where it has no room for what is sent, or the kernel refuses that, each try would be one for nothing. */
void logproc_flush(struct super *s)
{
	struct logproc *lp = s->logproc;

	if (lp->ctl.fd < 0)
		return;
	bool left = !lp->again.node.at && send_rest(lp);
	if (left && errno != EAGAIN) {
		timer_set(s, &lp->again, clock_mono_ns() + AGAIN_NS, try_again);
		left = false;
	}
	(void)loop_mod(s->loop, &lp->ctl, left ? LOOP_IN | LOOP_OUT : LOOP_IN);
}

static void say_plain(struct logproc *lp, const char *why)
{
	if (!lp->plain_said)
		log_line(LOG_WARN,
			"no journal of log lines here (%s): what a killed logger holds is lost",
			why);
	lp->plain_said = true;
}

static void say_total(struct logproc *lp, const struct packet *p)
{
	const char *removed = packet_get(p, "removed"), *dir = packet_get(p, "dir");

	if (!removed || !dir || lp->total_said)
		return;
	lp->total_said = true;
	log_line(LOG_WARN, "the files in %s come to more than logs.max_total: %s", dir,
		strcmp(removed, "0") != 0 ? "the oldest that are done with are removed"
					  : "each of them is in use");
}

/* What the logger tells of its own state. */
static void take_trouble(struct logproc *lp, const char *op, const struct packet *p)
{
	const char *why = packet_get(p, "why"), *dropped = packet_get(p, "dropped");

	if (strcmp(op, "plain") == 0)
		say_plain(lp, why ? why : "unknown");
	else if (strcmp(op, "total") == 0)
		say_total(lp, p);
	else if (strcmp(op, "full") == 0 && why && dropped)
		log_line(LOG_ERR, "log lines are lost: %s; %s so far", why, dropped);
}

static void take_news(struct super *s, const struct packet *p)
{
	struct logproc *lp = s->logproc;
	const char *op = packet_get(p, "op");
	struct err err;
	int64_t id = -1, which = -1;

	if (packet_get(p, "done"))
		lp->done = true;
	if (op && strcmp(op, "tail") == 0)
		logtail_answer(s, p);
	else if (op)
		take_trouble(lp, op, p);
	if (!op || packet_int(p, "id", 0, INT64_MAX, &id, &err) < 0 ||
		packet_int(p, "stream", 0, 2, &which, &err) < 0)
		return;
	bool eof = strcmp(op, "eof") == 0, lost = strcmp(op, "lost") == 0;
	list_each(it, &lp->streams)
	{
		struct log_stream *st = list_entry(it, struct log_stream, link);
		if ((int64_t)st->id != id || st->which != which)
			continue;
		if (eof)
			logstream_free(st);
		else if (lost)
			st->sent = false;
		break;
	}
	if (lost) /* not at once: it is out of descriptors or memory */
		timer_in(s, &lp->again, AGAIN_NS, try_again);
}

static void drop_ctl(struct logproc *lp)
{
	loop_close(lp->s->loop, &lp->ctl);
}

static void ctl_ready(struct loop *l, struct watch *w, uint32_t events)
{
	struct logproc *lp = container_of(w, struct logproc, ctl);
	char bytes[NEWS_BYTES];
	struct packet p;

	(void)l;
	(void)events;
	do {
		ssize_t n = recv(w->fd, bytes, sizeof bytes, MSG_DONTWAIT);
		if (n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR)) {
			/* its end is told by its exit; until then nothing more is to be read here
			 */
			drop_ctl(lp);
			return;
		}
		if (n < 0)
			break;
		if (packet_parse(&p, bytes, (size_t)n) == 0)
			take_news(lp->s, &p);
	} while (!turn_spent(lp->s));
	logproc_flush(lp->s);
}

static void run_logger(struct super *s, int ctl, int own)
{
	const struct log_spec *logs = &s->m->logs;
	struct super_logger cfg = { .ctl_fd = ctl,
		.own_fd = own,
		.journal_fd = s->logproc->journal,
		.picture_fd = s->pictures[0],
		.log_dir = s->log_dir,
		.max_bytes = logs->max_bytes,
		.max_files = (int)logs->max_files,
		.max_total = logs->max_total };

	_exit(s->opts->logger_main(&cfg));
}

static int launch_logger(struct super *s)
{
	struct logproc *lp = s->logproc;
	int sv[2];

	lp->started_ns = clock_mono_ns();
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, sv) < 0)
		return -1;
	pid_t pid = fork();
	if (pid == 0)
		run_logger(s, sv[1], lp->own[0]);
	close(sv[1]);
	if (pid < 0) {
		close(sv[0]);
		return -1;
	}
	lp->pid = pid;
	timer_del(s, &lp->again);
	sweep_spare(s->sweep, pid);
	lp->ctl = (struct watch){ .fd = sv[0], .events = LOOP_IN, .fn = ctl_ready };
	if (loop_add(s->loop, &lp->ctl) < 0)
		log_line(LOG_ERR, "the logger can't be watched: %s", strerror(errno));
	list_each(it, &lp->streams) list_entry(it, struct log_stream, link)->sent = false;
	logproc_flush(s);
	return 0;
}

static void try_again(struct super *s, struct timer *t)
{
	struct logproc *lp = container_of(t, struct logproc, again);

	if (lp->ctl.fd >= 0 || lp->pid)
		logproc_flush(s);
	else if (launch_logger(s) < 0)
		timer_in(s, t, AGAIN_NS, try_again);
}

static void close_journal(struct logproc *lp)
{
	if (lp->journal >= 0)
		close(lp->journal);
	lp->journal = -1;
}

/* Linux 6.3 refuses one that could be executed, where vm.memfd_noexec says so. The header is mapped:
 * who cuts the file would kill each logger that looks at it. */
static void open_journal(struct logproc *lp)
{
	const unsigned flags = MFD_CLOEXEC | MFD_ALLOW_SEALING;

	lp->journal = (int)syscall(SYS_memfd_create, "sysg-journal", flags | MFD_NOEXEC_SEAL);
	if (lp->journal < 0 && errno == EINVAL)
		lp->journal = (int)syscall(SYS_memfd_create, "sysg-journal", flags);
	if (lp->journal < 0)
		say_plain(lp, strerror(errno));
	else
		(void)fcntl(lp->journal, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_SEAL);
}

/* A logger that ends by itself again and again may do so for what its journal has: then services
 * would wait for ever. One that somebody kills, or that finds no memory, is none of these. */
static void judge_end(struct logproc *lp, int code, int sig)
{
	bool own = sig ? sig != SIGKILL : code != LOGGER_NO_MEMORY;

	if (!own || clock_mono_ns() - lp->started_ns > SOON_NS)
		lp->failures = 0;
	else
		lp->failures++;
	if (lp->failures < FAILURES_MOST || lp->journal < 0)
		return;
	log_line(LOG_ERR,
		"the logger ended %d times at once: the next one begins without what these had "
		"taken in",
		lp->failures);
	close_journal(lp);
	open_journal(lp);
	lp->failures = 0;
}

int logproc_start(struct super *s)
{
	struct logproc *lp = calloc(1, sizeof *lp);

	if (!lp)
		return -1;
	lp->s = s;
	lp->ctl.fd = -1;
	list_init(&lp->streams);
	if (pipe2(lp->own, O_CLOEXEC | O_NONBLOCK) < 0) {
		free(lp);
		return -1;
	}
	s->logproc = lp;
	open_journal(lp);
	if (launch_logger(s) < 0) {
		close_journal(lp);
		close(lp->own[0]);
		close(lp->own[1]);
		free(lp);
		s->logproc = NULL;
		return -1;
	}
	log_to(lp->own[1], 0);
	return 0;
}

bool logproc_is(const struct super *s, pid_t pid)
{
	return s->logproc && s->logproc->pid == pid;
}

/* What is in the pipes and in the journal is still to be written. */
static void finish_again(struct super *s)
{
	struct logproc *lp = s->logproc;

	lp->finish = true;
	if (lp->finishes++ >= FINISHES_MOST || launch_logger(s) < 0)
		lp->done = true;
}

void logproc_died(struct super *s, int code, int sig)
{
	struct logproc *lp = s->logproc;

	drop_ctl(lp);
	lp->pid = 0;
	judge_end(lp, code, sig);
	if (lp->finishing) {
		lp->done |= !code && !sig;
		if (!lp->done)
			finish_again(s);
		return;
	}
	log_line(LOG_WARN, "the logger ended; it is started again with the same pipes");
	event_add(s, EVENT_LOGGER, NULL, ERR_OK, "with the same pipes");
	int64_t now = clock_mono_ns();
	if (now - lp->started_ns > AGAIN_NS && launch_logger(s) == 0)
		return;
	timer_set(s, &lp->again, now + AGAIN_NS / 5, try_again);
}

int logproc_send(struct logproc *lp, struct buf *b)
{
	packet_end(b, NULL, 0);
	bool sent = lp->ctl.fd >= 0 && !b->failed &&
		    send(lp->ctl.fd, b->p, b->len, MSG_DONTWAIT | MSG_NOSIGNAL) >= 0;
	buf_done(b);
	return sent ? 0 : -1;
}

void logproc_stop(struct super *s)
{
	struct logproc *lp = s->logproc;

	if (!lp)
		return;
	timer_del(s, &lp->again);
	lp->finishing = true;
	lp->finish = true;
	log_to(STDERR_FILENO, 1);
	if (!lp->pid)
		finish_again(s);
	else if (lp->ctl.fd >= 0)
		logproc_flush(s);
}

void logproc_reopen(struct super *s)
{
	struct logproc *lp = s->logproc;

	if (!lp)
		return;
	/* One that is to be started opens all of them anew in any case. */
	lp->reopen = lp->ctl.fd >= 0;
	logproc_flush(s);
}

bool logproc_done(const struct super *s)
{
	return !s->logproc || s->logproc->done;
}

void logproc_free(struct super *s)
{
	struct logproc *lp = s->logproc;

	logtail_drop_all(s);
	if (!lp)
		return;
	timer_del(s, &lp->again);
	list_each(it, &lp->streams) logstream_free(list_entry(it, struct log_stream, link));
	drop_ctl(lp);
	close_journal(lp);
	close(lp->own[0]);
	close(lp->own[1]);
	free(lp);
	s->logproc = NULL;
}
