/* units.h - durations, sizes, whole numbers and signals: parse and print. Layer: base. */
#ifndef BASE_UNITS_H
#define BASE_UNITS_H

#include <stddef.h>
#include <stdint.h>

enum { SIGNAL_COUNT = 64, SIGNAL_RTMIN = 34 };

/* Each parser: 0, or -1 and *why a static phrase ("no fractions", "too large", ...) for the error
 * message. */

/* Whole number with ms, s, m, h; a bare number is seconds. Result in ns, 0..2^62. */
int duration_parse(const char *s, int64_t *ret_ns, const char **why);
/* Whole number with an optional K M G T (KB, KiB the same): powers of 1024. */
int bytes_parse(const char *s, int64_t *ret_bytes, const char **why);
/* Decimal, optional sign, nothing else, within [min, max]. */
int whole_parse(const char *s, int64_t min, int64_t max, int64_t *ret, const char **why);
/* TERM, SIGTERM, term, 15, RTMIN, RTMIN+3 (RTMIN is 34 everywhere), RTMAX-1. 1..64. */
int signal_parse(const char *s, int *ret_sig, const char **why);

/* "TERM", "RTMIN+3". Static or in a static buffer; never NULL. */
const char *signal_name(int sig);
/* Short form for people: "4s", "3m12s", "2h05m", "1d03h". Returns buf. */
char *duration_print(char *buf, size_t size, int64_t ns);
/* "512 B", "1.5 MiB". Returns buf. */
char *bytes_print(char *buf, size_t size, int64_t bytes);

/* Edit distance for "did you mean"; capped at 64 characters. */
unsigned word_distance(const char *a, const char *b);

#endif
