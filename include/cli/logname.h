/* logname.h - names of log files: UNIT.log, UNIT.log.3. Layer: cli (pure). */
#ifndef CLI_LOGNAME_H
#define CLI_LOGNAME_H

#include <stdbool.h>
#include <stddef.h>

/* The number of a log file's name or path: 0 for "a/b.log", 3 for "a/b.log.3"; -1: no log file. */
int logname_number(const char *path);
/* The unit "a/b" of "a/b.log" or "a/b.log.3"; returns the number. -1: no log file, or no room. */
int logname_unit(const char *path, char *ret, size_t size);
/* No component is empty or begins with a dot. */
bool logname_is_path(const char *unit);

#endif
