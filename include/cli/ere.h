/* ere.h - extended regular expressions: does a line match? Layer: cli (pure). */
#ifndef CLI_ERE_H
#define CLI_ERE_H

#include <stdbool.h>
#include <stddef.h>

/* A compiled expression, with the room that a match needs: one match at a time. */
struct ere;

/*
 * POSIX extended regular expressions (IEEE 1003.1, section 9.4): . [] [^] [:class:] ( ) | * + ? {m,n} ^ $, and of the usual
 * extensions \d \D \s \S \w \W \b \B \< \>. Without equivalence classes and collating elements. Characters are those of
 * UTF-8; a byte that is none of one counts as a character of its own. The time of a match is bounded by the length of the
 * line times that of the expression, whatever they are.
 * NULL: *ret_why says what is wrong, in words; a constant.
 */
struct ere *ere_new(const char *text, const char **ret_why);
struct ere *ere_free(struct ere *e); /* returns NULL; NULL is fine */

/* Is there a match anywhere in these bytes? NULs are characters. */
bool ere_match(struct ere *e, const char *p, size_t n);

#endif
