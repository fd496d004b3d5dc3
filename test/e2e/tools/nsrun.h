/* nsrun.h - what nsrun was asked for, and the steps that make a process so. A tool of the tests. */
#ifndef NSRUN_H
#define NSRUN_H

#include <stdbool.h>
#include <stdint.h>

#define MAX_ITEMS 16

struct mnt {
	const char *path;
	bool read_only;
};

struct opts {
	int enter;            /* pid whose namespaces are entered; 0: new ones */
	int flags;            /* further CLONE_NEW* */
	const char *user_map; /* a line for uid_map and gid_map */
	bool old_proc, read_only, close_std, ignore_chld, no_new_privs, ctty;
	bool inherit; /* the inheritable set is the permitted one, as older container runtimes have
			 it */
	struct mnt mounts[MAX_ITEMS]; /* tmpfs on path */
	int n_mounts;
	struct {
		const char *from, *to;
	} binds[MAX_ITEMS];
	int n_binds;
	long uid, gid;      /* -1: as it is */
	const char *groups; /* "1,2", "" for none, NULL: as they are */
	uint64_t keep;      /* capabilities that stay; all others go, from the bounding set too */
	const char *rlimits[MAX_ITEMS]; /* NAME=SOFT[:HARD] */
	int n_rlimits;
	const char *filter; /* name of a seccomp filter */
	const char *cgroup; /* cgroup v2 folder to start in, shown as the root of /sys/fs/cgroup */
	const char *cwd;
	int report;     /* descriptor or -1 */
	double timeout; /* seconds */
	int go[2];
	char **argv;
};

void die(const char *what) __attribute__((noreturn));
void must(int rc, const char *what);

void parse(struct opts *o, int argc, char **argv);
void set_rlimits(const struct opts *o);
void set_identity(const struct opts *o);
/* "old": the system calls and socket options that Linux 4.19 lacks fail as they do there;
 * "no-passrights": just that one; "no-prlimit": reading and setting limits of others by prlimit is
 * EPERM. */
void set_filter(const char *name);

#endif
