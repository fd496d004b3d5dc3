#include <errno.h>
#include <string.h>

#include "os/net.h"
#include "probe/kind.h"

static void begin(struct probe *p);

static void refused(struct probe *p, int sys)
{
	struct err err;

	if (strcmp(p->check->host, "localhost") == 0 && !p->second) {
		p->second = true;
		begin(p);
		return;
	}
	p->second = false;
	err_set(&err, ERR_CHECK_NOTHING, sys, "its health check found nothing at %s: %s",
		p->check->target, strerror(sys));
	probe_outcome(p, &err);
}

static void decided(struct loop *l, struct watch *w, uint32_t events)
{
	struct probe *p = container_of(w, struct probe, w);
	int sys = net_result(w->fd);

	(void)l;
	(void)events;
	probe_drop_watch(p);
	if (sys) {
		refused(p, sys);
		return;
	}
	p->second = false;
	probe_outcome(p, NULL);
}

static void begin(struct probe *p)
{
	p->w = (struct watch){ .fd = net_connect(p->check->host, p->check->port, p->second),
		.events = LOOP_OUT,
		.fn = decided };
	if (p->w.fd >= 0 && loop_add(probe_loop(p), &p->w) == 0)
		return;
	int sys = errno;
	probe_drop_watch(p);
	refused(p, sys);
}

static void end(struct probe *p)
{
	probe_drop_watch(p);
	p->second = false;
}

const struct probe_kind probe_kind_tcp = { begin, end };
