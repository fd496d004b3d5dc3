/* message.h - messages and exit notices on their way: who waits, who is given what. Layer: super. */
#ifndef SUPER_MESSAGE_H
#define SUPER_MESSAGE_H

#include "node/mailbox.h"
#include "super/conn.h"

/* --- for those who tell of units --- */

/* Its end is told to its parent by a notice, once; exit is how. */
void message_notice(struct super *s, struct unit *u);
/* Its main process ended: calls to it end, SG0823. What is in its mailbox outlives a restart. */
void message_main_ended(struct super *s, const struct unit *u);
/* What nobody holds or calls with goes to another; NULL: to nobody. */
void message_move(struct super *s, struct unit *u, struct unit *to);
/* It ended for good, or is at rest: so does its mailbox, with all who wait for it. */
void message_unit_over(struct super *s, struct unit *u);
/* For on-exit rules: a message of the dying unit, under its rights, with how it ended (will=1). It waits for
 * nothing; what can't be delivered is a warning in the events and the log. */
void message_will(
	struct super *s, struct unit *dying, const char *target, const void *body, size_t n);

/* --- for the loop and connections --- */

/* Mailboxes in which something changed: senders are let in, receivers given what came. Once a turn. */
void message_step(struct super *s);
void message_poke(struct super *s, struct unit *u); /* something changed in u's mailbox */
void message_more(struct conn *c);                  /* the rest of a body, as the peer reads */
void message_leave(
	struct conn *c); /* it waits no more: what it sent and was not taken is taken back */
void message_conn_gone(struct conn *c);             /* and what it was given is the first again */
void message_late(struct conn *c, struct err *err); /* its time is up: the failure */
void message_forget_unit(struct super *s, const struct unit *u); /* before u is freed */

/* Given to c, which has to acknowledge it. */
void message_give(struct conn *c, const struct pick *p);
/* The reply to the call that o waits with; m is taken over. */
void message_answer(struct conn *o, struct message *m);
/* It was read: gone from the mailbox, and a notice's unit with it. */
void message_acknowledged(struct conn *c);

void op_send(struct conn *c, const struct packet *p);
void op_call(struct conn *c, const struct packet *p);
void op_recv(struct conn *c, const struct packet *p);
void op_ack(struct conn *c, const struct packet *p);
void op_reply(struct conn *c, const struct packet *p);

#endif
