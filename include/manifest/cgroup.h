/* cgroup.h - the limits of a service that a cgroup enforces. Layer: manifest. */
#ifndef MANIFEST_CGROUP_H
#define MANIFEST_CGROUP_H

/* X(NAME, "key of limits.cgroup", "file of the group", what that file says where nothing is set) */
// clang-format off
#define CGROUP_LIMITS(X)                                \
	X(MEMORY, "memory_max", "memory.max", "max")    \
	X(PIDS,   "pids_max",   "pids.max",   "max")    \
	X(CPU,    "cpu_max",    "cpu.max",    "max")    \
	X(WEIGHT, "cpu_weight", "cpu.weight", "100")
// clang-format on

enum cgroup_limit {
#define X(name, key, file, none) CGROUP_##name,
	CGROUP_LIMITS(X)
#undef X
		CGROUP_COUNT,
};

struct cgroup_spec {
	char *v[CGROUP_COUNT]; /* as the kernel takes it; NULL: not set */
	char *root; /* the group that it is made in, relative to the mount or below it; NULL: ours */
};

#endif
