/* recall.h - which manifests a detached supervisor that was killed had. Layer: cmd. */
#ifndef CMD_RECALL_H
#define CMD_RECALL_H

#include "base/caps.h"
#include "cmd/locate.h"

struct recalled {
	struct located files[CAP_MANIFESTS]; /* in their order; n 0: none is remembered */
	size_t n;
	const char **unloaded; /* ids of projects that were stopped as a whole; NULL-terminated */
	size_t nunloaded;
	char *text; /* that all of it is in */
};

/* From the first place that has any: the folder of socket (NULL: not given), else where runtime directories are. One
 * that is not whole is told, and counts as none. To be released in any case. */
void recall(struct recalled *ret, const char *socket);
bool recalls(const struct recalled *r, const char *path); /* is that file among them? */
void recalled_done(struct recalled *r);

#endif
