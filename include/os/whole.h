/* whole.h - a small file, written whole or not at all. Layer: os. */
#ifndef OS_WHOLE_H
#define OS_WHOLE_H

/* In place of whatever has that name; no link that somebody put there is followed. Its folder is made where that is missing
 * (0755). On the disk when it returns: may hang, for a fork. 0; -1 with errno, and what was there is as it was. */
int whole_write(const char *path, const char *text);

#endif
