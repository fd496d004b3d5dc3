#include "cmd/locate.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/caps.h"
#include "base/log.h"
#include "os/slurp.h"

enum { DIRECTORY = 4096, READ_MS = 30000 };

static const struct {
	const char *path;
	bool etc;
} places[] = {
	{ "./systemg.yaml", false },
	{ "./sysg.yaml", false },
	{ "/etc/systemg/systemg.yaml", true },
	{ "/etc/systemg/sysg.yaml", true },
};

enum { PLACES = sizeof places / sizeof *places };

/* Not realpath(): a symbolic link's own folder is where its relative paths count from. */
static int absolute(const char *path, char **ret, struct err *err)
{
	char here[DIRECTORY];
	struct buf b;

	buf_init(&b, 2 * (size_t)DIRECTORY);
	if (*path != '/') {
		if (!getcwd(here, sizeof here) || *here != '/')
			return err_sys(
				err, ERR_NO_MANIFEST, errno, "the working directory can't be told");
		(void)buf_printf(&b, "%s/", strcmp(here, "/") == 0 ? "" : here);
		path += strncmp(path, "./", 2) == 0 ? 2 : 0;
	}
	(void)buf_adds(&b, path);
	if (b.failed) {
		buf_done(&b);
		return err_set(err, ERR_NO_MANIFEST, ENOMEM, "the manifest's path is too long");
	}
	*ret = buf_steal(&b);
	return 0;
}

static int found(const char *path, bool etc, struct located *ret, struct err *err)
{
	ret->cwd_default = etc;
	return absolute(path, &ret->path, err);
}

static int named(const char *path, const char *by, struct located *ret, struct err *err)
{
	if (access(path, F_OK) < 0) {
		int sys = errno;
		(void)err_sys(err, ERR_NO_MANIFEST, sys, "no manifest: %.250s", path);
		return err_help(err, "%s names it", by);
	}
	return found(path, false, ret, err);
}

int manifest_locate(const char *config, struct located *ret, struct err *err)
{
	const char *set = getenv("SYSG_CONFIG");
	struct buf list;

	*ret = (struct located){ 0 };
	if (config)
		return named(config, "-c/--config", ret, err);
	if (set && *set)
		return named(set, "$SYSG_CONFIG", ret, err);
	for (int i = 0; i < PLACES; i++) {
		if (access(places[i].path, F_OK) == 0)
			return found(places[i].path, places[i].etc, ret, err);
		log_line(LOG_DBG, "no manifest: %s: %s", places[i].path, strerror(errno));
	}
	buf_init(&list, sizeof err->msg);
	for (int i = 0; i < PLACES; i++)
		(void)buf_printf(&list, "%s%s", i ? ", " : "", places[i].path);
	(void)err_set(
		err, ERR_NO_MANIFEST, 0, "no manifest: looked for %s", list.p ? list.p : "one");
	buf_done(&list);
	return err_help(err, "name it by -c FILE or $SYSG_CONFIG");
}

void located_done(struct located *l)
{
	free(l->path);
	*l = (struct located){ 0 };
}

int manifest_read(const char *path, char **ret, size_t *ret_len, struct err *err)
{
	struct buf b;

	buf_init(&b, CAP_MANIFEST);
	int rc = buf_add(&b, "", 0) < 0 ? err_no_memory(err) : slurp(path, true, READ_MS, &b, err);
	if (rc < 0) {
		buf_done(&b);
		return rc;
	}
	*ret_len = b.len;
	*ret = buf_steal(&b);
	return 0;
}

int manifest_include(void *arg, const char *path, bool trust, struct buf *ret, struct err *err)
{
	(void)arg;
	return slurp(path, trust, READ_MS, ret, err);
}
