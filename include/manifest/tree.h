/* tree.h - YAML text as nodes with their places. Layer: manifest. */
#ifndef MANIFEST_TREE_H
#define MANIFEST_TREE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "manifest/arena.h"
#include "manifest/find.h"

enum ynode_kind { YNODE_SCALAR, YNODE_LIST, YNODE_MAP };

/* An alias is the node of its anchor itself, so a node may be reached by several ways; nothing is
 * copied. */
struct ynode {
	enum ynode_kind kind;
	bool plain;     /* scalar: written without quotes */
	bool bad;       /* already reported (a tag of its own, a NUL): say no more about it */
	bool open;      /* its end wasn't seen yet: an alias to it would be a loop */
	uint8_t height; /* levels of collections below and with this one; 0: a scalar */
	uint32_t nodes, bytes; /* itself and all below it, aliases counted each time they are met */
	int line, col;         /* 1-based */
	const char *text;      /* scalar */
	struct ynode **item;   /* list: n nodes; map: key, value, key, value, ... (2 n), merge keys
				  resolved */
	size_t n;
};

struct tree {
	struct arena mem;
	struct ynode *root; /* a map */
	size_t bytes;       /* of all files */
	const struct manifest_source *src;
};

/* One document of UTF-8, with the files that it includes. Bounds: CAP_MANIFEST bytes, CAP_YAML_DEPTH levels, CAP_YAML_NODES nodes
 * and CAP_MANIFEST bytes of scalars with every alias expanded. -1: the root is missing (SG0212
 * found); 0 with errors found is possible (double keys, foreign tags). tree_done() in either case.
 */
int tree_parse(struct tree *t, const struct manifest_source *src, struct finder *f);
void tree_done(struct tree *t);

/* The value of a key of a map; NULL when it is absent, or map is NULL or none. */
struct ynode *tree_get(const struct ynode *map, const char *key);
/* The same where something stands there: neither null nor nothing at all. */
const struct ynode *tree_written(const struct ynode *map, const char *key);
/* The key's own node. */
struct ynode *tree_key(const struct ynode *map, const char *key);
/* A plain ~, null or nothing at all. */
bool tree_is_null(const struct ynode *n);
/* "a map", "a list", "a string". */
const char *tree_kind(const struct ynode *n);

#endif
