/* err.h - one failure: what, where, why. Layer: base. */
#ifndef BASE_ERR_H
#define BASE_ERR_H

enum err_code {
#define ERR(num, name, status, title) ERR_##name = num,
#include "base/errcodes.def"
#undef ERR
};

/* Caller-owned, fixed size, never allocates, so it works when malloc does not. */
struct err {
	enum err_code code; /* stable identity, ERR_OK when unset */
	int sys;            /* errno of the failing call, 0 if none */
	int line, col;      /* 1-based manifest position, 0 if not about a manifest */
	char msg[400];      /* one line, no trailing period */
	char help[200];     /* what to do about it, or empty */
};

/* Fills *e (help is cleared) and returns -1, so callers write: return err_set(e, ERR_X, 0, "...",
 * ...); */
int err_set(struct err *e, enum err_code code, int sys, const char *fmt, ...)
	__attribute__((format(printf, 4, 5)));
/* The same, with what sys is in words behind it. */
int err_sys(struct err *e, enum err_code code, int sys, const char *fmt, ...)
	__attribute__((format(printf, 4, 5)));

int err_no_memory(struct err *e); /* the same, of malloc */

int err_of_want(
	int sys); /* 1: that errno is of memory or descriptors that ran out, and says nothing of what was asked for */

/* Sets the remedy of an error that is already set. Returns -1. */
int err_help(struct err *e, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* Prefixes "context: " to an already set error; code and sys are kept. Returns -1. */
int err_wrap(struct err *e, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

const char *err_name(enum err_code
		code); /* the row's NAME in lower case with '-': "bad-value"; "limit" for every limit; never NULL */
const char *err_title(enum err_code code); /* static string, never NULL */
int err_exit_status(enum err_code code);   /* process exit status for the CLI */

/* 1 if number is a listed code; then it may be cast to enum err_code. */
int err_known(int number);

#endif
