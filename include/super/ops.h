/* ops.h - the ops that a connection may ask for. Layer: super. */
#ifndef SUPER_OPS_H
#define SUPER_OPS_H

#include "super/conn.h"

/* KNOWN: everyone, once it is known who that is. LAST_WORDS: also of a unit's process that ended since it asked. */
enum op_who { OP_EVERYONE = 1, OP_UNITS = 2, OP_OPERATOR = 4, OP_LAST_WORDS = 8, OP_KNOWN = 16 };

struct op {
	const char *name;
	unsigned who;
	const char *fields; /* " name name " with blanks around each */
	void (*serve)(struct conn *c, const struct packet *p);
};

const struct op *op_find(const char *name);
/* Has the request no field but those of the op's row? 0, or SG0832. */
int op_fields(const struct op *op, const struct packet *p, struct err *err);

/* Which unit a selector names for this caller, for what it means to do to it. NULL: SG0202 no such
 * unit, SG0006 several, SG0811 it has no right to that. */
struct unit *conn_unit(struct conn *c, const char *selector, enum right_verb verb, struct err *err);
/* May the caller do it to that unit? The operator everything, a unit by its rights. 0, or SG0811. */
int conn_may(
	const struct conn *c, enum right_verb verb, const struct unit *target, struct err *err);
bool conn_has(const struct conn *c, enum right_verb verb, const struct unit *target);

/* Where a unit's log file is. */
void put_log_file(struct buf *b, const char *key, const struct super *s, const struct unit *u);

void op_status(struct conn *c, const struct packet *p);
void op_inspect(struct conn *c, const struct packet *p);
void op_status_more(struct conn *c); /* rows until the peer does not read */
void op_spawn(struct conn *c, const struct packet *p);
void op_shutdown(struct conn *c, const struct packet *p);
void op_stop(struct conn *c, const struct packet *p);
void op_start(struct conn *c, const struct packet *p);
void op_restart(struct conn *c, const struct packet *p);
void op_reload(struct conn *c, const struct packet *p);
void op_wait(struct conn *c, const struct packet *p);
void op_health(struct conn *c, const struct packet *p);
void op_ready(struct conn *c, const struct packet *p);
void op_events(struct conn *c, const struct packet *p);
void op_events_more(struct conn *c); /* rows until the peer does not read, or has all */
void op_events_end(struct conn *c);  /* the supervisor ends: what is left, and end=1 */
void follower_free(struct super *s, struct follower *f);
void op_signal(struct conn *c, const struct packet *p);
void op_grant(struct conn *c, const struct packet *p);
void op_revoke(struct conn *c, const struct packet *p);
void op_caps(struct conn *c, const struct packet *p);
void op_logs_path(struct conn *c, const struct packet *p);

/* state, intent, health, lifecycle of a unit as status says them, and the whole's. */
const char *unit_state(const struct unit *u);
const char *unit_intent(const struct super *s, const struct unit *u);
const char *unit_health(const struct super *s, const struct unit *u);
const char *unit_lifecycle(const struct unit *u);
const char *overall_health(const struct super *s);

#endif
