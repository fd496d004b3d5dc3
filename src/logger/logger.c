#include "logger/logger.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/clock.h"
#include "logger/confine.h"
#include "logger/ctl.h"
#include "logger/stream.h"
#include "logger/total.h"
#include "os/trim.h"

enum {
	CTL_SLOT,
	OUT_SLOT, /* of descriptor 1; that of 2 follows */
	PICTURE_SLOT = OUT_SLOT + 2,
	STREAM_SLOT,
	MESSAGES_A_TURN = 64,
	TAIL_TURNS = 16,      /* as many as a pipe of 1 MiB needs */
	TRIM_AFTER_MS = 1000, /* of quiet the buffers' pages are given back, once */
	FINISH_STDOUT_MS =
		500, /* from when a stuck stdout is given up, so that the files get the rest */
	FINISH_FILES_MS = LOGGER_FINISH_MS - 100,
};
#define FULL_EVERY_NS (60 * NS_PER_SEC)
#define PUNCH_NS      (2 * NS_PER_SEC)

/* Everything that lines pass through, mapped once, so that the way of a line needs no memory and a
 * quiet logger holds none. */
struct arena {
	char scratch[STREAM_SCRATCH];
	char batch[LOG_FILES_BATCH];
	char chunk[SINK_MEMORY];
	struct sink_rest rest[2]; /* where there is no journal */
	struct ctl_msg msg;
};

struct logger {
	int ctl;
	struct arena *arena;
	struct picture *picture; /* while the boot is drawn: out[0]'s, and all lines go there */
	struct stream **v;
	struct pollfd *pfd; /* STREAM_SLOT + cap entries */
	size_t n, cap;
	size_t first; /* the stream whose turn is first: the one that had to wait the last time */
	bool unsent;  /* an op=eof waits for room in the socket */
	bool rest;    /* the next wait without an end begins with a trim of our memory */
	bool plain;   /* op=plain was said */
	bool over;    /* op=total was said, of removed files and (over_all) of files in use */
	bool over_all;
	int64_t punched_ns; /* when the journal's empty slots were last given back */
	bool dirty;         /* the arena has pages that hold nothing of use */
	bool closed;        /* nobody is there to answer to */
	int64_t finish_ns;  /* when finishing began, 0: not yet */
	int64_t full_ns;    /* when op=full was last said, 0: never */
	struct sink out[2]; /* of descriptors 1 and 2 */
	struct stream_sinks sinks;
	struct total total;
};

static int make_place(struct logger *lg)
{
	if (lg->n < lg->cap)
		return 0;
	size_t cap = lg->cap ? lg->cap * 2 : 16;
	struct stream **v = realloc(lg->v, cap * sizeof(*v));
	if (!v)
		return -1;
	lg->v = v;
	struct pollfd *pfd = realloc(lg->pfd, (STREAM_SLOT + cap) * sizeof(*pfd));
	if (!pfd)
		return -1;
	lg->pfd = pfd;
	lg->cap = cap;
	return 0;
}

static void say_full(struct logger *lg, const char *path, int why)
{
	int64_t now = clock_mono_ns();

	if (lg->full_ns && now - lg->full_ns < FULL_EVERY_NS)
		return;
	uint64_t dropped = lg->sinks.dropped;
	if (lg->sinks.files)
		dropped += log_files_dropped(lg->sinks.files);
	if (ctl_send_full(lg->ctl, path, strerror(why), dropped) == 0)
		lg->full_ns = now;
}

static void set_sinks(struct logger *lg, struct stream *s, const struct ctl_add *m)
{
	if (m->sinks & LOGGER_STDOUT)
		s->out = &lg->out[m->sinks & LOGGER_MERGE || lg->picture ? 0 : m->stream - 1];
	s->drop = m->sinks & LOGGER_DROP;
	s->format.json = m->sinks & LOGGER_JSON;
}

/* NULL with ENOMEM: it is to be tried again. */
static struct log_file *file_of(struct logger *lg, const struct ctl_add *m)
{
	errno = 0;
	if (!(m->sinks & LOGGER_FILE) || !lg->sinks.files)
		return NULL;
	struct log_file *f = log_file_get(lg->sinks.files, m->path, m->keep);
	if (!f && errno != ENOMEM)
		say_full(lg, m->path, errno);
	return f;
}

