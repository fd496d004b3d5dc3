/* locate.h - which manifest, and its bytes. Layer: cmd. */
#ifndef CMD_LOCATE_H
#define CMD_LOCATE_H

#include <stdbool.h>
#include <stddef.h>

#include "base/buf.h"
#include "base/err.h"

struct located {
	char *path;       /* absolute */
	bool cwd_default; /* found under /etc by the search: working_dir's default is where sysg
			     start was started */
};

/* config (-c) alone when given; else $SYSG_CONFIG alone when set; else ./systemg.yaml, ./sysg.yaml,
 * /etc/systemg/systemg.yaml, /etc/systemg/sysg.yaml, the first that is there. -1: SG0203, the
 * places looked at are in the message. */
int manifest_locate(const char *config, struct located *ret, struct err *err);
void located_done(struct located *l);

/* The bytes of a regular file (malloc'd, NUL behind them), at most CAP_MANIFEST, by the rules of `start`. -1: SG0210. */
int manifest_read(const char *path, char **ret, size_t *ret_len, struct err *err);

/* For manifest_source.read: under the same rules as a manifest of `start`, by a process of its own. */
int manifest_include(void *arg, const char *path, bool trust, struct buf *ret, struct err *err);

#endif
