/* kind.h - one kind of check, between probe.c and its file. Layer: probe. */
#ifndef PROBE_KIND_H
#define PROBE_KIND_H

#include <stdbool.h>

#include "base/heap.h"
#include "base/list.h"
#include "os/ask.h"
#include "probe/probe.h"

struct exchange;

struct probe {
	const struct health_check *check;
	const char *cwd;
	struct probe_host host;
	struct heap_node due; /* in probes: the next attempt, or the end of the one under way */
	struct list link;     /* in probes.all */
	bool trying, ready, over;
	bool failing; /* on_unhealthy: ignore; said so, and no attempt succeeded since */
	bool put_off; /* said so, and no attempt was decided since */
	int64_t began_ns, delay_ns;
	unsigned fails;
	/* of the kinds */
	pid_t pid;                 /* command under way; 0: none */
	struct watch w;            /* connection or answer under way; fd -1: none */
	struct exchange *exchange; /* tcp, url: under way; NULL: none */
	bool asked;                /* a fork was asked and did not answer yet */
	bool local;                /* file, unix: on a local file system, as far as is known */
	int wd;                    /* file: inotify watch; -1: none */
	struct err last;
};

/* begin: starts an attempt; may call probe_outcome() at once. end: gives one up (timed out, or the
 * probe goes). */
struct probe_kind {
	void (*begin)(struct probe *p);
	void (*end)(struct probe *p);
};

/* err NULL: it succeeded. Ends the attempt. */
void probe_outcome(struct probe *p, const struct err *err);
/* We had no process or descriptor left to make it with: no answer, good or bad. It is made again later. */
void probe_postpone(struct probe *p);
bool probe_short_of_means(int sys); /* is that what this errno says? */
struct loop *probe_loop(const struct probe *p);
int probe_inotify(const struct probe *p); /* -1: the kernel has none left */
void probe_drop_watch(struct probe *p);
/* Has a fork answer, unless one was asked that did not answer yet: where things hang each of them
 * would. fn as ask_fork(); answered is called once there is something in p->w.fd, also for an
 * attempt that is over, and does probe_drop_watch() and asked = false. */
void probe_ask(struct probe *p, ask_fn *fn, const void *arg, int64_t timeout_ns,
	void (*answered)(struct loop *l, struct watch *w, uint32_t events));
/* The check's path, below its working directory where it is relative: itself or into buf. */
const char *probe_path(const struct probe *p, char *buf, size_t size);

extern const struct probe_kind probe_kind_command, probe_kind_net, probe_kind_file, probe_kind_unix,
	probe_kind_notify;

#endif
