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
#include "super/change.h"

#define AT_ONCE_NS (250 * NS_PER_MS) /* an end within it is one of the start */
enum { LINES_SAID = 10, LINE_SAID = 400 };

static const char port_words[] = "its port is taken";

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

bool trouble_at_once(const struct unit *u)
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

static bool port_taken(struct err *e, const char *name, int port)
{
	char said[sizeof e->msg], which[24] = "";

	if (e->code == ERR_PORT_TAKEN || strncmp(e->msg, port_words, strlen(port_words)) == 0)
		return false; /* known already */
	if (e->code != ERR_GAVE_UP)
		e->code = ERR_PORT_TAKEN;
	if (port)
		(void)snprintf(which, sizeof which, " (%d)", port);
	(void)snprintf(said, sizeof said, "%s", e->msg);
	(void)snprintf(e->msg, sizeof e->msg, "%s%s; %.300s", port_words, which, said);
	if (port)
		err_help(e, "who listens there: ss -ltnp 'sport = :%d'\nsysg logs %s", port, name);
	else
		err_help(e, "who listens there: ss -ltnp\nsysg logs %s", name);
	return true;
}

bool trouble_explain(const struct unit *u, bool bad_end, struct err *e)
{
	char path[UNIT_PATH_MAX];
	size_t n;
	const char *text = trouble_lines(u, &n);
	int port;
	bool taken =
		text && bad_end && lines_bind_error(text, n, &port) && port_taken(e, u->name, port);

	if (!e->help[0])
		help_for(e, unit_lasting_path(u, path, sizeof path));
	return taken;
}

/* --- saying it --- */

void trouble_say_help(enum log_level level, const char *help)
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
	enum log_level level = j->say_over ? LOG_ERR : LOG_WARN;
	char path[UNIT_PATH_MAX], clean[LINE_SAID];
	size_t n, at, len;
	const char *text = trouble_lines(u, &n), *line;
	struct err e = u->trouble; /* another launch may have begun, which has none as yet */

	e.code = j->say_code;
	j->say_pending = false;
	unit_path(u, path, sizeof path);
	if (trouble_explain(u, j->ended_badly, &e))
		event_add(s, EVENT_FAILED, u, ERR_PORT_TAKEN, "%s", e.msg);
	if (u->trouble.code != ERR_OK)
		u->trouble = e;
	log_line(level, "%s[SG%04d]: %s: %s", j->say_over ? "error" : "warning", (int)e.code, path,
		e.msg);
	for (at = text ? lines_last(text, n, LINES_SAID) : 0;
		text && lines_next(text, n, &at, &line, &len);) {
		(void)line_clean(clean, sizeof clean, line, len);
		log_line(level, "  | %s", clean);
	}
	trouble_say_help(level, e.help);
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
	await_told(s, u);
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

	j->ended_badly = u->exit.code && u->cause == CAUSE_NONE && u->exec_ok;
	if (j->ended_badly || u->trouble.code == ERR_OK) { /* else they are of what ended it */
		free(j->lastwords);
		j->lastwords = NULL;
	}
	event_add(s, EVENT_EXITED, u,
		j->ended_badly && trouble_at_once(u) ? ERR_IMMEDIATE_EXIT : ERR_OK,
		"%s=%d reason=%s", u->exit.signal ? "signal" : "code",
		u->exit.signal ? u->exit.signal : u->exit.code, end_reason_word(u->exit.reason));
	if (!unit_spawned(u) && s->logproc && j->ended_badly)
		ask_words(s, u);
}

void trouble_say(struct super *s, struct unit *u)
{
	struct job *j = job_of(u);

	j->say_pending = j->trouble_said = true;
	j->say_over = u->state != NODE_BACKOFF;
	j->say_code = u->trouble.code;
	if (!j->lastwords && !j->words_asked && u->exec_ok && s->logproc)
		ask_words(s, u);
	if (!j->words_asked)
		say(s, j);
}

void trouble_of_end(const struct unit *u, struct err *ret)
{
	char after[32];
	bool at_once = trouble_at_once(u);

	(void)duration_print(after, sizeof after, u->exit.ended_ns - u->started_ns);
	err_set(ret, at_once ? ERR_IMMEDIATE_EXIT : ERR_UNKNOWN, 0, "%s: %s %d, %s after its start",
		at_once ? "exited at once" : "ended", u->exit.signal ? "signal" : "code",
		u->exit.signal ? u->exit.signal : u->exit.code, after);
}

void trouble_ended(struct unit *u)
{
	trouble_of_end(u, &u->trouble);
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

bool trouble_pending(const struct unit *u)
{
	const struct job *j = job_of(u);

	return j && j->words_asked;
}

bool trouble_bad_end(const struct unit *u)
{
	const struct job *j = job_of(u);

	return j && j->ended_badly;
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

/* What printed nothing of its own failure has no lines: they are of another start. */
static bool of_its_own(const struct err *why)
{
	return why->code != ERR_DEP_FAILED && why->code != ERR_PRE_START &&
	       why->code != ERR_PRE_START_SLOW;
}

void put_trouble(struct buf *b, const struct unit *u, const struct err *why)
{
	const struct job *j = job_of(u);
	size_t n;
	const char *text = trouble_lines(u, &n);

	if (why->code == ERR_OK)
		return;
	packet_putf(b, "error", "SG%04d", (int)why->code);
	packet_put(b, "why", why->msg);
	if (why->help[0])
		packet_put(b, "help", why->help);
	if (j && j->svc && j->svc->line && *j->svc->of->path) {
		packet_put(b, "file", j->svc->of->path);
		packet_put_int(b, "line", j->svc->line);
		packet_put_int(b, "col", j->svc->col);
	}
	if (text && of_its_own(why) && !memchr(text, '\0', n))
		packet_putf(b, "lines", "%.*s", (int)n, text);
}
