/* priv.h - the privileges of the calling process, by system calls alone. Layer: os.
 * Safe between fork and exec. Each: 0, or -1 with errno. */
#ifndef OS_PRIV_H
#define OS_PRIV_H

#include <stdint.h>
#include <sys/types.h>

/* Drops from the bounding set every capability whose bit isn't in keep. */
int priv_drop_bounding(uint64_t keep);
/* Permitted and effective become what of permitted we hold; inheritable and ambient at most what
 * was asked and held. */
int priv_set_caps(uint64_t permitted, uint64_t inheritable, uint64_t ambient);
/* Does nothing, and succeeds, when they are ours already (then no capability is needed). */
int priv_set_groups(const gid_t *groups, size_t n);
/* Makes /proc/self/oom_score_adj the sum; base INT64_MIN: what it is. */
int priv_oom_score_adj(int64_t base, int add);
/* Our own sets. */
int priv_get_caps(uint64_t *ret_permitted, uint64_t *ret_effective, uint64_t *ret_inheritable);

#endif
