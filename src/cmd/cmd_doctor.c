#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/units.h"
#include "cli/seek.h"
#include "cmd/checked.h"
#include "cmd/command.h"
#include "cmd/common.h"
#include "os/facts.h"
#include "os/proc.h"

enum { LITTLE_ROOM = 16 * 1024 * 1024, FEW_DESCRIPTORS = 1024, WHY_BYTES = 640 };

static const struct option_row options[] = { OPT_CONFIG, OPTS_CLIENT };

/* ok: fine; warn: done without, or worth knowing; bad: things contradict each other. */
enum verdict { OK, WARN, BAD };

struct exam {
	const struct args *args;
	struct buf out;
	struct json j;
	bool bad;
	struct rows rows; /* of the supervisor, when it answers */
	bool answers;
	bool there;            /* answers, or refuses to */
	bool theirs;           /* is another user's: what we may says nothing of what it may */
	int pid;               /* the supervisor's, when it is in our pid namespace; 0: nobody's */
	struct proc_status st; /* its, or our own */
	char where[sizeof((struct client *)NULL)->where];
};

static void find(struct exam *x, enum verdict v, const char *what, const char *fmt, ...)
	__attribute__((format(printf, 4, 5)));

static void find(struct exam *x, enum verdict v, const char *what, const char *fmt, ...)
{
	static const char *const words[] = { "ok", "warn", "bad" };
	static const char *const sgr[] = { "\033[32m", "\033[33m", "\033[31m" };
	bool colour = out_colour(STDOUT_FILENO);
	char why[WHY_BYTES];
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(why, sizeof why, fmt, ap);
	va_end(ap);
	x->bad |= v == BAD;
	if (x->args->json) {
		json_open(&x->j, NULL, '{');
		json_str(&x->j, "result", words[v]);
		json_str(&x->j, "what", what);
		json_str(&x->j, "why", why);
		json_close(&x->j, '}');
		return;
	}
	(void)buf_printf(&x->out, "%s%-4s%s  %-18s  ", colour ? sgr[v] : "", words[v],
		colour ? "\033[0m" : "", what);
	out_clean(&x->out, why);
	(void)buf_addc(&x->out, '\n');
}

/* --- the kernel and the sandbox --- */

static void kernel(struct exam *x)
{
	for (const struct fact *f = facts; f->what; f++) {
		if (x->theirs && strncmp(f->what, "cgroup", 6) == 0)
			continue;
		bool holds = f->holds();
		find(x, holds ? OK : WARN, f->what, "%s", holds ? f->with : f->without);
	}
}

static void privileges(struct exam *x)
{
	const char *whose = x->pid ? "the supervisor's" : "our own";

	if (!x->pid && proc_status_read(getpid(), &x->st) < 0) {
		find(x, WARN, "capabilities", "%s", strerror(errno));
		return;
	}
	for (const struct fact_cap *c = fact_caps; c->name; c++) {
		char name[32];

		(void)snprintf(name, sizeof name, "CAP_%s", c->name);
		if (x->st.cap_effective >> c->bit & 1)
			find(x, OK, name, "held (%s)", whose);
		else
			find(x, WARN, name, "not held (%s): %s", whose, c->without);
	}
	find(x, OK, "no_new_privs",
		x->st.no_new_privs ? "set: set-uid programs give no privilege" : "not set");
	find(x, OK, "seccomp",
		x->st.seccomp ? "a filter is in force: what it forbids shows above as missing"
			      : "no filter is in force");
}

static void descriptors(struct exam *x)
{
	int64_t most = fact_descriptors(x->pid);

	if (most < 0)
		find(x, WARN, "RLIMIT_NOFILE", "%s", strerror(errno));
	else
		find(x, most < FEW_DESCRIPTORS ? WARN : OK, "RLIMIT_NOFILE",
			"%lld descriptors at most%s", (long long)most,
			most < FEW_DESCRIPTORS ? ": few; raise it (docker run --ulimit nofile=...)"
					       : "");
}

static void terminal(struct exam *x)
{
	const char *term = getenv("TERM");
	struct winsize ws;

	if (!isatty(STDOUT_FILENO))
		find(x, OK, "terminal", "stdout is none: no colour, nothing is drawn in place");
	else if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &ws) == 0)
		find(x, OK, "terminal", "%s, %d x %d", term ? term : "no $TERM", ws.ws_col,
			ws.ws_row);
}