/* -1: fd is still the caller's. */
static int add(struct logger *lg, int fd, const struct ctl_add *m)
{
	if (make_place(lg) < 0)
		return -1;
	struct log_file *file = file_of(lg, m);
	bool can = file || errno != ENOMEM;
	struct stream *s = can ? stream_new(fd, m->id, m->stream, m->label, &lg->sinks) : NULL;
	if (!s) {
		log_file_put(lg->sinks.files, file);
		return -1;
	}
	s->file = file;
	(void)fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK);
	set_sinks(lg, s, m);
	if (lg->finish_ns)
		stream_finish(s);
	lg->v[lg->n++] = s;
	return 0;
}

static void take_add(struct logger *lg, const struct ctl_msg *m)
{
	if (m->fd >= 0 && add(lg, m->fd, &m->add) == 0)
		return;
	if (m->fd >= 0)
		(void)close(m->fd);
	else /* no descriptor was left for it */
		log_files_spare(lg->sinks.files);
	(void)ctl_send_lost(lg->ctl, m->add.id, m->add.stream);
}

static bool is_readable(int fd)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };

	return poll(&p, 1, 0) == 1;
}

/* What a process wrote before it ended is in its pipes; a child of its that goes on writing must
 * not hold us here. */
static void read_out(struct logger *lg, int64_t id)
{
	for (size_t i = 0; i < lg->n; i++) {
		struct stream *s = lg->v[i];
		for (int turns = 0; turns < TAIL_TURNS && s->id == id; turns++) {
			if (s->state != STREAM_OPEN || !stream_may_read(s) || !is_readable(s->fd))
				break;
			stream_serve(s, &lg->sinks);
		}
	}
}

static void answer_tail(struct logger *lg, const struct ctl_tail *m)
{
	size_t n;

	read_out(lg, m->id);
	lg->dirty = true;
	const char *text = tails_get(&lg->sinks.tails, m->id, &n);
	if (!text && lg->sinks.files)
		text = tail_of_file(lg->sinks.files, m->path, m->since_ns, lg->arena->scratch, &n);
	(void)ctl_send_tail(lg->ctl, m->number, text, n);
}

static void begin_finish(struct logger *lg)
{
	if (lg->finish_ns)
		return;
	lg->finish_ns = clock_mono_ns();
	for (size_t i = 0; i < lg->n; i++)
		stream_finish(lg->v[i]);
}

static void serve_ctl(struct logger *lg)
{
	struct ctl_msg *m = &lg->arena->msg;

	for (int i = 0; i < MESSAGES_A_TURN && !lg->finish_ns; i++) {
		ctl_receive(lg->ctl, m);
		if (m->kind == CTL_NOTHING)
			return;
		if (m->kind == CTL_ADD)
			take_add(lg, m);
		if (m->kind == CTL_REOPEN && lg->sinks.files)
			log_files_reopen(lg->sinks.files);
		if (m->kind == CTL_TAIL)
			answer_tail(lg, &m->tail);
		lg->closed = m->kind == CTL_CLOSED;
		if (m->kind == CTL_FINISH || m->kind == CTL_CLOSED)
			begin_finish(lg);
	}
}

/* Fills the poll set. A stream whose out is stuck isn't in it, so that its writer waits. */
static nfds_t watch(struct logger *lg, bool *ret_work)
{
	struct pollfd *p = lg->pfd;
	nfds_t n = STREAM_SLOT;
	bool waited[2] = { lg->out[0].rest->n != 0, lg->out[1].rest->n != 0 };

	*ret_work = false;
	p[CTL_SLOT] = (struct pollfd){ .fd = lg->finish_ns ? -1 : lg->ctl,
		.events = (short)(POLLIN | (lg->unsent ? POLLOUT : 0)) };
	for (size_t i = 0; i < lg->n; i++) {
		struct stream *s = lg->v[i];
		s->watched = s->state == STREAM_OPEN && stream_may_read(s);
		s->poll_slot = n;
		if (s->watched)
			p[n++] = (struct pollfd){ .fd = s->fd, .events = POLLIN };
		*ret_work |= stream_has_work(s);
		if (s->out && (s->waits || !s->watched))
			waited[s->out - lg->out] = true;
	}
	waited[0] |= lg->picture && picture_waits(lg->picture);
	p[PICTURE_SLOT] =
		(struct pollfd){ .fd = lg->picture ? lg->picture->fd : -1, .events = POLLIN };
	for (int i = 0; i < 2; i++) {
		lg->out[i].stuck &= waited[i]; /* or nobody would find out that it isn't */
		bool poll_it = lg->out[i].stuck || lg->out[i].rest->n;
		p[OUT_SLOT + i] =
			(struct pollfd){ .fd = poll_it ? lg->out[i].fd : -1, .events = POLLOUT };
	}
	return n;
}

