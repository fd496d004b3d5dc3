/* confine.h - what the log process gives up before its first byte. Layer: logger. */
#ifndef LOGGER_CONFINE_H
#define LOGGER_CONFINE_H

#include <stdbool.h>
#include <stddef.h>

/* Name, signals (all that may be are ignored; the mask stays), umask, the soft limit on descriptors
 * up to the hard one, no_new_privs, no capability but DAC_OVERRIDE. What the kernel refuses is left
 * as it is: the logger works without. */
void confine_self(void);

/* Closes every descriptor but 1, 2 and the n of keep (-1: none; n <= CONFINE_KEEP); 0 becomes
 * /dev/null where there is one. use_range: by close_range(2) where the kernel has it; else those that
 * /proc/self/fd names, else all up to a bound. */
enum { CONFINE_KEEP = 4 };
void confine_descriptors(const int *keep, size_t n, bool use_range);

#endif
