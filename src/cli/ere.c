/* An expression into a program of places and jumps, which ere_match.c walks. */
#include "cli/ere_program.h"

#include <ctype.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "base/utf8.h"

enum { PROGRAM_MAX = 8192, NESTED_MAX = 64, REPEAT_MAX = 255, NO_CHARACTER = 0x110000 };

struct parser {
	struct ere *e;
	const unsigned char *p;
	int nested;
	const char *why;
};

static void alternatives(struct parser *ps);

static void fail(struct parser *ps, const char *why)
{
	if (!ps->why)
		ps->why = why;
}

/* Makes room for n instructions at a place. */
static void insert(struct parser *ps, int at, int n)
{
	struct ere *e = ps->e;

	if (ps->why)
		return;
	if (e->n + n > PROGRAM_MAX) {
		fail(ps, "it is too large");
		return;
	}
	if (e->n + n > e->cap) {
		int cap = 2 * (e->n + n);
		struct inst *v = realloc(e->v, (size_t)cap * sizeof *v);
		if (!v) {
			fail(ps, "out of memory");
			return;
		}
		e->v = v;
		e->cap = cap;
	}
	memmove(e->v + at + n, e->v + at, (size_t)(e->n - at) * sizeof *e->v);
	e->n += n;
}

static void put(struct parser *ps, int at, enum op op, int x, int y)
{
	if (!ps->why)
		ps->e->v[at] = (struct inst){ op, x, y };
}

static void add(struct parser *ps, enum op op, int x, int y)
{
	insert(ps, ps->e->n, 1);
	put(ps, ps->e->n - 1, op, x, y);
}

/* A byte that is none of a character counts as one of its own. */
int ere_character(const unsigned char **p, size_t n)
{
	static const unsigned char bits[] = { 0, 0x7f, 0x1f, 0x0f, 0x07 };
	size_t len = utf8_length(*p, n);

	if (!len)
		return NO_CHARACTER + *(*p)++;
	int c = **p & bits[len];
	for (size_t i = 1; i < len; i++)
		c = c << 6 | ((*p)[i] & 0x3f);
	*p += len;
	return c;
}

static int next_character(struct parser *ps)
{
	return ere_character(&ps->p, strlen((const char *)ps->p));
}

/* --- sets --- */

static const struct {
	const char *name;
	int (*is)(int);
} classes[] = {
	{ "alnum", isalnum },
	{ "alpha", isalpha },
	{ "blank", isblank },
	{ "cntrl", iscntrl },
	{ "digit", isdigit },
	{ "graph", isgraph },
	{ "lower", islower },
	{ "print", isprint },
	{ "punct", ispunct },
	{ "space", isspace },
	{ "upper", isupper },
	{ "xdigit", isxdigit },
};

static void add_class(struct parser *ps, int (*is)(int))
{
	for (int c = 0; c < 128; c++) {
		int from = c;
		while (c < 128 && is(c))
			c++;
		if (c > from)
			add(ps, OP_RANGE, from, c - 1);
	}
}

static void named_class(struct parser *ps)
{
	const char *name = (const char *)ps->p + 2;
	size_t n = strcspn(name, ":");

	for (size_t i = 0; i < sizeof classes / sizeof *classes; i++)
		if (strlen(classes[i].name) == n && memcmp(classes[i].name, name, n) == 0 &&
			name[n] == ':' && name[n + 1] == ']') {
			add_class(ps, classes[i].is);
			ps->p += n + 4;
			return;
		}
	fail(ps, "no such class of characters");
}

static void range(struct parser *ps)
{
	int from = next_character(ps), to = from;

	if (ps->p[0] == '-' && ps->p[1] && ps->p[1] != ']') {
		ps->p++;
		to = next_character(ps);
	}
	if (to < from)
		fail(ps, "a range ends before it begins");
	add(ps, OP_RANGE, from, to);
}

static void set(struct parser *ps)
{
	int at = ps->e->n;
	bool all_but = *ps->p == '^';

	ps->p += all_but;
	add(ps, OP_SET, 0, all_but);
	const unsigned char *begin = ps->p;
	while (!ps->why && (*ps->p != ']' || ps->p == begin)) {
		if (!*ps->p)
			fail(ps, "a [ without its ]");
		else if (ps->p[0] == '[' && ps->p[1] == ':')
			named_class(ps);
		else if (ps->p[0] == '[' && (ps->p[1] == '.' || ps->p[1] == '='))
			fail(ps, "[. and [= are not understood");
		else
			range(ps);
	}
	ps->p += !ps->why;
	put(ps, at, OP_SET, ps->e->n - at - 1, all_but);
}

static void word_set(struct parser *ps, int (*is)(int), bool all_but)
{
	int at = ps->e->n;

	add(ps, OP_SET, 0, all_but);
	add_class(ps, is);
	if (is == isalnum)
		add(ps, OP_RANGE, '_', '_');
	put(ps, at, OP_SET, ps->e->n - at - 1, all_but);
}

/* --- atoms --- */

static void escape(struct parser *ps)
{
	int c = *ps->p ? next_character(ps) : 0;

	switch (c) {
	case 0:
		fail(ps, "a \\ at its end");
		break;
	case 'd':
	case 'D':
		word_set(ps, isdigit, c == 'D');
		break;
	case 's':
	case 'S':
		word_set(ps, isspace, c == 'S');
		break;
	case 'w':
	case 'W':
		word_set(ps, isalnum, c == 'W');
		break;
	case 'b':
		add(ps, OP_EDGE, 0, 0);
		break;
	case 'B':
		add(ps, OP_NO_EDGE, 0, 0);
		break;
	case '<':
		add(ps, OP_WORD, 0, 0);
		break;
	case '>':
		add(ps, OP_WORD_END, 0, 0);
		break;
	default:
		if (c < 128 && isalnum(c))
			fail(ps, "a \\ before a letter or digit that it gives no meaning");
		add(ps, OP_CHAR, c, 0);
	}
}

