/* facts.h - what this kernel and this sandbox allow, found by trying it. Layer: os. */
#ifndef OS_FACTS_H
#define OS_FACTS_H

#include <stdbool.h>
#include <stdint.h>

struct fact {
	const char *what;           /* NULL ends the table */
	bool (*holds)(void);        /* tries it; leaves nothing behind */
	const char *with, *without; /* what it is good for; what is done where it is missing */
};

extern const struct fact facts[];

/* A capability that the init can make use of. */
struct fact_cap {
	const char *name; /* NULL ends the table */
	int bit;
	const char *without;
};

extern const struct fact_cap fact_caps[];

/* 1: somebody holds a lock (flock(2)) on the file, 0: nobody, -1 with errno: it can't be told. */
int fact_locked(const char *path);
/* Bytes that may be written to the file system of dir. -1 with errno. */
int64_t fact_room(const char *dir);
/* RLIMIT_NOFILE of a process (0: ours), the hard one. -1 with errno. */
int64_t fact_descriptors(int pid);

#endif
