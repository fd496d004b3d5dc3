/* logdir.h - where the log files are, never outside LOGDIR. Layer: logger. */
#ifndef LOGGER_LOGDIR_H
#define LOGGER_LOGDIR_H

struct logdir {
	char *dir; /* owned */
	int fd;    /* of it, opened with the first use; -1: not open */
};

int logdir_init(struct logdir *d, const char *dir); /* -1: no memory */
void logdir_done(struct logdir *d);

/* -1 where a component of "a/b/c" is empty, ".", "..", or longer than its file's name may be. */
int logdir_check(const char *path);

/* Opens LOGDIR/PATH.log for appending (and reading), 0640; folders that are missing are made, 0750.
 * Below LOGDIR no symbolic link is followed, and only a regular file is taken. path: logdir_check()
 * passed. -1 with errno. */
int logdir_open(struct logdir *d, const char *path);

/* The same of one that is there; nothing is made. */
int logdir_open_old(struct logdir *d, const char *path);

/* LOGDIR may be another by now: it is looked up anew. */
void logdir_forget(struct logdir *d);

/* Opens LOGDIR/PATH.log for reading, or with a generation PATH.log.N; nothing is made. -1 with
 * errno. */
int logdir_read(struct logdir *d, const char *path, int generation);

/* log_rotate() of LOGDIR/PATH.log. */
int logdir_rotate(struct logdir *d, const char *path, int keep);

#endif
