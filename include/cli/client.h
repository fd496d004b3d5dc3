/* client.h - one request to the supervisor and its replies. Layer: cli. */
#ifndef CLI_CLIENT_H
#define CLI_CLIENT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/err.h"
#include "wire/packet.h"

#define CLIENT_PATIENCE (20 * NS_PER_SEC) /* without a reply, where the op answers at once */
#define CLIENT_BUSY_FOR                                                                            \
	(10 * NS_PER_SEC) /* tries again while the supervisor has no room (SG0833, EAGAIN) */

struct client {
	const char *socket;  /* --socket, or NULL: looked for */
	int64_t patience_ns; /* 0: CLIENT_PATIENCE */
	bool total;          /* patience_ns bounds everything, the connecting too */
	bool slow; /* the answer takes as long as it takes; after half of patience_ns a ping on
		    * another connection asks whether anybody is there */
	/* Read only. */
	bool lost;       /* the connection ended before the answer: exit status 17 */
	char where[120]; /* the address that answered, "@..." for an abstract one */
	/* Private. */
	int fd;
	char *bytes;
	int64_t deadline;
	bool probed;
};

/* Connects, sends the request (ended by packet_end()), takes its first reply. 1: *ret is an ok=1
 * reply, valid until the next call; -1: err, from the reply, or SG0206 (nobody there), SG0205 (no
 * answer), SG0831 (too large), or the connection was lost. Asked again, on the same connection, only once all
 * replies are taken. */
int client_ask(struct client *c, const struct buf *request, struct packet *ret, struct err *err);
/* The same of a request that client_begin() began: op=OP, unit= for each (NULL-terminated; NULL: none), whatever fields
 * the caller puts behind them. It is ended, and freed. */
int client_finish(struct client *c, struct buf *request, struct packet *ret, struct err *err);
void client_begin(struct buf *request, const char *op, char *const *units);
/* The same without waiting for a reply: that is client_next()'s. 0, or -1. */
int client_post(struct client *c, const struct buf *request, struct err *err);
/* The next reply. 1: one more, 0: it was end=1, -1: err. */
int client_next(struct client *c, struct packet *ret, struct err *err);

/* The reply that p is the first packet of, whole: *p is in keep from then on, which the caller owns. -1: err. */
int client_whole(struct client *c, struct packet *p, struct buf *keep, struct err *err);
/* One more request on the same connection, once the reply to the last is there. As client_ask(). */
int client_again(struct client *c, const struct buf *request, struct packet *ret, struct err *err);
/* Our own 0, 1, 2 in a packet of their own; what becomes of them the next reply says. */
int client_send_streams(struct client *c, struct err *err); /* -1: they can't be sent */

/* A socket that is connected already, taken over; then client_next(). -1: no memory. */
int client_adopt(struct client *c, int fd, struct err *err);

/* Its socket, to be polled; -1: it is not connected. */
static inline int client_fd(const struct client *c)
{
	return c->fd;
}

void client_init(struct client *c, const char *socket);
void client_done(struct client *c);

/* The exit status of a failure: 17 where the connection was lost, else the code's. */
int client_status(const struct client *c, const struct err *err);

#endif