/* --- the supervisor --- */

static bool answer(struct exam *x, const char *socket, struct err *err)
{
	struct client c;

	client_init(&c, socket);
	c.patience_ns = NS_PER_SEC;
	c.total = true;
	int rc = rows_ask(&x->rows, &c, NULL, err);
	(void)snprintf(x->where, sizeof x->where, "%s", c.where);
	client_done(&c);
	return rc == 0 && x->rows.supervisor.head;
}

/* A pid is another process's where the supervisor is in another pid namespace. */
static int seen_pid(struct exam *x)
{
	int64_t pid = row_int(&x->rows.supervisor, "pid", 0);

	return pid > 0 && pid <= INT32_MAX && proc_status_read((pid_t)pid, &x->st) == 0 ? (int)pid
											: 0;
}

static void supervisor(struct exam *x)
{
	const struct packet *s = &x->rows.supervisor;
	const char *socket = args_str(x->args, "socket");
	struct err err;

	x->theirs = x->there = x->answers = answer(x, socket, &err);
	if (!x->answers) {
		bool silent = err.code == ERR_NO_ANSWER, none = err.code == ERR_NO_SUPERVISOR;
		const char *set = socket ? socket : getenv("SYSG_SOCKET");

		x->theirs = x->there = !silent && !none;
		if (silent || (none && set && *set))
			find(x, BAD, "supervisor", "%s; %s", err.msg,
				err.help[0] ? err.help : "is it the right socket?");
		else
			find(x, none && !err.sys ? OK : WARN, "supervisor", "%s", err.msg);
		return;
	}
	x->pid = seen_pid(x);
	x->theirs = !x->pid || x->st.uid[1] != geteuid();
	find(x, OK, "supervisor", "version %s, pid %s, %s, answers at %s",
		packet_get(s, "version") ? packet_get(s, "version") : "?",
		packet_get(s, "pid") ? packet_get(s, "pid") : "?",
		packet_get(s, "mode") && strcmp(packet_get(s, "mode"), "init") == 0
			? "the first process"
			: "a subreaper",
		x->where);
	if (packet_get(s, "containment"))
		find(x, OK, "belonging", "by %s is in force", packet_get(s, "containment"));
	if (packet_get(s, "memory_enforcement"))
		find(x, OK, "memory limits", "by %s are in force",
			packet_get(s, "memory_enforcement"));
}

/* --- files --- */

static long pid_in(const char *path)
{
	char text[32] = "";
	autoclose int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);

	if (fd < 0 || read(fd, text, sizeof text - 1) < 0)
		return 0;
	return strtol(text, NULL, 10);
}

static void pid_file(struct exam *x, const char *dir)
{
	char path[SEEK_PATH + 16];
	struct stat st;

	(void)snprintf(path, sizeof path, "%s/sysg.pid", dir);
	if (lstat(path, &st) < 0 || x->there)
		return;
	long pid = pid_in(path);
	int locked = fact_locked(path);
	if (locked > 0)
		find(x, BAD, "sysg.pid",
			"%s (pid %ld) is locked, but nobody answers: a supervisor that is stopped, "
			"or what it left running; sysg stop --supervisor ends it",
			path, pid);
	else
		find(x, WARN, "sysg.pid",
			"%s (pid %ld): its supervisor was killed; the next start replaces it", path,
			pid);
}

static void socket_file(struct exam *x, const char *dir)
{
	char path[SEEK_PATH + 16], where[SEEK_PATH + 8];
	struct stat st;
	struct err err;

	(void)snprintf(path, sizeof path, "%s/control.sock", dir);
	if (strlen(path) >= SEEK_PATH || lstat(path, &st) < 0 || strcmp(path, x->where) == 0)
		return;
	err.sys = 0;
	int fd = S_ISSOCK(st.st_mode) ? seek_connect(path, where, &err) : -1;
	bool denied = fd < 0 && err.sys == EACCES;
	find(x, denied || (fd >= 0 && x->there) ? WARN : BAD, "socket", "%s: %s", path,
		fd >= 0  ? "another supervisor's"
		: denied ? strerror(EACCES)
			 : "nobody answers there; sysg start replaces it");
	if (fd >= 0)
		(void)close(fd);
}