static int64_t since_finish_ms(const struct logger *lg)
{
	return (clock_mono_ns() - lg->finish_ns) / NS_PER_MS;
}

static int wait_ms(const struct logger *lg, bool work)
{
	if (work)
		return 0;
	if (!lg->finish_ns)
		return lg->dirty ? TRIM_AFTER_MS : -1;
	int64_t gone = since_finish_ms(lg);
	int64_t until = gone < FINISH_STDOUT_MS ? FINISH_STDOUT_MS : FINISH_FILES_MS;
	return gone < until ? (int)(until - gone) : 0;
}

/* One turn for each stream that has something: at most STREAM_TURN bytes. */
static void serve_streams(struct logger *lg)
{
	size_t n = lg->n, from = n ? lg->first % n : 0;
	bool waits = false;

	for (size_t k = 0; k < n; k++) {
		size_t i = from + k < n ? from + k : from + k - n;
		struct stream *s = lg->v[i];
		if (!stream_has_work(s) && !(s->watched && lg->pfd[s->poll_slot].revents))
			continue;
		lg->dirty = true;
		if (stream_has_work(s) || stream_may_read(s)) {
			stream_serve(s, &lg->sinks);
		} else if (!waits) {
			waits = true;
			lg->first = i;
		}
	}
}

/* Whether an ended stream's entry is done with: PID 1 knows, or need not. */
static bool is_told(struct logger *lg, const struct stream *s)
{
	if (s->id < 0 || lg->finish_ns || ctl_send_eof(lg->ctl, s->id, s->number) == 0)
		return true;
	lg->unsent |= errno == EAGAIN;
	return errno != EAGAIN && errno != ENOMEM && errno != ENOBUFS;
}

static void sweep(struct logger *lg)
{
	size_t kept = 0;

	lg->unsent = false;
	for (size_t i = 0; i < lg->n; i++) {
		struct stream *s = lg->v[i];
		if (s->state == STREAM_ENDED && is_told(lg, s))
			stream_free(s, &lg->sinks);
		else
			lg->v[kept++] = s;
	}
	lg->n = kept;
}

static void keep_total(struct logger *lg)
{
	unsigned removed;

	if (!lg->sinks.files || !total_keep(&lg->total, lg->sinks.files, &removed))
		return;
	bool *said = removed ? &lg->over : &lg->over_all;
	if (!*said)
		*said = ctl_send_total(lg->ctl, removed, lg->total.dir) == 0;
}

static void report(struct logger *lg)
{
	const char *path;
	int why = lg->sinks.files ? log_files_failed(lg->sinks.files, &path) : 0;

	if (why)
		say_full(lg, path, why);
	keep_total(lg);
	if (lg->sinks.broke && !lg->plain)
		lg->plain = ctl_send_plain(lg->ctl, strerror(lg->sinks.broke)) == 0;
}

static void trim(struct logger *lg)
{
	lg->dirty = false;
	if (!lg->out[0].rest->n && !lg->out[1].rest->n)
		(void)madvise(lg->arena, sizeof *lg->arena, MADV_DONTNEED);
	if (lg->sinks.journal)
		journal_trim(lg->sinks.journal);
	lg->rest = true;
}

/* One that is never quiet gives back, too, what those hold that are. */
static void punch(struct logger *lg)
{
	int64_t now = clock_mono_ns();

	if (!lg->sinks.journal || now - lg->punched_ns < PUNCH_NS)
		return;
	lg->punched_ns = now;
	journal_punch(lg->sinks.journal);
}

static void serve_out(struct logger *lg, int i)
{
	struct sink *o = &lg->out[i];

	if (lg->pfd[OUT_SLOT + i].revents) {
		o->stuck = false;
		(void)sink_ready(o);
	}
	if (lg->finish_ns && since_finish_ms(lg) >= FINISH_STDOUT_MS && (o->stuck || o->rest->n))
		sink_kill(o);
}

/* Below the lines of this turn. */
static void serve_picture(struct logger *lg)
{
	if (!lg->picture)
		return;
	picture_receive(lg->picture);
	if (!picture_show(lg->picture, &lg->out[0]))
		return;
	lg->picture = lg->out[0].picture = picture_free(lg->picture);
	lg->dirty = true;
}

