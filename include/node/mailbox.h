/* mailbox.h - messages of one unit: order, bounds, who waits for room. Layer: node (pure). */
#ifndef NODE_MAILBOX_H
#define NODE_MAILBOX_H

#include "node/unit.h"

/* What recv gives. A reply goes to who called, never through a mailbox. */
enum message_kind { MESSAGE_MSG = 1, MESSAGE_CALL = 2, MESSAGE_EXIT = 4, MESSAGE_REPLY = 8 };
const char *message_word(enum message_kind kind);
/* "msg,call,exit" -> their bits. -1: ERR_BAD_REQUEST. */
int message_kinds_parse(const char *words, unsigned *ret, struct err *err);

/* One allocation. Owned by the mailbox that it is linked in; one that isn't by its sender or holder. */
struct message {
	struct list link;
	uint64_t number; /* MSGID; in the order of all messages and notices */
	enum message_kind kind;
	bool queued;          /* in the mailbox; else it waits for room, or is in none */
	bool will;            /* what a unit left to be said; exit is how it ended */
	uint64_t from;        /* its unit's id; 0: an operator */
	void *sender;         /* who waits for room for it, or for the reply; NULL: nobody */
	void *holder;         /* who was given it and has not acknowledged yet; NULL: nobody */
	struct unit *to;      /* in whose mailbox it is, or waits to be */
	struct unit *charged; /* to whose tree it counts; NULL: to none */
	struct unit_exit exit;
	size_t path_len, n;
	char bytes[]; /* the sender's path with its NUL, then the body */
};

/* A copy of body. charged may be NULL. NULL: past CAP_KEPT (ERR_MAILBOX), too long (ERR_TOO_LARGE), no memory. */
struct message *message_new(
	struct unit *charged, const char *path, const void *body, size_t n, struct err *err);
void message_uncharge(struct message *m); /* it counts no more; its tree may go before it */
/* It counts to that tree from here on; to none where that is full, as the message is there already. */
void message_recharge(struct message *m, struct unit *to);
void message_free(struct message *m); /* unlinked; NULL is fine */
static inline const char *message_body(const struct message *m)
{
	return m->bytes + m->path_len;
}

void mailbox_init(struct mailbox *b);
void mailbox_done(struct mailbox *b); /* frees what is in it; nobody holds or waits any more */
/* Takes m over. True: it is in; false: it waits for room, behind those that do already. */
bool mailbox_send(struct mailbox *b, struct message *m);
/* Room may have come: the first that waits is let in. NULL: there is none, or still no room for it. */
struct message *mailbox_let_in(struct mailbox *b);
/* Out of the mailbox, or of those that wait. A message that somebody holds stays his, others are the caller's. */
void mailbox_remove(struct mailbox *b, struct message *m);

/* What a recv wants. */
struct filter {
	unsigned kinds; /* bits */
	bool has_from;
	uint64_t from; /* 0: operators */
};

/* Either a message, or a child whose notice is due. */
struct pick {
	struct message *m;
	struct unit *child;
};
/* The first that nobody holds, of messages and exit notices together. False: there is none. */
bool mailbox_pick(struct unit *u, const struct filter *f, struct pick *ret);

/* u's end is to be told to its parent, once: numbered behind all messages before it. */
void notice_due(struct unit *u, uint64_t number);
/* Another unit is told of it, or nobody (NULL). */
void notice_move(struct unit *u, struct unit *to);
/* It was collected. True: nothing of u is needed any more. */
bool notice_taken(struct unit *u);

#endif
