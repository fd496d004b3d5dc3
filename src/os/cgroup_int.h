/* cgroup_int.h - what cgroup.c and cgroup_limit.c share. Layer: os. */
#ifndef OS_CGROUP_INT_H
#define OS_CGROUP_INT_H

#include "os/cgroup.h"

struct cgroup {
	int dir;        /* our own group */
	int mount;      /* where the hierarchy is mounted */
	char *point;    /* the same as a path */
	char **pending; /* names of groups that could not be removed; CGROUP_PENDING, or NULL */
	unsigned npending;
	bool moved;  /* what was in our own group is in init/ below it */
	bool memory; /* groups with limits have the memory controller */
};

int cgroup_fail(int e); /* -1, with errno */
/* The folder that the path begins in; a leading '/' is taken off. */
int cgroup_base(const struct cgroup *c, const char **path);
int cgroup_open_dir(int at, const char *name);

#endif
