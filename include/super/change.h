/* change.h - starts, restarts and reloads by order: one after another, over several turns. Layer: super. */
#ifndef SUPER_CHANGE_H
#define SUPER_CHANGE_H

#include "super/conn.h"
#include "super/define.h"
#include "super/project.h"

enum change_step {
	CHANGE_QUEUED,
	CHANGE_READING,
	CHANGE_READ, /* reading.bundle is there; what it comes to is being found out */
	CHANGE_STOPPING
};

/* A plan is a reload of which only the rows are wanted. What is unloaded is stopped, and has no units then. */
enum change_what { DO_START, DO_RESTART, DO_UNLOAD, DO_RELOAD, DO_PLAN };
#define BY_HUP UINT64_MAX

/* One order, from its request until its units are told to start. */
struct change {
	struct list link; /* super.changes */
	uint64_t number;  /* among the orders: what a later one stops it doesn't start */
	struct super *s;
	struct conn *c; /* who asked; NULL: gone, or answered */
	uint64_t by;    /* the unit that asked; 0: an operator; BY_HUP: a signal */
	enum change_what what;
	bool with_asker; /* that unit ends with what is asked for */
	bool wait;       /* answered once each unit reached its target; else once it is accepted */
	int64_t deadline_ns;        /* of the asker; 0: none */
	struct reading_file *files; /* the manifests to read; n 0: none is read */
	size_t nfiles;
	bool one_file; /* the only one, which was named: it is about its services */
	char **names;  /* of services or units; n 0: all */
	size_t nnames;
	enum change_step step;
	/* What it comes to, once it was read. Of the new manifest: */
	struct manifest *m; /* a reference */
	struct plan *plan;
	bool kept;                /* it is the one before: the new one would stop too much */
	bool fresh;               /* those that have a unit are defined anew, too */
	size_t defined;           /* as far as defs is filled */
	struct definition **defs; /* by index; NULL: as it is */
	unsigned char *wanted;    /* has a unit, or gets one */
	unsigned char *start;     /* is told to start */
	unsigned char *roll;      /* a new instance takes the place of the one that runs */
	unsigned char *await;     /* the asker waits for it */
	ssize_t *from;            /* its index in the manifest before; -1: new */
	/* of the one before: */
	ssize_t *to;         /* index in the new one; -1: it goes */
	unsigned char *stop; /* 1: to be stopped first; 2: was told to */
	bool more;           /* the last look told one to stop: it may be down at once */
	struct reading reading;
	char note[320]; /* what the asker should know besides, or empty; of a reload what it does */
};

/* --- op_start.c --- */

void order(struct conn *c, const struct packet *p, enum change_what what); /* by a request */

/* --- apply.c --- */

/* Takes the change over. 1: its unit asked for the same, which did not begin yet; -1: too many wait
 * already. Then nothing was kept. */
int change_add(struct super *s, struct change *ch, struct err *err);
struct change *change_new(struct super *s, enum change_what what, uint64_t by);
/* It is to read the registered manifests, of one project its own. -1: no memory. */
int change_read_again(struct change *ch, struct err *err);
struct change *change_free(struct change *ch); /* returns NULL; fine on one half made */
void changes_step(struct super *s);            /* after each settle */
void changes_forget(
	struct super *s, const struct conn *c); /* before c waits for nothing, or is gone */
void changes_end(struct super *s);
/* A stop by order: what was ordered before it starts u no more. NULL: nor anything else. */
void changes_stopped(struct super *s, struct unit *u);

/* --- choose.c: what a change stops and starts --- */

/* Fills everything of ch but what is said to be given by the request, some milliseconds of it at a
 * time. 1: there is more to do; 0: all is there; -1: nothing was changed. */
int change_choose(struct change *ch, struct err *err);
/* What is wrong with the manifest, or with reading it, as a restart says it. Returns -1. */
int change_refuse(const struct change *ch, struct err *err);
/* Runs, is about to, or waits to: not at rest, and in no back-off. */
bool unit_is_up(const struct unit *u);
bool unit_lives(const struct unit *u); /* the same, or something of its tree does */
/* Where a service of the new manifest has its unit, and is that one's definition another? */
struct unit *unit_before(const struct change *ch, size_t i);
bool change_names(const struct change *ch, size_t i); /* is it one that was asked for? */
bool change_alters(const struct change *ch, size_t i);

/* The one project that it is about, as a selector; NULL: all, or some units. */
const char *change_project(const struct change *ch);

/* --- deploy_may.c --- */

/* Is that service, which is to be restarted, replaced while it runs? What hinders it is said. */
bool roll_may(struct change *ch, size_t i);

/* --- files.c --- */

bool change_reads(const struct change *ch, const char *path); /* that file, anew */
/* What was read, with what else is registered. NULL: err. */
struct manifest *change_load(struct change *ch, struct err *err);

/* --- super.c --- */

void proc_look(struct super *s); /* is /proc ours? at the boot, and after a reload */

/* --- reload.c --- */

void reload_by_signal(struct super *s); /* HUP */
/* What was chosen: rows for the asker, and into note. */
void reload_plan(struct change *ch);
/* How it came out, for the log and for the events. why NULL: it is done. */
void reload_tell(struct change *ch, const struct err *why);

/* --- await.c --- */

struct awaited_id {
	uint64_t id;
	bool rolls; /* await_rolled() comes */
};

/* c waits from now on until each of these units reached its target or failed. ids in order; n may be 0. */
void await_begin(struct conn *c, const struct awaited_id *ids, size_t n, int64_t deadline_ns);
void await_impossible(struct conn *c); /* it is told that there is no memory for that */
/* A deployment of the unit with the id was is over: why NULL, and it has another; or why it failed. */
void await_rolled(struct super *s, uint64_t was, uint64_t now, const struct err *why);
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
