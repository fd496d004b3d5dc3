#include "cmd/live.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "cli/screen.h"
#include "cmd/common.h"
#include "logger/picture.h"
#include "os/reap.h"
#include "super/super.h"

enum { PERIOD_MS = 100, DRAWER_MS = 60 * 1000, RESIZE_MS = 250, ROW_BYTES = 16 * 1024 };

struct drawer {
	const struct args *args;
	const char *socket;
	enum live_what what;
	unsigned projects; /* that were told */
	struct progress p;
};

static bool is(const struct packet *row, const char *key, const char *value)
{
	const char *found = packet_get(row, key);

	return found && strcmp(found, value) == 0;
}

static bool at_rest(const struct packet *row)
{
	return is(row, "state", "stopped") || is(row, "state", "done") ||
	       is(row, "state", "failed") || is(row, "state", "skipped");
}

static enum progress_state state_of(const struct packet *row, enum live_what what)
{
	if (what == LIVE_STOP)
		return at_rest(row) ? PROGRESS_OK : PROGRESS_BUSY;
	if (is(row, "state", "failed"))
		return PROGRESS_FAILED;
	bool up = is(row, "state", "running") && is(row, "health", "healthy");
	return up || is(row, "state", "done") || is(row, "state", "skipped") ? PROGRESS_OK
									     : PROGRESS_BUSY;
}

/* What a unit waits for, as one row below it. */
static const char *detail_of(
	const struct packet *row, enum progress_state state, char *buf, size_t size)
{
	const char *why = packet_get(row, "why"), *word = packet_get(row, "state");

	if (state == PROGRESS_OK)
		return NULL;
	if (why)
		return why;
	bool up = is(row, "state", "running") || is(row, "state", "starting");
	if (up && packet_get(row, "pid")) /* it runs, and isn't ready */
		return "health check: not yet healthy";
	if (!word || is(row, "state", "starting") || is(row, "state", "stopping") ||
		is(row, "state", "stopped"))
		return NULL;
	(void)snprintf(buf, size, "%.40s", word);
	return buf;
}

static const char *only_unit(const struct args *args)
{
	if (args->nunits)
		return args->nunits == 1 ? args->units[0] : NULL;
	return args_list(args, "service", 1) ? NULL : args_list(args, "service", 0);
}

/* Of a project's selector, "ID/", the id. */
static int heading_bytes(const char *name)
{
	size_t n = strlen(name);

	n -= n && name[n - 1] == '/';
	return n < 80 ? (int)n : 80;
}

/* Is it the unit of that path, or of that name in some project? */
static bool is_named(const char *path, const char *name)
{
	const char *plain = strchr(path, '/');

	name += *name == '/';
	return strcmp(path, name) == 0 || (plain && strcmp(plain + 1, name) == 0);
}

static void heading(struct drawer *d, const struct rows *rows)
{
	static const char *const words[] = { "Starting", "Restarting", "Stopping" };
	const char *name = only_unit(d->args);
	char text[128];

	if (!name && rows->supervisor.head)
		name = packet_get(&rows->supervisor, "project_only");
	name = name ? name + (*name == '/') : "sysg";
	(void)snprintf(text, sizeof text, "%s '%.*s'", words[d->what], heading_bytes(name), name);
	(void)progress_heading(&d->p, text);
}

/* What was at rest before is not being stopped; start names its units by -s alone. */
static bool counts(const struct drawer *d, const struct packet *row, const char *path)
{
	const char *name = args_list(d->args, "service", 0);

	if (!d->args->nunits && is(row, "kind", "spawned"))
		return false;
	for (size_t i = 0; name && !is_named(path, name); i++)
		name = args_list(d->args, "service", i);
	if (!name && args_has(d->args, "service"))
		return false;
	if (d->what != LIVE_STOP || !at_rest(row))
		return true;
	for (size_t i = 0; i < d->p.n; i++)
		if (strcmp(d->p.rows[i].name, path) == 0)
			return true;
	return false;
}

/* A supervisor that can't be asked leaves the picture as it is. */
static void look(struct drawer *d)
{
	struct client c;
	struct rows rows;
	struct err err;

	client_init(&c, d->socket);
	c.patience_ns = 2 * NS_PER_SEC;
	c.total = true;
	rows_init(&rows);
	if (rows_ask(&rows, &c, d->args->nunits ? d->args->units : NULL, &err) == 0) {
		if (!d->p.heading)
			heading(d, &rows);
		/* Units of a project that was stopped are not there any more. */
		for (size_t i = 0; d->what == LIVE_STOP && i < d->p.n; i++)
			(void)progress_set(&d->p, d->p.rows[i].name, PROGRESS_OK, NULL);
		for (size_t i = 0; i < rows.n; i++) {
			const struct packet *row = &rows.units[i];
			const char *path = packet_get(row, "path");
			char text[48];

			if (!path || !counts(d, row, path))
				continue;
			enum progress_state state = state_of(row, d->what);
			(void)progress_set(
				&d->p, path, state, detail_of(row, state, text, sizeof text));
		}
	}
	rows_done(&rows);
	client_done(&c);
}