static void turn(struct logger *lg)
{
	bool work;
	nfds_t nfds = watch(lg, &work);
	int timeout = wait_ms(lg, work);
	bool rest = lg->rest && timeout < 0;
	int n = rest ? memory_trim_and_poll(lg->pfd, nfds) : poll(lg->pfd, nfds, timeout);
	lg->rest = lg->rest && !rest;

	if (n < 0) {
		/* Out of kernel memory: a moment later, rather than at full speed. */
		if (errno != EINTR)
			(void)poll(NULL, 0, 10);
		return;
	}
	if (n == 0 && timeout == TRIM_AFTER_MS && !lg->finish_ns)
		trim(lg);
	bool called = lg->pfd[CTL_SLOT].revents;
	for (int i = 0; i < 2; i++)
		serve_out(lg, i);
	serve_streams(lg);
	serve_picture(lg);
	punch(lg);
	/* After the streams: it may move the poll set that they were looked up in. */
	if (called)
		serve_ctl(lg);
	sweep(lg);
	report(lg);
}

static bool is_over(const struct logger *lg)
{
	if (!lg->finish_ns)
		return false;
	return (!lg->n && !lg->out[0].rest->n && !lg->out[1].rest->n) ||
	       since_finish_ms(lg) >= FINISH_FILES_MS;
}

static void answer(struct logger *lg)
{
	struct pollfd p = { .fd = lg->ctl, .events = POLLOUT };

	if (lg->closed || ctl_send_done(lg->ctl) == 0 || errno != EAGAIN)
		return;
	if (poll(&p, 1, LOGGER_FINISH_MS - FINISH_FILES_MS) == 1)
		(void)ctl_send_done(lg->ctl);
}

static void open_journal(struct logger *lg, int fd)
{
	if (fd < 0)
		return;
	lg->sinks.journal = journal_open(fd);
	if (lg->sinks.journal)
		return;
	lg->sinks.broke = errno;
	(void)close(fd);
}

static int set_up(struct logger *lg, const struct logger_config *cfg)
{
	lg->ctl = cfg->ctl_fd;
	lg->arena = mmap(NULL, sizeof *lg->arena, PROT_READ | PROT_WRITE,
		MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (lg->arena == MAP_FAILED)
		return -1;
	open_journal(lg, cfg->journal_fd);
	for (int i = 0; i < 2; i++)
		sink_init(&lg->out[i], i + 1,
			lg->sinks.journal ? journal_rest(lg->sinks.journal, i)
					  : &lg->arena->rest[i],
			true);
	if (cfg->picture_fd >= 0)
		lg->picture = lg->out[0].picture = picture_new(cfg->picture_fd);
	lg->sinks.scratch = lg->arena->scratch;
	lg->sinks.chunk = lg->arena->chunk;
	if (cfg->log_dir) {
		lg->sinks.files = log_files_new(cfg->log_dir, lg->arena->batch, lg->sinks.journal);
		if (!lg->sinks.files)
			return -1;
		total_init(&lg->total, cfg->log_dir, cfg->max_total);
	}
	if (make_place(lg) < 0)
		return -1;
	const struct ctl_add own = { .id = -1,
		.stream = 2,
		.path = "sysg",
		/* PID 1 waits for nobody: where stderr is stuck, its file gets its lines still. */
		.sinks = LOGGER_STDOUT | LOGGER_FILE | LOGGER_DROP,
		.keep = cfg->keep };
	return cfg->own_fd < 0 ? 0 : add(lg, cfg->own_fd, &own);
}

static void tear_down(struct logger *lg)
{
	for (size_t i = 0; i < lg->n; i++)
		stream_free(lg->v[i], &lg->sinks);
	log_files_free(lg->sinks.files);
	tails_done(&lg->sinks.tails);
	journal_close(lg->sinks.journal);
	(void)picture_free(lg->picture);
	free(lg->v);
	free(lg->pfd);
	if (lg->arena != MAP_FAILED)
		(void)munmap(lg->arena, sizeof *lg->arena);
}

int logger_main(const struct logger_config *cfg)
{
	struct logger lg = { .ctl = -1,
		.dirty = true }; /* what the fork brought along goes at the first quiet, too */

	confine_descriptors(
		(const int[]){ cfg->ctl_fd, cfg->own_fd, cfg->journal_fd, cfg->picture_fd }, 4,
		true);
	confine_self();
	if (set_up(&lg, cfg) < 0) {
		tear_down(&lg);
		return 70;
	}
	while (!is_over(&lg))
		turn(&lg);
	if (lg.sinks.files)
		log_files_flush(lg.sinks.files);
	answer(&lg);
	tear_down(&lg);
	return 0;
}
