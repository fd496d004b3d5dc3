/* cgroup.h - a cgroup v2 group for each start of a unit. Layer: os.
 *
 * Belonging needs nothing but a mkdir: no controller is enabled, nothing that runs is moved. A
 * child joins by writing "0" to the group's cgroup.procs itself, before exec. The sweep by marks
 * follows in any case. */
#ifndef OS_CGROUP_H
#define OS_CGROUP_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "manifest/cgroup.h"

struct cgroup;

/* A path is relative to our own group or, with a '/' before it, to where the hierarchy is mounted. */
enum { CGROUP_PATH = 2048 };

/* Finds our own group in the unified hierarchy and tries it out: makes a group in it, has a
 * throwaway fork join it, takes it away again. -1 with errno when there is none, or it isn't ours
 * to write: then it is done without. */
int cgroup_open(struct cgroup **ret);
struct cgroup *cgroup_free(struct cgroup *c); /* NULL is fine; removes no group */

/* Makes the group at that path. One that an earlier run left behind empty is
 * used again. *ret_procs_fd: open for writing; *ret_kill_fd: the same of cgroup.kill, or -1 (before
 * Linux 5.14). The caller owns both. -1 with errno: EEXIST when a group of that name still holds
 * processes. */
int cgroup_make(struct cgroup *c, const char *path, int *ret_procs_fd, int *ret_kill_fd);
/* Takes it away, with what groups its members made inside it (256 at most a call). -1 with EBUSY
 * while processes are in it: try again later. 0 also when there is none. */
int cgroup_remove(struct cgroup *c, const char *path);
/* The same, and where that is refused the name is kept for cgroup_retry(): at most
 * CGROUP_PENDING of them, and none without memory (cgroup_clear() finds those too). */
enum { CGROUP_PENDING = 256 };
void cgroup_drop(struct cgroup *c, const char *name);
/* Drops every group whose path begins so. Returns how many of them are still there. */
unsigned cgroup_clear(struct cgroup *c, const char *prefix);
/* Tries those that were kept once more. Returns how many are still there. */
unsigned cgroup_retry(struct cgroup *c);
/* 1 while a process is in it or below it, 0 when none is; -1 with errno. */
int cgroup_populated(struct cgroup *c, const char *path);
/* The number that a file of the group has behind that key ("": the whole file; "max" is INT64_MAX). -1 with errno. */
int64_t cgroup_number(struct cgroup *c, const char *path, const char *file, const char *key);

/* --- cgroup_limit.c: controllers --- */
/* Makes the group with these limits in force, and what leads to it. Where that needs it, what is in our own group is
 * moved to init/ below it. ERR_RLIMIT: the controllers can't be had, or the kernel refuses a value. */
int cgroup_limit(struct cgroup *c, const char *path, char *const v[CGROUP_COUNT], struct err *err);
/* Where a group with the memory controller is to be made below that path: it can tell of its own OOM kills. */
int cgroup_split(struct cgroup *c, const char *path);
/* "root" of limits.cgroup as a path to make groups in. -1: not below the mount. */
int cgroup_root(const struct cgroup *c, const char *root, char *ret, unsigned size);
/* Limits on memory are in force by groups. */
bool cgroup_holds_memory(const struct cgroup *c);
/* memory, pids and cpu are given to our own group. */
bool cgroup_has_controllers(const struct cgroup *c);
/* Our own group is as it was found, as far as it is empty of others. */
void cgroup_restore(struct cgroup *c);

#endif
