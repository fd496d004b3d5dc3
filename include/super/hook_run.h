/* hook_run.h - one run of a hook, for the two files of the hooks. Layer: super. */
#ifndef SUPER_HOOK_RUN_H
#define SUPER_HOOK_RUN_H

#include "super/hooks.h"

struct hook_run {
	struct hook_run *next; /* super.hooks */
	struct super *s;
	struct job *j; /* NULL: the service is in the manifest no more */
	enum hook_kind kind;
	pid_t pid;
	char program[64];
	struct group group;
	bool reaped, gone;
	bool cut, slow;    /* why it was killed: an order, its timeout */
	bool told;         /* what it left running was said */
	int code, sig;     /* of its process, once reaped; code 128+sig */
	int status_fd;     /* of its set-up; read when it ends */
	struct err failed; /* of its set-up or exec; code ERR_OK: none */
	struct hook_groups in;
	struct sweep_target sweep;
	bool sweeping;
	int64_t timeout_ns;
	struct timer timer; /* its timeout, then the time until it counts as a survivor */
};

/* Every run is limited from its fork on. NULL: err says why it could not be started. */
struct hook_run *hook_begin(struct super *s, struct job *j, enum hook_kind kind, struct err *err);
/* Whatever of it is left goes on without anybody who looks. */
void hook_free(struct hook_run *h);
/* KILL to all of it; an end that was ordered is nobody's failure. */
void hook_cut(struct hook_run *h);
/* An event and a warning, and nothing else. */
void hook_warn(const struct job *j, const struct err *err);
/* A start that failed before there was a main process: its end is the hook's. */
void hook_prepare_failed(struct super *s, struct unit *u, int code, int sig, const struct err *err);

#endif