/* What a client would look at; why the ones before the chosen one are not used. */
static void runtime_dirs(struct exam *x)
{
	static const char *const names[] = { "$SYSG_RUNTIME_DIR", "/run/sysg", "$XDG_RUNTIME_DIR",
		"/tmp/sysg-UID", "/tmp/sysg-UID of process 1" };
	char dir[SEEK_PATH], parent[SEEK_PATH];

	for (size_t i = 0; seek_runtime_dir(i, dir) == 0; i++) {
		const char *name = i < sizeof names / sizeof *names ? names[i] : "?";
		size_t n = strlen(dir);

		if (!n)
			continue;
		if (strncmp(x->where, dir, n) == 0 && x->where[n] == '/') {
			find(x, OK, "runtime directory", "%s is in use", dir);
		} else if (access(dir, W_OK | X_OK) == 0) {
			find(x, OK, "runtime directory", "%s can be used (%s)", dir, name);
		} else {
			int sys = errno;
			(void)snprintf(parent, sizeof parent, "%s", dir);
			char *slash = strrchr(parent, '/');

			if (slash && sys == ENOENT)
				slash[slash == parent] = '\0';
			bool can = sys == ENOENT && access(parent, W_OK | X_OK) == 0;
			find(x, OK, "runtime directory", "%s (%s): %s", dir, name,
				can ? "can be made" : strerror(sys == ENOENT ? errno : sys));
		}
		socket_file(x, dir);
		pid_file(x, dir);
	}
}

static void log_dir(struct exam *x)
{
	struct client c;
	struct packet reply;
	struct err err;
	struct args none = { .values = x->args->values, .nvalues = x->args->nvalues };
	char room[32];

	if (!x->answers)
		return;
	cmd_client(&c, x->args);
	bool told = cmd_ask(&c, &none, "logs-path", &reply, &err) > 0;
	const char *dir = told ? packet_get(&reply, "dir") : NULL;
	int64_t bytes = dir ? fact_room(dir) : 0;
	if (!dir)
		find(x, told ? OK : WARN, "log directory", "%s",
			told ? "none: output goes to stdout alone" : err.msg);
	else if (bytes < 0)
		find(x, BAD, "log directory",
			"%s is gone (%s): lines go to nobody; make it again and restart", dir,
			strerror(errno));
	else if (access(dir, W_OK) < 0 && !x->theirs)
		find(x, BAD, "log directory", "%s can't be written: %s", dir, strerror(errno));
	else
		find(x, bytes < LITTLE_ROOM ? WARN : OK, "log directory", "%s, room for %s", dir,
			bytes_print(room, sizeof room, bytes));
	client_done(&c);
}

static void manifest(struct exam *x)
{
	struct checked c;
	struct err err;

	if (x->theirs && !args_has(x->args, "config"))
		return;
	if (checked_open(&c, x->args, environ, &err) < 0) {
		bool asked = args_has(x->args, "config") || c.at.path;
		find(x, asked ? BAD : OK, "manifest", "%s", err.msg);
	} else if (c.plan) {
		find(x, OK, "manifest", "%s: valid, %zu services", c.place.path, c.m->nservices);
	} else {
		const struct err *first = checked_error(&c);
		find(x, BAD, "manifest", "%s: not valid: %s; sysg validate lists all findings",
			c.place.path, first ? first->msg : "?");
	}
	checked_done(&c);
}

/* --- the command --- */

static int run(const struct args *args)
{
	struct exam x = { .args = args };

	buf_init(&x.out, OUT_MAX);
	x.j.out = &x.out;
	rows_init(&x.rows);
	if (args->json) {
		json_open(&x.j, NULL, '{');
		json_open(&x.j, "checks", '[');
	}
	supervisor(&x);
	runtime_dirs(&x);
	log_dir(&x);
	manifest(&x);
	kernel(&x);
	privileges(&x);
	descriptors(&x);
	terminal(&x);
	if (args->json) {
		json_close(&x.j, ']');
		json_bool(&x.j, "consistent", !x.bad);
		json_close(&x.j, '}');
		(void)buf_addc(&x.out, '\n');
	}
	rows_done(&x.rows);
	return cmd_print(&x.out, x.bad ? 1 : 0);
}

extern const struct command cmd_doctor;
const struct command cmd_doctor = {
	.name = "doctor",
	.summary = "what the kernel and the container allow, and what is in force",
	.usage = "[OPTIONS]",
	.options = options,
	.words = ARGS_NONE,
	.run = run,
};
