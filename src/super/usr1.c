/* USR1: the status table to stderr, for when no client can be run. */
#include "base/log.h"
#include "super/ops.h"

void status_to_stderr(struct super *s)
{
	enum log_level level = log_level_get();
	char path[UNIT_PATH_MAX];

	log_level_set(LOG_INFO);
	log_line(LOG_INFO, "%-24s %-9s %-8s %7s %8s", "UNIT", "STATE", "HEALTH", "PID", "RESTARTS");
	list_each(it, &s->tree.all)
	{
		const struct unit *u = list_entry(it, struct unit, all);
		if (!u->ended)
			log_line(LOG_INFO, "%-24s %-9s %-8s %7d %8u",
				unit_path(u, path, sizeof path), unit_state(u), unit_health(s, u),
				u->main_alive ? (int)u->pid : 0, u->restarts);
	}
	log_level_set(level);
}
