/* child.h - how one process is to be run, as plain data. Layer: manifest. */
#ifndef MANIFEST_CHILD_H
#define MANIFEST_CHILD_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

enum { CHILD_RLIMITS = 16, CHILD_AFFINITY_BYTES = 1024 };

/* Every pointer is borrowed for the time of the call that takes it. */
struct child_cred {
	uid_t uid;
	gid_t gid;
	const gid_t *groups;
	size_t ngroups;
};

/* What a caller is confined by and its child must be too (spec: "not an escape"). Bits as in
 * capabilities(7). */
struct child_confine {
	uint64_t cap_inheritable, cap_permitted, cap_bounding, cap_ambient;
	int filters; /* of seccomp, that its service was started with beyond ours; to be filled in before */
	uint64_t not_ours; /* not in the init's bounding set, so not to be dropped from it */
	bool no_new_privs;
	mode_t umask;
	uint64_t rlim_soft[CHILD_RLIMITS],
		rlim_hard[CHILD_RLIMITS]; /* index: RLIMIT_*; the mark's is skipped */
	int nice;
	int sched_policy, sched_priority;
	unsigned char
		affinity[CHILD_AFFINITY_BYTES]; /* CPU bit mask as sched_setaffinity(2) takes it */
	size_t affinity_bytes;                  /* 0: as the init's */
	/* The process whose namespaces and root directory have to be ours, as they can't be put on, and
	 * when it started (clock ticks since boot); 0: not looked at. */
	pid_t like;
	uint64_t like_start;
	/* The same of who asks in the name of that process; as_root: it can be looked into by the init's user only. */
	pid_t asker;
	uint64_t asker_start;
	bool asker_as_root;
};

/* What a service has itself and all of its tree confined to. */
enum fence_number {
	FENCE_NOFILE,
	FENCE_NPROC,
	FENCE_MEMLOCK,
	FENCE_CORE,
	FENCE_RLIMITS,
	FENCE_NICE = FENCE_RLIMITS,
	FENCE_OOM,
	FENCE_NUMBERS
};
#define FENCE_UNSET INT64_MIN
enum { FENCE_CPUS = 1024 };
enum fence_space {
	SPACE_NETWORK = 1,
	SPACE_MOUNT = 2,
	SPACE_TMP = 4,
	SPACE_DEVICES = 8,
	SPACE_PID = 16,
	SPACE_USER = 32
};
struct child_fence {
	int64_t v[FENCE_NUMBERS];           /* FENCE_UNSET; a resource limit of -1 is none */
	uint64_t caps;                      /* that are kept, as in capabilities(7) */
	unsigned char cpus[FENCE_CPUS / 8]; /* a mask, as sched_setaffinity(2) takes it */
	bool has_caps, has_cpus, no_new_privs;
	unsigned spaces; /* of its own */
	bool seccomp;    /* baseline-v1 */
	char **ro_paths,
		**rw_paths; /* all that it reaches, by landlock(7); NULL-terminated, both NULL: not so */
};

/* Instead of a program: writes the secret of a remote unit to a file for that user. */
struct child_token {
	const char *path, *text;
	uid_t uid;
};

enum child_tty {
	CHILD_TTY_NONE,    /* a session of its own, no terminal */
	CHILD_TTY_SESSION, /* a session of its own that takes descriptor 0 as its controlling
			      terminal */
	CHILD_TTY_GROUP,   /* stays in our session: a process group of its own, in the terminal's
			      foreground */
};

struct child_spec {
	char *const *argv; /* argv[0] is looked up in envp's PATH when it holds no slash */
	char *const *envp;
	const char *cwd; /* entered after the switch of user; NULL: stays */
	int fd[3];       /* become 0, 1, 2; -1: /dev/null */
	int extra_as;    /* a fourth descriptor of the child, 3 to 1023; 0: none */
	int extra_fd;    /* becomes that */
	pid_t attach_from; /* its 0, 1, 2 come from this process over the extra one, which it does not keep; 0: no */
	enum child_tty tty;
	uint64_t mark;                       /* RLIMIT_LOCKS, soft and hard; 0: none */
	int cgroup_fd;                       /* open cgroup.procs of its own group, or -1 */
	const struct child_cred *cred;       /* NULL: as the init */
	const struct child_confine *confine; /* NULL: as the init was started */
	const struct child_fence *fence;     /* on top of that, never more; NULL: none */
	uint64_t nofile_soft;            /* RLIMIT_NOFILE's soft value to go back to; 0: leave */
	int oom_score_adj;               /* added to the init's own, or the fence's; 0: leave */
	const struct child_token *token; /* NULL: none; else argv is for messages alone */
	bool aside;  /* a hook or a check: it is outside of the fence's pid namespace */
	int join_fd; /* a pidfd: it enters that process's namespaces instead of its own; 0: no */
	bool die_with_parent; /* parent-death signal KILL, set after the switch of user */
};

#endif
