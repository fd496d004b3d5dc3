/* The lines of many files in the order of their times, in bounded memory. */
#include <errno.h>
#include <stddef.h>

#include "base/list.h"
#include "cli/logtree.h"

enum { BLOCKS_MOST = 32 * 1024 * 1024, BLOCK_LEAST = 4096 };

static size_t block_size(const struct logtree *t)
{
	size_t block = t->n ? BLOCKS_MOST / t->n : LOGFILE_BLOCK;

	return block > LOGFILE_BLOCK ? LOGFILE_BLOCK : block < BLOCK_LEAST ? BLOCK_LEAST : block;
}

static void new_round(struct logtree *t)
{
	for (struct heap_node *node; (node = heap_min(&t->heap));)
		heap_take(&t->heap, node);
	t->begun = t->ended = 0;
	t->last = NULL;
}

void logtree_begin(struct logtree *t, size_t n)
{
	new_round(t);
	t->whole = true;
	for (size_t i = 0; i < t->n; i++)
		t->files[i]->error = logfile_begin(t->files[i], n) < 0 ? errno : 0;
}

void logtree_again(struct logtree *t)
{
	new_round(t);
	for (size_t i = 0; i < t->n; i++)
		logfile_again(t->files[i]);
}

void logtree_follow(struct logtree *t)
{
	t->whole = false;
	for (size_t i = 0; i < t->n; i++)
		logfile_follow(t->files[i]);
}

/* Puts the file's next line among the others. -1: errno. */
static int fetch(struct logtree *t, struct logfile *f)
{
	int rc = logfile_next(f, block_size(t));

	if (rc == 1)
		heap_put(&t->heap, &f->node, f->time_ns);
	return rc;
}

/* Last lines without an end, when no more is waited for. */
static int next_rest(struct logtree *t, struct logfile **ret)
{
	while (t->whole && t->ended < t->n) {
		*ret = t->files[t->ended++];
		if (logfile_rest(*ret))
			return 1;
	}
	new_round(t);
	return 0;
}

int logtree_next(struct logtree *t, struct logfile **ret)
{
	*ret = t->last;
	t->last = NULL;
	if (*ret && fetch(t, *ret) < 0)
		return -1;
	while (t->begun < t->n) {
		*ret = t->files[t->begun++];
		if (fetch(t, *ret) < 0)
			return -1;
	}
	struct heap_node *node = heap_min(&t->heap);
	if (!node)
		return next_rest(t, ret);
	heap_take(&t->heap, node);
	*ret = t->last = container_of(node, struct logfile, node);
	return 1;
}
