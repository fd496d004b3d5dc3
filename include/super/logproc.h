/* logproc.h - the log process as PID 1 holds it, for the files that speak to it. Layer: super. */
#ifndef SUPER_LOGPROC_H
#define SUPER_LOGPROC_H

#include "base/buf.h"
#include "super/state.h"
#include "wire/packet.h"

/* The read end of one pipe of one launch; kept so that a new logger can be given it. */
struct log_stream {
	struct list link;
	uint64_t id;    /* of the launch, the same for its two pipes */
	int which;      /* 1 or 2 */
	int fd;         /* our copy */
	unsigned sinks; /* as the logger's op=add has them */
	int64_t max_bytes, max_files;
	bool sent;
	char *path;
	bool label; /* path is written before its lines */
};

struct logproc {
	struct super *s;
	pid_t pid;
	struct watch ctl; /* fd -1: no logger at the moment */
	int own[2]; /* the pipe of our own lines; both ends are ours, the logger has a copy of the
		       read end */
	struct list streams;
	uint64_t last_id;
	int64_t started_ns;
	struct timer again;
	bool finishing, done;
	bool finish;            /* op=finish is still to be sent, after all streams */
	int finishes, failures; /* loggers started for that; ends right after a start, in a row */
	int journal;            /* a memfd, the same for each logger; -1: none */
	bool reopen;            /* op=reopen is still to be sent */
	bool plain_said, total_said;
	unsigned over_said; /* times that pipes with something in them were let go of */
};

void logstream_free(struct log_stream *st);
/* Hands over what the logger hasn't got yet: streams, then orders. What does not fit into the socket
 * now goes out when the logger has read. */
void logproc_flush(struct super *s);
/* Sends one packet, ended, without waiting; the buffer is released. 0, or -1: no logger, no room in
 * its socket, no memory. */
int logproc_send(struct logproc *lp, struct buf *b);

/* --- logtail.c --- */
void logtail_answer(struct super *s, const struct packet *p); /* op=tail came back */
void logtail_drop_all(struct super *s);                       /* nobody is told */

#endif
