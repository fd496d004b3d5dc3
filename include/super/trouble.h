/* trouble.h - what is told of a failure: on stderr, to clients, to the runtime. Layer: super. */
#ifndef SUPER_TROUBLE_H
#define SUPER_TROUBLE_H

#include "super/state.h"

/* --- trouble.c: a unit's failure as people read it --- */
/* Its main process was reaped: where that end is a failure, its last lines are asked for, before
 * another launch begins. */
void trouble_exit(struct super *s, struct unit *u);
void trouble_launch(struct job *j); /* another launch begins: its lines are not those of the last */
bool trouble_at_once(
	const struct unit *u); /* its last end was a bad one within 250 ms of its start */
/* An end that nothing else explains: SG0102 within 250 ms of its start. */
void trouble_of_end(const struct unit *u, struct err *ret);
void trouble_ended(struct unit *u); /* the same into u->trouble */
/* Says u->trouble on stderr, with those lines and what to do next: now, or when they are there. */
void trouble_say(struct super *s, struct unit *u);
void trouble_say_help(enum log_level level, const char *help); /* a line for each of its own */
void trouble_flush(struct super *s);       /* what waits for lines is said without them */
bool trouble_waits(const struct super *s); /* lines were asked for, and are to come */
void trouble_forget(struct job *j);
const char *trouble_lines(
	const struct unit *u, size_t *ret_n); /* of its last bad end; NULL: none */
bool trouble_pending(const struct unit *u);   /* they are asked for */
bool trouble_bad_end(const struct unit *u);   /* its last end was neither clean nor ordered */
/* What those lines add to a failure: SG0105 after a bad end; and a remedy where it has none. True: it became
 * SG0105, or says so now. */
bool trouble_explain(const struct unit *u, bool bad_end, struct err *e);
/* error= why= [help=] [file= line= col=] [lines=] of a unit's failure. Nothing where its code is ERR_OK. */
struct buf;
void put_trouble(struct buf *b, const struct unit *u, const struct err *why);

/* --- termlog.c: /dev/termination-log --- */
void termlog_begin(struct super *s); /* nothing where the exit code is 0; does not wait */
bool termlog_done(const struct super *s);
void termlog_free(struct super *s);

#endif
