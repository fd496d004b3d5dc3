#include "probe/kind.h"

static void begin(struct probe *p)
{
	struct err err;

	if (p->host.run(p->host.arg, p->check->argv, &p->pid, &err) == 0)
		return;
	p->pid = 0;
	if (probe_short_of_means(err.sys)) {
		probe_postpone(p);
		return;
	}
	err.code = ERR_CHECK_NOTHING;
	probe_outcome(p, &err);
}

static void end(struct probe *p)
{
	if (p->pid)
		p->host.cut(p->host.arg, p->pid);
	p->pid = 0;
}

void probe_again(struct probe *p)
{
	if (p && p->trying && !p->pid && p->check->kind == CHECK_COMMAND)
		begin(p);
}

void probe_exited(struct probe *p, pid_t pid, int code)
{
	struct err err;

	if (!p->pid || pid != p->pid)
		return;
	p->pid = 0;
	if (code == 0) {
		probe_outcome(p, NULL);
		return;
	}
	if (code == 127 || code == 126)
		err_set(&err, ERR_CHECK_NOTHING, 0, "its health check could not be run (%d)", code);
	else
		err_set(&err, ERR_CHECK_UNHEALTHY, 0, "its health check answered %d", code);
	probe_outcome(p, &err);
}

const struct probe_kind probe_kind_command = { begin, end };
