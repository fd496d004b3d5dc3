/* change.h - starts and restarts by order: one after another, over several turns. Layer: super. */
#ifndef SUPER_CHANGE_H
#define SUPER_CHANGE_H

#include "super/conn.h"
#include "super/define.h"

enum change_step {
	CHANGE_QUEUED,
	CHANGE_READING,
	CHANGE_READ, /* reading.bundle is there; what it comes to is being found out */
	CHANGE_STOPPING
};

/* One order, from its request until its units are told to start. */
struct change {
	struct list link; /* super.changes */
	struct super *s;
	struct conn *c; /* who asked; NULL: gone, or answered */
	uint64_t by;    /* the unit that asked; 0: an operator */
	bool restart;
	bool with_asker; /* that unit ends with what is asked for */
	bool wait;       /* answered once each unit reached its target; else once it is accepted */
	int64_t deadline_ns; /* of the asker; 0: none */
	char *path;          /* the manifest to read; NULL: none is read */
	bool cwd_default;
	char **names; /* of services or units; n 0: all */
	size_t nnames;
	enum change_step step;
	struct reading reading;
	/* What it comes to, once it was read. Of the new manifest: */
	struct manifest *m; /* a reference */
	struct plan *plan;
	bool kept;                /* it is the one before: the new one would stop too much */
	bool fresh;               /* those that have a unit are defined anew, too */
	size_t defined;           /* as far as defs is filled */
	struct definition **defs; /* by index; NULL: as it is */
	unsigned char *wanted;    /* has a unit, or gets one */
	unsigned char *start;     /* is told to start */
	unsigned char *await;     /* the asker waits for it */
	ssize_t *from;            /* its index in the manifest before; -1: new */
	/* of the one before: */
	ssize_t *to;         /* index in the new one; -1: it goes */
	unsigned char *stop; /* 1: to be stopped first; 2: was told to */
	bool more;           /* the last look told one to stop: it may be down at once */
	char note[320];      /* what the asker should know besides, or empty */
};

/* --- apply.c --- */

/* Takes the change over. 1: its unit asked for the same, which did not begin yet; -1: too many wait
 * already. Then nothing was kept. */
int change_add(struct super *s, struct change *ch, struct err *err);
struct change *change_free(struct change *ch); /* returns NULL; fine on one half made */
void changes_step(struct super *s);            /* after each settle */
void changes_forget(
	struct super *s, const struct conn *c); /* before c waits for nothing, or is gone */
void changes_end(struct super *s);

/* --- choose.c: what a change stops and starts --- */

/* Fills everything of ch but what is said to be given by the request, some milliseconds of it at a
 * time. 1: there is more to do; 0: all is there; -1: nothing was changed. */
int change_choose(struct change *ch, struct err *err);
/* Runs, is about to, or waits to: not at rest, and in no back-off. */
bool unit_is_up(const struct unit *u);
bool unit_lives(const struct unit *u); /* the same, or something of its tree does */

/* --- await.c --- */

/* c waits from now on until each of these units reached its target or failed. ids in order; n may be 0. */
void await_begin(struct conn *c, const uint64_t *ids, size_t n, int64_t deadline_ns);
void await_told(struct super *s, struct unit *u);
void await_look(struct super *s); /* a change is through: at all of them anew */
void await_stop(struct conn *c);  /* c is gone; what it has is freed with it */
void await_free(struct conn *c);
/* The timeout: those that failed are told, and which are not there yet goes into err. False: that was
 * the last of them, or c is gone. */
bool await_late(struct conn *c, struct err *err);
/* The start of the boot, for whoever made the supervisor detach: fd is a connection to it. */
void await_boot(struct super *s, int fd, int64_t timeout_ns, bool progress);

#endif
