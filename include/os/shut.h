/* shut.h - a fork lets go of what is the init's. Layer: os. */
#ifndef OS_SHUT_H
#define OS_SHUT_H

/* Closes every descriptor from low on, but for the two of keep (-1: none). For a fork that may
 * hang: what it held open would stay open for as long. By close_range; before Linux 5.9 by the list
 * in /proc/self/fd; where there is no such list they stay, close-on-exec as they are. Safe between
 * fork and exec. */
void shut_from(int low, const int keep[2]);

#endif
