#include "manifest/merge.h"

#include <stdlib.h>
#include <string.h>

#include "base/caps.h"
#include "base/cleanup.h"

struct pair {
	struct ynode *key, *value;
	size_t rank; /* the lower wins; order of the result */
	bool own, dropped;
};

static int by_text(const void *a, const void *b)
{
	const struct pair *x = a, *y = b;
	int c = strcmp(x->key->text, y->key->text);

	return c ? c : (x->rank > y->rank) - (x->rank < y->rank);
}

static int by_rank(const void *a, const void *b)
{
	const struct pair *x = a, *y = b;

	return (x->rank > y->rank) - (x->rank < y->rank);
}

static bool is_merge(const struct ynode *key)
{
	return key->kind == YNODE_SCALAR && key->plain && strcmp(key->text, "<<") == 0;
}

/* The maps that one merge key names: *ret_n of them at the returned place, NULL when it isn't made
 * of maps. */
static struct ynode *const *sources(struct ynode *const *value, size_t *ret_n)
{
	const struct ynode *v = *value;

	if (v->kind == YNODE_MAP) {
		*ret_n = 1;
		return value;
	}
	if (v->kind != YNODE_LIST)
		return NULL;
	for (size_t i = 0; i < v->n; i++)
		if (v->item[i]->kind != YNODE_MAP)
			return NULL;
	*ret_n = v->n;
	return v->item;
}

/* How many pairs the merge keys bring at most; SIZE_MAX: too many. */
static size_t merged_pairs(struct ynode **kids, size_t npairs)
{
	size_t total = 0, n = 0;

	for (size_t i = 0; i < npairs; i++) {
		struct ynode *const *src =
			is_merge(kids[2 * i]) ? sources(&kids[2 * i + 1], &n) : NULL;
		for (size_t j = 0; src && j < n; j++)
			total += src[j]->n;
		if (total > CAP_YAML_NODES)
			return SIZE_MAX;
	}
	return total;
}

static size_t add_own(struct pair *p, struct ynode **kids, size_t npairs, struct finder *f)
{
	size_t n = 0;

	for (size_t i = 0; i < npairs; i++) {
		struct ynode *key = kids[2 * i];
		if (key->kind != YNODE_SCALAR)
			find_error(f, key->line, key->col, ERR_BAD_YAML,
				"a key is %s; a word "
				"is expected",
				tree_kind(key));
		else if (!key->bad && !is_merge(key)) {
			p[n] = (struct pair){ key, kids[2 * i + 1], n, true, false };
			n++;
		}
	}
	return n;
}

static size_t add_merged(
	struct pair *p, size_t at, struct ynode **kids, size_t npairs, struct finder *f)
{
	size_t n = 0;

	for (size_t i = 0; i < npairs; i++) {
		if (!is_merge(kids[2 * i]))
			continue;
		struct ynode *const *src = sources(&kids[2 * i + 1], &n);
		if (!src)
			find_error(f, kids[2 * i]->line, kids[2 * i]->col, ERR_BAD_YAML,
				"\"<<\" takes a map or a list of maps");
		for (size_t j = 0; src && j < n; j++)
			for (size_t k = 0; k < src[j]->n; k++, at++)
				p[at] = (struct pair){ src[j]->item[2 * k], src[j]->item[2 * k + 1],
					at, false, false };
	}
	return at;
}

static void drop_doubles(struct pair *p, size_t n, struct finder *f)
{
	const struct pair *first = p;

	for (size_t i = 1; i < n; i++) {
		if (strcmp(first->key->text, p[i].key->text) != 0) {
			first = &p[i];
			continue;
		}
		p[i].dropped = true;
		if (p[i].own)
			find_error(f, p[i].key->line, p[i].key->col, ERR_BAD_YAML,
				"the key \"%.60s\" is here twice, first at line %d", p[i].key->text,
				first->key->line & PLACE_MASK);
	}
}

int merge_map(
	struct arena *mem, struct ynode *map, struct ynode **kids, size_t npairs, struct finder *f)
{
	size_t extra = merged_pairs(kids, npairs), n;

	if (extra == SIZE_MAX) {
		find_error(f, map->line, map->col, ERR_BAD_YAML,
			"more than 200000 nodes, merge keys expanded");
		return -1;
	}
	autofree struct pair *p = calloc(npairs + extra + 1, sizeof *p);
	map->item = arena_array(mem, 2 * (npairs + extra), sizeof *map->item);
	if (!p || !map->item) {
		find_nomem(f);
		return -1;
	}
	n = add_own(p, kids, npairs, f);
	n = add_merged(p, n, kids, npairs, f);
	qsort(p, n, sizeof *p, by_text);
	drop_doubles(p, n, f);
	qsort(p, n, sizeof *p, by_rank);
	map->n = 0;
	for (size_t i = 0; i < n; i++) {
		if (p[i].dropped)
			continue;
		map->item[2 * map->n] = p[i].key;
		map->item[2 * map->n + 1] = p[i].value;
		map->n++;
	}
	return 0;
}
