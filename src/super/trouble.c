/* A unit's failure as people read it: what happened, what it printed last, what to do. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/lines.h"
#include "base/log.h"
#include "base/units.h"
#include "super/conn.h"

#define AT_ONCE_NS (250 * NS_PER_MS) /* an end within it is one of the start */
enum { LINES_SAID = 10, LINE_SAID = 400 };

/* The last lines of the launch that ended, at most what the logger gives. */
struct lastwords {
	size_t n;
	char text[];
};

const char *trouble_lines(const struct unit *u, size_t *ret_n)
{
	const struct job *j = job_of(u);

	*ret_n = j && j->lastwords ? j->lastwords->n : 0;
	return *ret_n ? j->lastwords->text : NULL;
}

void trouble_forget(struct job *j)
{
	free(j->lastwords);
	j->lastwords = NULL;
	j->say_pending = j->words_asked = false;
}

static bool ended_at_once(const struct unit *u)
{
	return u->exit.code && u->exit.ended_ns - u->started_ns < AT_ONCE_NS;
}

void trouble_launch(struct job *j)
{
	j->ended_badly = j->trouble_said = false;
	if (j->say_pending)
		return; /* they are to be said still */
	free(j->lastwords);
	j->lastwords = NULL;
}

/* --- what to do --- */

static void help_for(struct err *e, const char *path)
{
	switch (e->code) {
	case ERR_EXEC_FAILED:
		if (e->sys == ENOENT || e->sys == ENOTDIR)
			err_help(e,
				"is the program in this image? write its whole path, or set PATH "
				"in `env`\nsysg validate");
		else if (e->sys == EACCES)
			err_help(e,
				"chmod +x, and is its file system mounted noexec?\nsysg validate");
		else
			err_help(e, "sysg status %s", path);
		return;
	case ERR_SURVIVORS:
		err_help(e,
			"they wait inside the kernel, or belong to somebody else: look at their "
			"wchan in /proc/PID");
		return;
	case ERR_CHECK_NOTHING:
	case ERR_CHECK_SLOW:
	case ERR_CHECK_UNHEALTHY:
		err_help(e,
			"sysg logs %s\nrun the check by hand inside the container; `total_timeout` "
			"bounds how long it may take to come up",
			path);
		return;
	default:
		err_help(e, "sysg logs %s", path);
	}
}

static void port_taken(struct super *s, struct unit *u, int port)
{
	char said[sizeof u->trouble.msg], which[24] = "";

	if (u->trouble.code != ERR_GAVE_UP)
		u->trouble.code = ERR_PORT_TAKEN;
	if (port)
		(void)snprintf(which, sizeof which, " (%d)", port);
	(void)snprintf(said, sizeof said, "%s", u->trouble.msg);
	(void)snprintf(
		u->trouble.msg, sizeof u->trouble.msg, "its port is taken%s; %.300s", which, said);
	event_add(s, EVENT_FAILED, u, ERR_PORT_TAKEN, "its port is taken%s", which);
	if (port)
		err_help(&u->trouble, "who listens there: ss -ltnp 'sport = :%d'\nsysg logs %s",
			port, u->name);
	else
		err_help(&u->trouble, "who listens there: ss -ltnp\nsysg logs %s", u->name);
}

/* --- saying it --- */

static void say_help(enum log_level level, const char *help)
{
	while (*help) {
		size_t n = strcspn(help, "\n");
		log_line(level, "help: %.*s", (int)n, help);
		help += n + (help[n] == '\n');
	}
}

