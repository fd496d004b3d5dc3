/* logs.h - what the log process does for the rest of the supervisor. Layer: super. */
#ifndef SUPER_LOGS_H
#define SUPER_LOGS_H

#include "super/state.h"

/* --- logproc.c --- */
int logproc_start(struct super *s);
void logproc_stop(struct super *s);   /* tells it to finish */
void logproc_reopen(struct super *s); /* its files are opened anew */
bool logproc_done(const struct super *s);
bool logproc_is(const struct super *s, pid_t pid);
void logproc_died(struct super *s, int code, int sig);
void logproc_free(struct super *s);
/* Pipes for one start: ret_fd[0..1] are the write ends for descriptors 1 and 2, to be closed after
 * the fork; -1, -1 where the sink needs none (*ret_inherit says: the init's own; else /dev/null).
 */
int logproc_pipes(struct super *s, const struct unit *u, unsigned sinks, int ret_fd[2],
	bool *ret_inherit, struct err *err);

/* The last lines that the present launch of u printed, of both streams in their order: n <= 4096
 * bytes of whole lines, each with its newline, valid during the call, not NUL-terminated; bytes as
 * the service wrote them. text NULL, n 0: there are none, or nobody has them (sink none or inherit,
 * no logger, a logger that died). */
typedef void logtail_fn(struct super *s, struct unit *u, const char *text, size_t n);
/* Calls fn once: later, after 200 ms at the latest (without memory at once), unless u's job is freed
 * before. To be asked once the process ended: what it wrote before that is in the answer. Any
 * number may be under way; good until logproc_stop(). fn may free u's job. */
void logproc_tail(struct super *s, struct unit *u, logtail_fn *fn);
void logproc_forget_unit(struct super *s, const struct unit *u); /* before u's job is freed */

#endif
