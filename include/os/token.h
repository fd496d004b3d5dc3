/* token.h - the secret by which another container shows who it is. Layer: os. */
#ifndef OS_TOKEN_H
#define OS_TOKEN_H

#include "manifest/child.h"

enum { TOKEN_CHARS = 64 };

/* 32 random bytes in hex, NUL-terminated. -1 with errno: the kernel has none yet. */
int token_make(char ret[TOKEN_CHARS + 1]);
/* Into a file that only its user can read, in place of whatever has its name. Safe between fork and exec. -1 with errno. */
int token_write(const struct child_token *t);
/* The file, where this token is in it and not another's. May hang: for a fork. */
void token_remove(const struct child_token *t);

#endif
