/* What a detached supervisor that was killed had registered, as its sysg.state tells. */
#include "cmd/recall.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/caps.h"
#include "base/log.h"
#include "cli/seek.h"
#include "os/slurp.h"
#include "super/super.h"

enum { PATH_BYTES = SEEK_PATH + 32, STATE_MAX = 1024 * 1024, READ_MS = 10000 };

/* The i-th place where it may be. -1: past the last. */
static int place(size_t i, const char *socket, char path[PATH_BYTES])
{
	const char *slash = socket ? strrchr(socket, '/') : NULL;
	char dir[SEEK_PATH] = "";

	if (slash && i)
		return -1;
	if (slash)
		(void)snprintf(dir, sizeof dir, "%.*s", (int)(slash - socket), socket);
	else if (seek_runtime_dir(i, dir) < 0)
		return -1;
	(void)snprintf(path, PATH_BYTES, "%s/" SUPER_STATE, dir);
	if (!*dir)
		path[0] = '\0';
	return 0;
}

/* One line. -1: it is none of ours. */
static int take(struct recalled *r, char *line)
{
	char *value = strchr(line, ' ');

	if (!value || !value[1])
		return -1;
	*value++ = '\0';
	bool etc = strcmp(line, "default") == 0;
	if (strcmp(line, "unloaded") == 0 && r->nunloaded < CAP_SERVICES) {
		r->unloaded[r->nunloaded++] = value;
		return 0;
	}
	if ((!etc && strcmp(line, "manifest") != 0) || *value != '/' || r->n == CAP_MANIFESTS)
		return -1;
	r->files[r->n++] = (struct located){ value, etc };
	return 0;
}

/* Whole, from its head to its end. */
static int parse(struct recalled *r)
{
	char *line = r->text, *next;
	bool head = true, end = false;

	for (; *line && !end; line = next) {
		next = strchr(line, '\n');
		if (!next)
			return -1;
		*next++ = '\0';
		end = strcmp(line, "end") == 0 && !head;
		if (head ? strcmp(line, SUPER_STATE_HEAD) != 0 : !end && take(r, line) < 0)
			return -1;
		head = false;
	}
	return end && !*line && r->n ? 0 : -1;
}

static void read_at(struct recalled *r, const char *path)
{
	struct buf text;
	struct err err;

	buf_init(&text, STATE_MAX);
	r->unloaded = calloc(CAP_SERVICES + 1, sizeof *r->unloaded);
	bool got = slurp(path, true, READ_MS, &text, &err) == 0 && buf_add(&text, "", 1) == 0;
	bool whole = got && strlen(text.p) + 1 == text.len;
	r->text = got ? buf_steal(&text) : NULL;
	buf_done(&text);
	if (r->unloaded && whole && r->text && parse(r) == 0)
		return;
	log_line(LOG_WARN, "%s is passed over: %s", path,
		got ? "a supervisor would have written something else" : err.msg);
	r->n = r->nunloaded = 0;
}

void recall(struct recalled *ret, const char *socket)
{
	char path[PATH_BYTES];

	*ret = (struct recalled){ .n = 0 };
	for (size_t i = 0; place(i, socket, path) == 0; i++)
		if (path[0] && access(path, F_OK) == 0) {
			read_at(ret, path);
			return;
		}
}

bool recalls(const struct recalled *r, const char *path)
{
	for (size_t i = 0; i < r->n; i++)
		if (strcmp(r->files[i].path, path) == 0)
			return true;
	return false;
}

void recalled_done(struct recalled *r)
{
	free(r->unloaded);
	free(r->text);
	*r = (struct recalled){ .n = 0 };
}
