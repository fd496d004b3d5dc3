/* rotate.h - name becomes name.1, name.1 becomes name.2, and so on. Layer: logger. */
#ifndef LOGGER_ROTATE_H
#define LOGGER_ROTATE_H

/* Moves the files of one log in the folder dirfd up, so that name is free. keep: how many there are
 * at most with the one that will be written anew, >= 1; the oldest goes. Returns 0, or -1 with
 * errno when name itself could not be moved (it is then still there). */
int log_rotate(int dirfd, const char *name, int keep);

#endif
