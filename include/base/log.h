/* log.h - the program's own lines: levels, a bounded rate, never blocking. Layer: base.
 * Called from super/, logger/, cli/ and cmd/ only; layers below return errors instead. */
#ifndef BASE_LOG_H
#define BASE_LOG_H

enum log_level { LOG_ERR, LOG_WARN, LOG_INFO, LOG_DBG };
#define LOG_LEVEL_WORDS "error|warn|info|debug" /* as they are written, in their order */

const char *log_level_name(enum log_level level);
int log_level_parse(const char *word, enum log_level *ret); /* -1: none of them */

/* Where lines go; borrowed. shared: the descriptor belongs to others too, so O_NONBLOCK is never
 * set on it: the line is cut to PIPE_BUF and dropped when poll(2) says that it would block. */
void log_to(int fd, int shared);
void log_level_set(enum log_level level); /* LOG_WARN until set */
enum log_level log_level_get(void);

/* One line, "sysg: " before it, a newline behind it. More than 200 lines in a second, or what the
 * descriptor does not take at once, is dropped and counted; the next line that goes out says how
 * many. Keeps errno. */
void log_line(enum log_level level, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

#endif
