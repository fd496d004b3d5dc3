/* common.h - what the client commands share. Layer: cmd. */
#ifndef CMD_COMMON_H
#define CMD_COMMON_H

#include "cli/args.h"
#include "cli/client.h"
#include "cli/out.h"
#include "cli/rows.h"

/* A client that looks where --socket says. */
void cmd_client(struct client *c, const struct args *args);

/* Prints the failure; returns the exit status: 17 for a lost connection (c may be NULL), 125 where
 * it is to be the child's, else that of the code. */
int cmd_fail(const struct args *args, const struct client *c, const struct err *err);

/* Writes b to stdout and frees it. Returns the exit status: status, or 1 when it could not be
 * written. */
int cmd_print(struct buf *b, int status);
/* Ends an object that was begun, with its "error" where err isn't NULL, and prints it. */
int cmd_end_json(struct json *j, const struct err *err, int status);

/* Asks and takes the one reply of an op without further fields than its units. 1, or -1. */
int cmd_ask(struct client *c, const struct args *args, const char *op, struct packet *ret,
	struct err *err);

/* The same, and the reply shown. Returns the exit status. */
int cmd_show(const struct args *args, const char *op,
	int (*show)(const struct args *args, const struct packet *reply));

/* timeout_ns=, where --timeout was given. */
void cmd_put_timeout(struct buf *request, const struct args *args);

/* The exit status that stands for how a child ended: its code, 128 + the signal, by a row with
 * code= or signal=. */
int cmd_child_status(const struct packet *row);

/* health and ready: asks op, prints why. 0 yes, 1 no, 3 nobody answered within a second. key names
 * the answer in JSON. */
int cmd_probe(const struct args *args, const char *op, const char *key);

/* status and tree: how their rows are shown to people, and a failure. */
struct cmd_listing {
	bool measured;      /* rows_measured() */
	bool empty;         /* no unit is drawn, too, not told in words */
	const char *before; /* put before what is for people; NULL: nothing */
	int (*draw)(struct buf *out, const struct args *args,
		const struct rows *rows); /* -1: no memory; 1: another look is needed first */
	int (*failed)(const struct args *args, const struct client *c, const struct err *err);
};
/* Asks for the rows of args' units and shows them, as JSON where that is asked for. Returns the exit status. */
int cmd_list(const struct args *args, const struct cmd_listing *l);

/* start --parent-pid and spawn: the options are those of `sysg spawn`, and parent-pid (a number).
 * Those that the table of args' command lacks count as not given. Returns the exit status. */
int spawn_run(const struct args *args);

#endif
