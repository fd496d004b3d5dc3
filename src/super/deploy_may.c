/* Which restarts are rolling ones, and what hinders others. */
#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "base/units.h"
#include "super/change.h"
#include "super/env.h"

static const char *env_get(const struct envblock *e, const char *name)
{
	const char *p = e->bytes;
	size_t len = strlen(name);

	for (size_t i = 0; i < e->n; i++, p += strlen(p) + 1)
		if (strncmp(p, name, len) == 0 && p[len] == '=')
			return p + len + 1;
	return NULL;
}

/* Where two instances would meet: the port that its check asks, or that it is told to take. 0: none is known. */
static int fixed_port(const struct service *svc, const struct envblock *env)
{
	const char *why, *text;
	int64_t port = 0;

	if (svc->fence.spaces & SPACE_NETWORK)
		return 0;
	if (svc->check.kind == CHECK_URL || svc->check.kind == CHECK_TCP)
		return svc->check.port;
	text = env_get(env, "PORT");
	return text && whole_parse(text, 1, 65535, &port, &why) == 0 ? (int)port : 0;
}

/* Is what runs in one of the slots that there are? */
static bool has_slot(const struct service *svc, const struct job *j)
{
	const struct blue_green *b = svc->deployment.blue, *was = j->svc->deployment.blue;
	const char *slot = was ? was->slots[j->slot] : "";

	return strcmp(slot, b->slots[0]) == 0 || strcmp(slot, b->slots[1]) == 0;
}

/* NULL: nothing. */
static const char *hindrance(
	const struct service *svc, const struct job *j, const struct envblock *env, char buf[80])
{
	int port = svc->deployment.blue ? 0 : fixed_port(svc, env);

	if (svc->deployment.blue && !has_slot(svc, j))
		return "what runs is in none of its slots";
	if (port) {
		snprintf(buf, 80, "its port %d is taken by the one that runs", port);
		return buf;
	}
	if (svc->hooks && svc->hooks[HOOK_SKIP].argv)
		return "whether it is skipped is asked before each start";
	return svc->spawn_dynamic && svc->policy <= POLICY_REPARENT
		       ? "what it spawned stays its own over a restart"
		       : NULL;
}

bool roll_may(struct change *ch, size_t i)
{
	const struct unit *u = unit_before(ch, i);
	const struct service *svc = &ch->m->services[i];
	char buf[80];

	if (!u || svc->deployment.strategy != STRATEGY_ROLLING || svc->skip ||
		u->state != NODE_READY)
		return false;
	struct job *j = job_of(u);
	const char *why = hindrance(svc, j, ch->defs[i] ? ch->defs[i]->env : j->env, buf);
	if (!why)
		return true;
	if (!ch->note[0])
		snprintf(ch->note, sizeof ch->note, "%s is stopped before it starts again: %s",
			u->name, why);
	if (ch->what != DO_PLAN && !j->port_told)
		log_line(LOG_WARN, "%s: no rolling deployment: %s", u->name, why);
	j->port_told |= ch->what != DO_PLAN;
	return false;
}
