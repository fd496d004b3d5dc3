/* look.h - status, and whether all is well, asked without waiting: for who polls. Layer: cli. */
#ifndef CLI_LOOK_H
#define CLI_LOOK_H

#include <stdbool.h>
#include <stdint.h>

#include "cli/client.h"
#include "cli/rows.h"

enum look_step { LOOK_HEALTH, LOOK_READY, LOOK_STATUS, LOOK_OVER };

/* One at a time. What was found stays until the next begins. */
struct look {
	const char *socket;
	char *const *units; /* of the status; NULL-terminated, or NULL */
	bool busy;
	enum look_step step, last; /* asked now, asked at the end */
	int64_t until_ns;          /* then nobody has answered */
	struct client c;
	struct err err; /* ERR_OK: none; what was asked before it went wrong is known */
	struct {
		bool known;
		bool yes;
		char why[512];
	} probe[LOOK_STATUS];
	struct rows rows;
};

void look_init(struct look *l, const char *socket, char *const *units);
/* The steps from one to another. Nobody is waited for: look_fd() is to be polled for reading, until until_ns. */
void look_begin(struct look *l, enum look_step from, enum look_step last);
int look_fd(const struct look *l); /* -1: it is over already */
/* There is something to read, or the time is over. True: it is over, and what came is there. */
bool look_go_on(struct look *l);
void look_done(struct look *l);

#endif
