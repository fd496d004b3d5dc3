/* The boot drawn on a terminal: we tell a process of its own what the units do, it makes pictures of that, and the
 * logger, which alone writes to the terminal, shows them. None of them waits for another. */
#include "super/drawer.h"

#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "os/shut.h"
#include "super/change.h"

#define DRAWN_NS (60 * NS_PER_SEC) /* a boot that takes longer is drawn no further */

static bool pair(int sv[2])
{
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, sv) == 0)
		return true;
	sv[0] = sv[1] = -1;
	return false;
}

static void shut(int sv[2])
{
	for (int i = 0; i < 2; i++)
		if (sv[i] >= 0)
			(void)close(sv[i]);
	sv[0] = sv[1] = -1;
}

void drawer_open(struct super *s)
{
	bool draws = s->opts->drawer_main != NULL;

	for (size_t i = 0; i < s->m->nservices; i++)
		if (s->unit_of[i] && s->m->services[i].logs.sinks & SINK_INHERIT)
			draws = false;
	if (draws)
		(void)pair(s->pictures);
}

void drawer_begin(struct super *s)
{
	int rows[2] = { -1, -1 };

	if (s->pictures[0] >= 0 && s->logproc && pair(rows)) {
		pid_t pid = fork();
		if (pid == 0) {
			/* Our signals stay blocked: a ^C is meant for us, and our end is its end of file. */
			shut_from(3, (const int[]){ rows[1], s->pictures[1] });
			process_name("sysg-drawer");
			_exit(s->opts->drawer_main(rows[1], s->pictures[1]));
		}
		if (pid > 0) {
			s->drawer = pid;
			await_boot(s, rows[0], DRAWN_NS, true);
			rows[0] = -1; /* taken over */
		}
	}
	shut(rows);
	shut(s->pictures);
}

bool drawer_ended(struct super *s, pid_t pid)
{
	bool was = pid == s->drawer;

	if (was)
		s->drawer = 0;
	return was;
}
