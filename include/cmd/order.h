/* order.h - start, restart and reload, as asked of a supervisor that runs. Layer: cmd. */
#ifndef CMD_ORDER_H
#define CMD_ORDER_H

#include "cmd/common.h"

/* Options that start, init and restart share. */
// clang-format off
#define OPT_DAEMONIZE { "daemonize", 0, ARG_NONE, .help = "detached; returns once every service reached its target" }
#define OPT_TIMEOUT { "timeout", 0, ARG_DURATION, .value = "DURATION", .help = "how long to wait for it (5m); then exit 9, and it goes on" }
// clang-format on
#define ORDER_TIMEOUT (300 * NS_PER_SEC)

enum order_who { ORDER_NOBODY_THERE, ORDER_OPERATOR, ORDER_UNIT, ORDER_STRANGER };

/* Who we are to the supervisor that a start would meet: where --socket, $SYSG_SOCKET or
 * $SYSG_RUNTIME_DIR says, else in any of the places. -1: one is there and does not answer (err). */
int order_who(const struct args *args, struct err *err);

/* What a line calls the unit of a row: its name alone where that is clear, else its path. */
const char *order_name(const struct args *args, const struct packet *row);
/* "Project 'ID' WORDend" */
void order_project(struct buf *out, const char *id, const char *word, const char *end);

/* Sends that op (start, restart, reload) with the units and the manifest (-c) of args, tells the
 * outcome. Returns the exit status. */
int order_run(const struct args *args, const char *op);
/* The same for the replies of a boot, which come on a connected socket; it is taken over. -1: taken
 * says which other supervisor was quicker; nothing was told. */
int order_follow(const struct args *args, int fd, struct err *taken);

/* `start` as a whole, for restart --daemonize: the options that the table of args' command lacks
 * count as not given. */
int start_run(const struct args *args);

#endif
