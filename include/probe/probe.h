/* probe.h - health checks: readiness first, liveness then. Layer: probe. */
#ifndef PROBE_PROBE_H
#define PROBE_PROBE_H

#include <stdint.h>
#include <sys/types.h>

#include "base/err.h"
#include "manifest/manifest.h"
#include "os/loop.h"

struct probes; /* what all checks share: the loop, their deadlines, one inotify descriptor */
struct probe;

/* wake_at: probes_run() wants to be called at that monotonic time; INT64_MAX: not of itself. NULL:
 * out of memory. */
struct probes *probes_new(
	struct loop *l, void *arg, void (*wake_at)(void *arg, int64_t deadline_ns));
struct probes *probes_free(struct probes *ps);
/* Those that are due, at most 16: where there are more it wants to be called again right after now_ns, and no sooner. */
void probes_run(struct probes *ps, int64_t now_ns);

enum probe_news {
	PROBE_READY,       /* the first attempt that succeeded; with on_unhealthy: ignore also the
			      first after FAILING */
	PROBE_NEVER_READY, /* total_timeout is spent and the last attempts failed: err is
			      CHECK_NOTHING, _SLOW or _UNHEALTHY */
	PROBE_FAILING,     /* was ready; `retries` failures in a row */
	PROBE_PUT_OFF,     /* we have no process or descriptor left for an attempt; err is NULL */
};

struct probe_host {
	void *arg;
	/* After NEVER_READY and FAILING (without on_unhealthy: ignore) the probe does nothing any
	 * more. It may be freed in the call. */
	void (*says)(void *arg, enum probe_news news, const struct err *err);
	/* Starts a check's command in a session of its own; its end comes back by probe_exited(). *ret_pid 0: what an
	 * earlier attempt started is not gone yet, and probe_again() tells of its end. */
	int (*run)(void *arg, char *const *argv, pid_t *ret_pid, struct err *err);
	/* Kills a command that is given up; it is unreaped. */
	void (*cut)(void *arg, pid_t pid);
	/* Where the service has a network or mounts of its own: attempts are made by forks that enter them. beside():
	 * a pidfd of it, the caller's; -1 with errno. fence NULL: it has none. */
	const struct child_fence *fence;
	int (*beside)(void *arg);
	struct probes *clock;
};

/* Begins at once; never calls says() from within. check is borrowed for the probe's life, cwd (may
 * be NULL) too. */
struct probe *probe_new(const struct health_check *check, const char *cwd,
	const struct probe_host *host, struct err *err);
/* What it borrowed is there at another place now, and the same. NULL is fine. */
void probe_moved(struct probe *p, const struct health_check *check, const char *cwd,
	const struct child_fence *fence);
/* Ends an attempt under way, a command with its whole group. NULL is fine; returns NULL. */
struct probe *probe_free(struct probe *p);
/* A command of this probe was reaped (128+N for a signal). Any other pid is ignored. */
void probe_exited(struct probe *p, pid_t pid, int code);
/* The attempt under way, if it waits for that, may run its command now. NULL is fine. */
void probe_again(struct probe *p);
/* The service said that it is ready; for a check of that kind. May call says(). */
void probe_tell(struct probe *p);
/* Of the last attempt that was decided, if that failed; NULL: not, or there is no probe. */
const struct err *probe_last(const struct probe *p);
/* Failures in a row. */
unsigned probe_failures(const struct probe *p);

#endif