static void say(struct super *s, struct job *j)
{
	struct unit *u = j->u;
	bool over = u->state != NODE_BACKOFF;
	enum log_level level = over ? LOG_ERR : LOG_WARN;
	char path[UNIT_PATH_MAX], clean[LINE_SAID];
	size_t n, at, len;
	const char *text = trouble_lines(u, &n), *line;
	int port;

	j->say_pending = false;
	unit_path(u, path, sizeof path);
	if (text && j->ended_badly && lines_bind_error(text, n, &port))
		port_taken(s, u, port);
	if (!u->trouble.help[0])
		help_for(&u->trouble, path);
	log_line(level, "%s[SG%04d]: %s: %s", over ? "error" : "warning", (int)u->trouble.code,
		path, u->trouble.msg);
	for (at = text ? lines_last(text, n, LINES_SAID) : 0;
		text && lines_next(text, n, &at, &line, &len);) {
		(void)line_clean(clean, sizeof clean, line, len);
		log_line(level, "  | %s", clean);
	}
	say_help(level, u->trouble.help);
}

/* --- asking for the lines --- */

static void got_words(struct super *s, struct unit *u, const char *text, size_t n)
{
	struct job *j = job_of(u);
	struct lastwords *w = n ? malloc(sizeof *w + n) : NULL;

	j->words_asked = false;
	free(j->lastwords);
	j->lastwords = w;
	if (w) {
		w->n = n;
		memcpy(w->text, text, n);
	}
	if (j->say_pending)
		say(s, j);
}

static void ask_words(struct super *s, struct unit *u)
{
	struct job *j = job_of(u);

	if (j->words_asked)
		return;
	j->words_asked = true;
	logproc_tail(s, u, got_words);
}

void trouble_exit(struct super *s, struct unit *u)
{
	struct job *j = job_of(u);

	free(j->lastwords);
	j->lastwords = NULL;
	j->ended_badly = u->exit.code && u->cause == CAUSE_NONE && u->exec_ok;
	event_add(s, EVENT_EXITED, u,
		j->ended_badly && ended_at_once(u) ? ERR_IMMEDIATE_EXIT : ERR_OK, "%s=%d reason=%s",
		u->exit.signal ? "signal" : "code", u->exit.signal ? u->exit.signal : u->exit.code,
		end_reason_word(u->exit.reason));
	if (!unit_spawned(u) && s->logproc && j->ended_badly)
		ask_words(s, u);
}

void trouble_say(struct super *s, struct unit *u)
{
	struct job *j = job_of(u);

	j->say_pending = j->trouble_said = true;
	if (!j->lastwords && !j->words_asked && u->exec_ok && s->logproc)
		ask_words(s, u);
	if (!j->words_asked)
		say(s, j);
}

void trouble_ended(struct unit *u)
{
	char after[32];
	bool at_once = ended_at_once(u);

	(void)duration_print(after, sizeof after, u->exit.ended_ns - u->started_ns);
	err_set(&u->trouble, at_once ? ERR_IMMEDIATE_EXIT : ERR_UNKNOWN, 0,
		"%s: %s %d, %s after its start", at_once ? "exited at once" : "ended",
		u->exit.signal ? "signal" : "code", u->exit.signal ? u->exit.signal : u->exit.code,
		after);
}

void trouble_flush(struct super *s)
{
	list_each(it, &s->tree.all)
	{
		struct job *j = job_of(list_entry(it, struct unit, all));
		if (j && j->say_pending)
			say(s, j);
	}
}

bool trouble_waits(const struct super *s)
{
	list_each(it, &s->tree.all)
	{
		const struct job *j = job_of(list_entry(it, struct unit, all));
		if (j && j->words_asked)
			return true;
	}
	return false;
}

void put_trouble(struct buf *b, const struct unit *u)
{
	size_t n;
	const char *text = trouble_lines(u, &n);

	if (u->trouble.code == ERR_OK)
		return;
	packet_putf(b, "error", "SG%04d", (int)u->trouble.code);
	packet_put(b, "why", u->trouble.msg);
	if (u->trouble.help[0])
		packet_put(b, "help", u->trouble.help);
	if (text && !memchr(text, '\0', n))
		packet_putf(b, "lines", "%.*s", (int)n, text);
}
