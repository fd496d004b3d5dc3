/* fence.h - what a service is confined to, put on the calling process. Layer: os.
 * Safe between fork and exec. */
#ifndef OS_FENCE_H
#define OS_FENCE_H

#include "manifest/child.h"

/* Each: 0, or -1 with errno; spec has a fence. Where it has a caller's confinement too it gets no
 * more than that; else all that is written. */
typedef int fence_fn(const struct child_spec *spec);
fence_fn fence_spaces, fence_limits, fence_nice, fence_cpus, fence_bounding, fence_user, fence_caps,
	fence_privileges, fence_landlock, fence_seccomp;

bool fence_root(const struct child_spec *spec);    /* it will run as uid 0 */
bool fence_new_pid(const struct child_spec *spec); /* the first process of a pid namespace */
uint64_t fence_kept(
	const struct child_spec *spec); /* capabilities; all where nothing is said of them */

/* It has a network or mounts of its own. NULL: it hasn't. */
bool fence_apart(const struct child_fence *f);
/* For join_fd, where what runs beside that process enters namespaces of it; 0: there are none. -1: errno. */
int fence_beside(const struct child_fence *f, pid_t pid);
/* The caller enters those. -1: errno. */
int fence_enter(const struct child_fence *f, int pidfd);

#endif
