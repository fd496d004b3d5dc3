/* ere_program.h - a compiled expression, for its own two files. Layer: cli (pure). */
#ifndef CLI_ERE_PROGRAM_H
#define CLI_ERE_PROGRAM_H

#include <stdbool.h>
#include <stddef.h>

#include "cli/ere.h"

enum op {
	OP_CHAR,  /* x */
	OP_ANY,   /* any character */
	OP_SET,   /* x ranges follow; y: all but those */
	OP_RANGE, /* of a set: x to y */
	OP_SPLIT, /* goes on at x and at y, both relative to itself */
	OP_JUMP,  /* x */
	OP_BEGIN,
	OP_END,
	OP_EDGE,     /* between a word and what is none */
	OP_NO_EDGE,  /* anywhere else */
	OP_WORD,     /* where a word begins */
	OP_WORD_END, /* where one ends */
	OP_MATCH,
};

struct inst {
	enum op op;
	int x, y;
};

struct ere {
	struct inst *v;
	int n, cap;
	/* of a match: two sets of places, those to look at, and when each place was last put into a set */
	int *now, *next, *stack;
	unsigned *seen;
	unsigned stamp;
};

/* The character at *p, of which n bytes are left, at least one; *p goes on behind it. */
int ere_character(const unsigned char **p, size_t n);

#endif