static void group(struct parser *ps)
{
	if (++ps->nested > NESTED_MAX)
		fail(ps, "too many ( within one another");
	else
		alternatives(ps);
	if (*ps->p != ')')
		fail(ps, "a ( without its )");
	else
		ps->p++;
	ps->nested--;
}

static void atom(struct parser *ps)
{
	int c = next_character(ps);

	switch (c) {
	case '(':
		group(ps);
		break;
	case '[':
		set(ps);
		break;
	case '.':
		add(ps, OP_ANY, 0, 0);
		break;
	case '^':
		add(ps, OP_BEGIN, 0, 0);
		break;
	case '$':
		add(ps, OP_END, 0, 0);
		break;
	case '\\':
		escape(ps);
		break;
	case '*':
	case '+':
	case '?':
		fail(ps, "a *, + or ? with nothing before it");
		break;
	default:
		add(ps, OP_CHAR, c, 0);
	}
}

/* --- repetitions --- */

static int number(struct parser *ps)
{
	int n = 0;

	while (isdigit(*ps->p) && n <= REPEAT_MAX)
		n = 10 * n + (*ps->p++ - '0');
	if (n > REPEAT_MAX)
		fail(ps, "a {} of more than 255");
	return n;
}

/* Appends another copy of the n instructions at a place; jumps are relative. */
static void copy(struct parser *ps, int at, int n)
{
	int to = ps->e->n;

	insert(ps, to, n);
	if (!ps->why)
		memcpy(ps->e->v + to, ps->e->v + at, (size_t)n * sizeof *ps->e->v);
}

static void optional(struct parser *ps, int at)
{
	insert(ps, at, 1);
	put(ps, at, OP_SPLIT, 1, ps->e->n - at);
}

static void many(struct parser *ps, int at)
{
	add(ps, OP_SPLIT, at - ps->e->n, 1);
}

static void counted(struct parser *ps, int at)
{
	int n = ps->e->n - at, least, most;

	ps->p++;
	least = most = number(ps);
	if (*ps->p == ',') {
		ps->p++;
		most = isdigit(*ps->p) ? number(ps) : INT_MAX;
	}
	if (*ps->p != '}')
		fail(ps, "a { without its }");
	if (most < least)
		fail(ps, "a {} whose end is below its beginning");
	if (ps->why)
		return;
	ps->p++;
	for (int i = 1; i < least; i++)
		copy(ps, at, n);
	if (most == INT_MAX) {
		many(ps, least > 1 ? ps->e->n - n : at);
		if (!least)
			optional(ps, at);
	} else if (!most) {
		ps->e->n = at;
	} else {
		for (int i = least ? least : 1; i < most; i++) {
			int one = ps->e->n;
			copy(ps, at, n);
			optional(ps, one);
		}
		if (!least)
			optional(ps, at);
	}
}

static void repetitions(struct parser *ps, int at)
{
	for (; !ps->why; ps->p++) {
		if (*ps->p == '{' && isdigit(ps->p[1 + (ps->p[1] == ',')])) {
			counted(ps, at);
			ps->p--; /* the loop goes on behind the } */
		} else if (*ps->p == '*') {
			many(ps, at);
			optional(ps, at);
		} else if (*ps->p == '+') {
			many(ps, at);
		} else if (*ps->p == '?') {
			optional(ps, at);
		} else {
			return;
		}
	}
}

static void sequence(struct parser *ps)
{
	while (!ps->why && *ps->p && *ps->p != '|' && *ps->p != ')') {
		int at = ps->e->n;
		atom(ps);
		repetitions(ps, at);
	}
}

static void alternatives(struct parser *ps)
{
	int at = ps->e->n;

	sequence(ps);
	if (!ps->why && *ps->p == '|') {
		/* this one, and a way round it to the next */
		insert(ps, at, 1);
		put(ps, at, OP_SPLIT, 1, ps->e->n - at + 1);
		int jump = ps->e->n;
		add(ps, OP_JUMP, 0, 0);
		ps->p++;
		alternatives(ps);
		put(ps, jump, OP_JUMP, ps->e->n - jump, 0);
	}
}

struct ere *ere_free(struct ere *e)
{
	if (!e)
		return NULL;
	free(e->v);
	free(e->now);
	free(e->next);
	free(e->stack);
	free(e->seen);
	free(e);
	return NULL;
}

struct ere *ere_new(const char *text, const char **ret_why)
{
	struct ere *e = calloc(1, sizeof *e);
	struct parser ps = { .e = e, .p = (const unsigned char *)text };

	if (!e) {
		*ret_why = "out of memory";
		return NULL;
	}
	alternatives(&ps);
	if (*ps.p)
		fail(&ps, "a ) without its (");
	add(&ps, OP_MATCH, 0, 0);
	size_t n = (size_t)e->n + 1;
	e->now = malloc(n * sizeof *e->now);
	e->next = malloc(n * sizeof *e->next);
	e->stack = malloc(n * sizeof *e->stack);
	e->seen = calloc(n, sizeof *e->seen);
	if (!e->now || !e->next || !e->stack || !e->seen)
		fail(&ps, "out of memory");
	if (!ps.why)
		return e;
	*ret_why = ps.why;
	return ere_free(e);
}
