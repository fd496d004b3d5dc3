/* A simulation of all ways through the expression at once: no backtracking, so no line that takes for ever. */
#include "cli/ere_program.h"

#include <ctype.h>
#include <string.h>

static bool is_word(int c)
{
	return c >= 0 && c < 128 && (isalnum(c) || c == '_');
}

/* Is it so between these two characters? -1: there is none. */
static bool holds(enum op op, int before, int after)
{
	bool a = is_word(before), b = is_word(after);

	switch (op) {
	case OP_BEGIN:
		return before < 0;
	case OP_END:
		return after < 0;
	case OP_EDGE:
		return a != b;
	case OP_NO_EDGE:
		return a == b;
	case OP_WORD:
		return !a && b;
	default:
		return a && !b;
	}
}

/* Adds to a set what can be reached from a place without a character. true: the end. Each place is taken once a
 * character, so the stack has room for all. */
static bool reach(struct ere *e, int *list, int *n, int from, const int around[2])
{
	int depth = 0;

	e->stack[depth++] = from;
	while (depth) {
		int at = e->stack[--depth];
		const struct inst *i = &e->v[at];
		if (e->seen[at] == e->stamp)
			continue;
		e->seen[at] = e->stamp;
		if (i->op == OP_MATCH)
			return true;
		if (i->op == OP_SPLIT && e->seen[at + i->y] != e->stamp)
			e->stack[depth++] = at + i->y;
		if (i->op == OP_SPLIT || i->op == OP_JUMP)
			e->stack[depth++] = at + i->x;
		else if (i->op <= OP_SET)
			list[(*n)++] = at;
		else if (holds(i->op, around[0], around[1]))
			e->stack[depth++] = at + 1;
	}
	return false;
}

/* No place is in a set yet. */
static void afresh(struct ere *e)
{
	if (++e->stamp)
		return;
	memset(e->seen, 0, (size_t)e->n * sizeof *e->seen);
	e->stamp = 1;
}

static bool takes(const struct inst *i, int c)
{
	if (i->op != OP_SET)
		return i->op == OP_ANY || i->x == c;
	for (int k = 1; k <= i->x; k++)
		if (c >= i[k].x && c <= i[k].y)
			return !i->y;
	return i->y;
}

bool ere_match(struct ere *e, const char *text, size_t n)
{
	const unsigned char *p = (const unsigned char *)text, *end = p + n;
	int around[2] = { -1, n ? ere_character(&p, n) : -1 }, count = 0;

	afresh(e);
	if (reach(e, e->now, &count, 0, around))
		return true;
	while (around[1] >= 0) {
		int c = around[1], found = 0;
		around[0] = c;
		around[1] = p < end ? ere_character(&p, (size_t)(end - p)) : -1;
		afresh(e);
		for (int k = 0; k < count; k++) {
			const struct inst *i = &e->v[e->now[k]];
			int after = e->now[k] + 1 + (i->op == OP_SET ? i->x : 0);
			if (takes(i, c) && reach(e, e->next, &found, after, around))
				return true;
		}
		if (reach(e, e->next, &found, 0, around)) /* a match may begin anywhere */
			return true;
		int *list = e->now;
		e->now = e->next;
		e->next = list;
		count = found;
	}
	return false;
}
