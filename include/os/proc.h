/* proc.h - the few files of /proc/PID that an init may read (proc(5)). Layer: os.
 * Only stat, status, statm, limits, cgroup, oom_score_adj and attr/current: none of them takes the other
 * process's memory lock. */
#ifndef OS_PROC_H
#define OS_PROC_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct proc_stat {
	pid_t pid, ppid, pgrp, session;
	char state;  /* 'R' 'S' 'Z' 'T' ... */
	int threads; /* field 20; a zombie with more than one thread is alive */
	int nice;
	bool kthread;   /* of the kernel: can't be ended */
	bool forked;    /* and has not executed a program since */
	uint64_t start; /* clock ticks since boot, field 22 */
	uint64_t ticks; /* of a processor: its own and of the children that it waited for */
};

struct proc_status {
	uid_t uid[4]; /* real, effective, saved, file system */
	gid_t gid[4];
	uint64_t cap_inheritable, cap_permitted, cap_effective, cap_bounding, cap_ambient;
	bool no_new_privs;
	int seccomp;         /* mode */
	int seccomp_filters; /* -1: the kernel does not say (before 5.10) */
	mode_t umask;        /* (mode_t)-1: a zombie has none */
};

/* All: 0, or -1 with errno: ESRCH when there is no such process, also when it ended meanwhile; EIO
 * when the file isn't of the form that proc(5) says; EMFILE, ENFILE, ENOMEM: try again, nothing is
 * known of the process. */
int proc_stat_read(pid_t pid, struct proc_stat *ret);
/* What that many ticks are in ns. */
int64_t proc_ticks_ns(uint64_t ticks);
/* The same through an open /proc/PID directory: never another process that took the number over. */
int proc_stat_read_at(int proc_fd, struct proc_stat *ret);
int proc_status_read(pid_t pid, struct proc_status *ret);
/* The supplementary groups; *ret is malloc'd (NULL when there are none). */
int proc_groups_read(pid_t pid, gid_t **ret, size_t *ret_n);
/* 16 limits by RLIMIT_* number, RLIM_INFINITY as UINT64_MAX. */
int proc_limits_read(pid_t pid, uint64_t soft[16], uint64_t hard[16]);
int proc_rss_read(pid_t pid, int64_t *ret_bytes);
int proc_oom_score_adj_read(pid_t pid, int *ret);
/* The path in the unified hierarchy (the "0::" line), NUL-terminated into buf. */
int proc_cgroup_read(pid_t pid, char *buf, size_t size);

/* The label of its security module (attr/current), without the end of line. -1: there is none, or it can't
 * be read. */
int proc_label_read(pid_t pid, char *buf, size_t size);

/* 1 when a process in this state still runs (a zombie with one thread does not). */
int proc_alive(const struct proc_stat *st);

/* True when /proc is mounted and /proc/self names our own pid (another namespace's /proc does not).
 */
bool proc_is_ours(void);

/* Walks the numeric entries of /proc. */
struct proc_iter;
struct proc_iter *proc_iter_new(void); /* NULL with errno */
struct proc_iter *proc_iter_at(
	const char *path); /* the same of another folder of numbers: /proc/PID/task */
pid_t proc_iter_next(struct proc_iter *it); /* 0 at the end */
struct proc_iter *proc_iter_free(struct proc_iter *it);

#endif