static void paint(struct drawer *d)
{
	struct progress_screen screen = screen_now();
	struct buf out;

	if (!d->p.n)
		return;
	buf_init(&out, OUT_MAX);
	if (progress_draw(&out, &d->p, &screen) == 0)
		(void)out_flush(&out);
	buf_done(&out);
}

/* Until the other end is closed, and once more. */
static void draw_until(struct drawer *d, int fd)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };
	bool last = false;

	while (!last) {
		int rc = poll(&p, 1, d->p.n ? PERIOD_MS : PERIOD_MS / 5);

		last = rc > 0 || (rc < 0 && errno != EINTR);
		look(d);
		paint(d);
	}
	progress_done(&d->p);
}

bool live_begin(struct live *l, const struct args *args, const char *socket, enum live_what what)
{
	struct drawer d = { .args = args, .socket = socket, .what = what };
	int ends[2];

	*l = (struct live){ .what = what, .fd = -1 };
	if (args->json || !out_live(STDOUT_FILENO) || pipe2(ends, O_CLOEXEC) < 0)
		return false;
	if (what == LIVE_STOP) { /* who is up now is what the picture is of */
		look(&d);
		paint(&d);
	}
	l->pid = fork();
	if (l->pid == 0) {
		(void)close(ends[1]);
		draw_until(&d, ends[0]);
		_exit(0);
	}
	progress_done(&d.p);
	(void)close(ends[0]);
	l->fd = ends[1];
	if (l->pid < 0) {
		(void)close(l->fd);
		l->pid = 0;
	}
	return l->pid > 0;
}

void live_end(struct live *l)
{
	int code, sig;

	if (l->pid <= 0)
		return;
	(void)close(l->fd);
	(void)reap_wait(l->pid, DRAWER_MS, &code, &sig);
	l->pid = 0;
}

/* --- the boot --- */

/* The heading has the one project that starts. */
static void name_boot(struct drawer *d, const char *id)
{
	char text[128];

	(void)snprintf(text, sizeof text, "Starting '%.80s'", d->projects++ ? "sysg" : id);
	(void)progress_heading(&d->p, text);
}

/* False: that was the last one, whichever way it ends. */
static bool take_row(struct drawer *d, const struct packet *row)
{
	const char *path = packet_get(row, "path");
	char text[48];

	if (!is(row, "ok", "1") || is(row, "end", "1"))
		return false;
	if (packet_get(row, "project"))
		name_boot(d, packet_get(row, "project"));
	if (!path)
		return true;
	enum progress_state state = is(row, "row", "started")  ? PROGRESS_OK
				    : is(row, "row", "failed") ? PROGRESS_FAILED
							       : PROGRESS_BUSY;
	(void)progress_set(&d->p, path, state, detail_of(row, state, text, sizeof text));
	return true;
}

static bool take_rows(struct drawer *d, int fd)
{
	char bytes[ROW_BYTES];
	struct packet row;

	for (;;) {
		ssize_t n = recv(fd, bytes, sizeof bytes, MSG_DONTWAIT);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n < 0 && errno == EAGAIN;
		if (packet_parse(&row, bytes, (size_t)n) == 0 && !take_row(d, &row))
			return false;
	}
}

/* As much of it as a message takes. The logger knows what it has shown, so that each is drawn as the first. */
static int send_picture(struct drawer *d, struct progress_screen screen, int fd)
{
	struct buf out;
	int rc = -1;

	if (!screen.lines || screen.lines > PICTURE_LINES)
		screen.lines = screen.lines ? PICTURE_LINES : 24;
	buf_init(&out, OUT_MAX);
	do {
		out.len = 0;
		d->p.drawn = 0;
		rc = progress_draw(&out, &d->p, &screen);
		screen.lines /= 2;
	} while (rc == 0 && out.len > PICTURE_BYTES && screen.lines > 1);
	if (rc == 0 && !out.failed && out.len <= PICTURE_BYTES)
		rc = send(fd, out.p, out.len, MSG_NOSIGNAL) < 0 ? -1 : 0;
	buf_done(&out);
	return rc;
}

int live_boot(int rows_fd, int picture_fd)
{
	struct drawer d = { .what = LIVE_START };
	struct pollfd p = { .fd = rows_fd, .events = POLLIN };
	struct progress_screen was = { .columns = 0 };
	bool more = true;

	(void)progress_heading(&d.p, "Starting 'sysg'");
	while (more) {
		int n = poll(&p, 1, RESIZE_MS);
		struct progress_screen screen = screen_now();
		if (n > 0)
			more = take_rows(&d, rows_fd);
		bool same = screen.columns == was.columns && screen.lines == was.lines;
		was = screen;
		if ((n > 0 || !same) && d.p.n && send_picture(&d, screen, picture_fd) < 0)
			break;
	}
	progress_done(&d.p);
	return 0;
}
