/* The only file that knows libyaml. Its events are turned into nodes of our own, and everything
 * that a hostile file could make grow is counted while that happens, before it exists. */
#include "manifest/tree.h"

#include <stdlib.h>
#include <string.h>
#include <yaml.h>

#include "base/caps.h"
#include "manifest/include.h"
#include "manifest/merge.h"
#include "manifest/text.h"

enum { ANCHOR_BUCKETS = 1024, TREE_STEP = 16 * 1024 };

struct anchor {
	struct anchor *next;
	const char *name;
	struct ynode *node;
};

struct frame {
	struct ynode *node;
	size_t start; /* of its children in builder.pending */
};

struct builder {
	struct tree *tree;
	struct finder *f;
	size_t depth;
	struct ynode **pending; /* children of the open collections, innermost last */
	size_t npending, cap;
	uint32_t nodes, bytes;
	int documents;
	yaml_parser_t parser;
	struct frame stack[CAP_YAML_DEPTH];
	struct anchor *anchors[ANCHOR_BUCKETS];
};

#define LINE(mark) ((int)(mark).line + 1)
#define COL(mark)  ((int)(mark).column + 1)

static int bad_yaml(struct builder *b, const yaml_mark_t *m, const char *what, const char *help)
{
	struct err *e = find_error(b->f, LINE(*m), COL(*m), ERR_BAD_YAML, "%s", what);

	if (help)
		find_help(e, "%s", help);
	return -1;
}

static int no_memory(struct builder *b)
{
	find_nomem(b->f);
	return -1;
}

/* Adds to what the whole file comes to with its aliases expanded. */
static int count(struct builder *b, const yaml_mark_t *m, uint32_t nodes, uint32_t bytes)
{
	b->nodes += nodes;
	b->bytes += bytes;
	if (b->nodes > CAP_YAML_NODES)
		return bad_yaml(b, m, "more than 200000 nodes, aliases expanded",
			"use fewer aliases of aliases");
	if (b->bytes > CAP_MANIFEST)
		return bad_yaml(b, m, "more than 8 MiB of text, aliases expanded",
			"use fewer aliases of aliases");
	return 0;
}

static struct anchor **bucket(struct builder *b, const char *name)
{
	unsigned h = 5381;

	for (; *name; name++)
		h = h * 33 + (unsigned char)*name;
	return &b->anchors[h % ANCHOR_BUCKETS];
}

/* A name used again stands for its latest node from there on (YAML 1.1, 3.2.2.2). */
static int anchor_add(struct builder *b, const yaml_char_t *name, struct ynode *node)
{
	if (!name)
		return 0;
	const char *s = (const char *)name;
	struct anchor *a = arena_get(&b->tree->mem, sizeof *a), **at = bucket(b, s);
	if (!a || !(a->name = arena_strn(&b->tree->mem, s, strlen(s))))
		return no_memory(b);
	a->node = node;
	a->next = *at;
	*at = a;
	return 0;
}

static int push(struct builder *b, struct ynode *n)
{
	if (b->npending == b->cap) {
		size_t cap = b->cap ? b->cap * 2 : 64;
		struct ynode **p = realloc(b->pending, cap * sizeof *p);
		if (!p)
			return no_memory(b);
		b->pending = p;
		b->cap = cap;
	}
	b->pending[b->npending++] = n;
	return 0;
}

static bool tag_is_known(const char *tag)
{
	static const char core[] = "tag:yaml.org,2002:";
	static const char *const names[] = { "str", "int", "bool", "float", "null", "map", "seq",
		"merge" };

	if (!tag || !*tag || strcmp(tag, "!") == 0)
		return true;
	if (strncmp(tag, core, sizeof core - 1) != 0)
		return false;
	for (size_t i = 0; i < sizeof names / sizeof *names; i++)
		if (strcmp(tag + sizeof core - 1, names[i]) == 0)
			return true;
	return false;
}

static struct ynode *node_new(struct builder *b, const yaml_event_t *ev, const yaml_char_t *tag)
{
	struct ynode *n = arena_get(&b->tree->mem, sizeof *n);

	if (!n) {
		no_memory(b);
		return NULL;
	}
	n->line = LINE(ev->start_mark);
	n->col = COL(ev->start_mark);
	n->line |= (int)(b->f->file >> PLACE_FILES << PLACE_BITS);
	n->col |= (int)((b->f->file & ((1 << PLACE_FILES) - 1)) << PLACE_BITS);
	n->nodes = 1;
	if (!tag_is_known((const char *)tag)) {
		n->bad = true;
		find_error(b->f, n->line, n->col, ERR_UNKNOWN_KEY,
			"the tag \"%.60s\" is not supported by this version of sysg",
			(const char *)tag);
	}
	return n;
}

static struct ynode *parse_text(
	struct tree *t, struct finder *f, const struct buf *text, uint32_t counts[2]);

/* The root of the file; NULL: found. */
static struct ynode *included(struct builder *b, const yaml_event_t *ev)
{
	const char *path = (const char *)ev->data.scalar.value;
	uint32_t counts[] = { b->nodes, b->bytes };
	unsigned here = b->f->file;
	struct ynode *root = NULL;
	struct buf text;

	int file =
		include_read(b->tree, b->f, path, LINE(ev->start_mark), COL(ev->start_mark), &text);
	if (file > 0) {
		b->f->file = (unsigned)file;
		root = parse_text(b->tree, b->f, &text, counts);
		b->f->file = here;
		b->nodes = counts[0];
		b->bytes = counts[1];
	}
	buf_done(&text);
	return root;
}

/* What could not be included is found; the rest is looked at all the same. */
static int on_include(struct builder *b, const yaml_event_t *ev)
{
	struct ynode *n = included(b, ev);

	if (!n && (n = node_new(b, ev, NULL))) {
		n->bad = true;
		n->text = "";
	}
	if (!n)
		return -1;
	if (b->depth + n->height > CAP_YAML_DEPTH)
		return bad_yaml(b, &ev->start_mark,
			"more than 64 levels deep, with what is included", NULL);
	return anchor_add(b, ev->data.scalar.anchor, n) < 0 ? -1 : push(b, n);
}

static int on_scalar(struct builder *b, const yaml_event_t *ev)
{
	const char *text = (const char *)ev->data.scalar.value;
	const char *tag = (const char *)ev->data.scalar.tag;
	size_t len = ev->data.scalar.length;

	if (tag && strcmp(tag, "!include") == 0)
		return on_include(b, ev);
	struct ynode *n = node_new(b, ev, ev->data.scalar.tag);
	if (!n)
		return -1;
	n->plain = ev->data.scalar.style == YAML_PLAIN_SCALAR_STYLE &&
		   !(ev->data.scalar.tag && !ev->data.scalar.plain_implicit);
	n->bytes = (uint32_t)len;
	if (strlen(text) != len) {
		n->bad = true;
		find_error(b->f, n->line, n->col, ERR_BAD_YAML, "a NUL character in a value");
	}
	if (!(n->text = arena_strn(&b->tree->mem, text, len)))
		return no_memory(b);
	if (count(b, &ev->start_mark, 1, n->bytes) < 0)
		return -1;
	return anchor_add(b, ev->data.scalar.anchor, n) < 0 ? -1 : push(b, n);
}

static int on_start(struct builder *b, const yaml_event_t *ev, enum ynode_kind kind)
{
	bool list = kind == YNODE_LIST;
	struct ynode *n;

	if (b->depth == CAP_YAML_DEPTH)
		return bad_yaml(b, &ev->start_mark, "more than 64 levels deep", NULL);
	n = node_new(b, ev, list ? ev->data.sequence_start.tag : ev->data.mapping_start.tag);
	if (!n || count(b, &ev->start_mark, 1, 0) < 0)
		return -1;
	n->kind = kind;
	n->open = true;
	b->stack[b->depth++] = (struct frame){ n, b->npending };
	return anchor_add(
		b, list ? ev->data.sequence_start.anchor : ev->data.mapping_start.anchor, n);
}

/* The children are complete: they move from the pending stack into the node. What a merge key
 * brings was counted already, as the alias or the map behind it. */
static int on_end(struct builder *b)
{
	struct frame fr = b->stack[--b->depth];
	struct ynode *n = fr.node, **kids = fr.start ? b->pending + fr.start : b->pending;
	size_t nkids = b->npending - fr.start;

	if (n->kind == YNODE_LIST) {
		n->n = nkids;
		n->item = arena_array(&b->tree->mem, nkids, sizeof *n->item);
		if (!n->item)
			return no_memory(b);
		if (nkids)
			memcpy(n->item, kids, nkids * sizeof *kids);
	} else if (merge_map(&b->tree->mem, n, kids, nkids / 2, b->f) < 0) {
		return -1;
	}
	size_t total = n->kind == YNODE_MAP ? 2 * n->n : n->n;
	for (size_t i = 0; i < total; i++) {
		n->nodes += n->item[i]->nodes;
		n->bytes += n->item[i]->bytes;
		if (n->item[i]->height > n->height)
			n->height = n->item[i]->height;
	}
	n->height++;
	n->open = false;
	b->npending = fr.start;
	return push(b, n);
}

static int on_alias(struct builder *b, const yaml_event_t *ev)
{
	const char *name = (const char *)ev->data.alias.anchor;
	struct anchor *a = *bucket(b, name);

	while (a && strcmp(a->name, name) != 0)
		a = a->next;
	if (!a) {
		find_error(b->f, LINE(ev->start_mark), COL(ev->start_mark), ERR_BAD_YAML,
			"the alias *%.60s has no anchor before it", name);
		return -1;
	}
	if (a->node->open)
		return bad_yaml(b, &ev->start_mark, "an alias inside of its own anchor", NULL);
	if (b->depth + a->node->height > CAP_YAML_DEPTH)
		return bad_yaml(
			b, &ev->start_mark, "more than 64 levels deep, aliases expanded", NULL);
	if (count(b, &ev->start_mark, a->node->nodes, a->node->bytes) < 0)
		return -1;
	return push(b, a->node);
}

static int on_document(struct builder *b, const yaml_event_t *ev)
{
	if (b->documents++ == 0)
		return 0;
	return bad_yaml(b, &ev->start_mark, "a second document begins here",
		"keep one document in the file, without a second \"---\"");
}

/* 0: go on, 1: the end, -1: refused. */
static int on_event(struct builder *b, const yaml_event_t *ev)
{
	switch (ev->type) {
	case YAML_DOCUMENT_START_EVENT:
		return on_document(b, ev);
	case YAML_SCALAR_EVENT:
		return on_scalar(b, ev);
	case YAML_SEQUENCE_START_EVENT:
		return on_start(b, ev, YNODE_LIST);
	case YAML_MAPPING_START_EVENT:
		return on_start(b, ev, YNODE_MAP);
	case YAML_SEQUENCE_END_EVENT:
	case YAML_MAPPING_END_EVENT:
		return on_end(b);
	case YAML_ALIAS_EVENT:
		return on_alias(b, ev);
	case YAML_STREAM_END_EVENT:
		return 1;
	default:
		return 0;
	}
}

/* Where libyaml saw it. It takes the end of a text without a newline for a line of its own, which no
 * reader would find. */
static void problem_place(
	const struct builder *b, const char *text, size_t len, int *line, int *col)
{
	const yaml_parser_t *p = &b->parser;
	int last, end;

	*line = LINE(p->problem_mark);
	*col = COL(p->problem_mark);
	text_place(text, len, &last, &end);
	if (p->error == YAML_READER_ERROR) {
		text_place(text, p->problem_offset < len ? p->problem_offset : len, line, col);
	} else if (*line > last) {
		*line = last;
		*col = end;
	}
}

/* What libyaml says, in the form of a finding. */
static int parser_failed(struct builder *b, const char *text, size_t len)
{
	const yaml_parser_t *p = &b->parser;
	const char *problem = p->problem ? p->problem : "not YAML";
	struct err *e;
	int line, col;

	if (p->error == YAML_MEMORY_ERROR)
		return no_memory(b);
	problem_place(b, text, len, &line, &col);
	if (p->context && p->error != YAML_READER_ERROR)
		e = find_error(b->f, line, col, ERR_BAD_YAML, "%s (%s that begins at line %d)",
			problem, p->context, LINE(p->context_mark));
	else
		e = find_error(b->f, line, col, ERR_BAD_YAML, "%s", problem);
	if (strstr(problem, "cannot start any token"))
		find_help(e, "indent by spaces, never by tabs; quote a text that begins with @, "
			     "` or %%");
	else
		find_help(e,
			"look at the indentation, and at quotes, brackets and colons "
			"from line %d on",
			line > 1 ? line - 1 : 1);
	return -1;
}

static int run(struct builder *b, const char *text, size_t len)
{
	int r = 0;

	yaml_parser_set_encoding(&b->parser, YAML_UTF8_ENCODING);
	yaml_parser_set_input_string(&b->parser, (const unsigned char *)text, len);
	while (r == 0) {
		yaml_event_t ev;
		if (!yaml_parser_parse(&b->parser, &ev))
			return parser_failed(b, text, len);
		r = on_event(b, &ev);
		yaml_event_delete(&ev);
	}
	return r < 0 ? -1 : 0;
}

static int refuse_root(struct finder *f, const struct ynode *root)
{
	struct err *e;

	if (!root || tree_is_null(root))
		e = find_error(f, 1, 1, ERR_BAD_YAML, "%s is empty",
			f->file ? "the file" : "the manifest");
	else
		e = find_error(f, root->line, root->col, ERR_BAD_YAML,
			"the manifest is %s; a map is expected", tree_kind(root));
	if (!f->file)
		find_help(e, "begin with \"services:\"");
	return -1;
}

static int text_refused(const char *text, size_t len, struct finder *f)
{
	size_t at = text_check(text, len);
	int line, col;

	if (len > CAP_MANIFEST) {
		find_error(f, 1, 1, ERR_BAD_YAML, "the manifest is larger than 8 MiB");
		return -1;
	}
	if (at == len)
		return 0;
	text_place(text, at, &line, &col);
	find_error(f, line, col, ERR_BAD_YAML, "%s",
		text[at] ? "a byte that is not UTF-8" : "a NUL byte");
	return -1;
}

/* counts: nodes and bytes of what was parsed before. NULL: found, or there is nothing in it. */
static struct ynode *parse_text(
	struct tree *t, struct finder *f, const struct buf *text, uint32_t counts[2])
{
	const char *bytes = text->p ? text->p : "";
	struct ynode *root = NULL;
	struct builder *b;

	if (text_refused(bytes, text->len, f) < 0)
		return NULL;
	b = calloc(1, sizeof *b);
	if (!b || !yaml_parser_initialize(&b->parser)) {
		free(b);
		find_nomem(f);
		return NULL;
	}
	b->tree = t;
	b->f = f;
	b->nodes = counts[0];
	b->bytes = counts[1];
	if (run(b, bytes, text->len) == 0) {
		root = b->npending ? b->pending[0] : NULL;
		if (!root)
			(void)refuse_root(f, NULL);
	}
	counts[0] = b->nodes;
	counts[1] = b->bytes;
	yaml_parser_delete(&b->parser);
	free(b->pending);
	free(b);
	return root;
}

int tree_parse(struct tree *t, const struct manifest_source *src, struct finder *f)
{
	const struct buf text = { .p = (char *)(uintptr_t)src->text, .len = src->len };
	uint32_t counts[2] = { 0 };

	*t = (struct tree){ .mem.step = TREE_STEP, .bytes = src->len, .src = src };
	t->root = parse_text(t, f, &text, counts);
	if (!t->root || t->root->bad)
		return -1;
	return t->root->kind == YNODE_MAP ? 0 : refuse_root(f, t->root);
}

void tree_done(struct tree *t)
{
	arena_done(&t->mem);
	t->root = NULL;
}

struct ynode *tree_key(const struct ynode *map, const char *key)
{
	for (size_t i = 0; map && map->kind == YNODE_MAP && i < map->n; i++)
		if (strcmp(map->item[2 * i]->text, key) == 0)
			return map->item[2 * i];
	return NULL;
}

struct ynode *tree_get(const struct ynode *map, const char *key)
{
	for (size_t i = 0; map && map->kind == YNODE_MAP && i < map->n; i++)
		if (strcmp(map->item[2 * i]->text, key) == 0)
			return map->item[2 * i + 1];
	return NULL;
}

bool tree_is_null(const struct ynode *n)
{
	static const char *const nulls[] = { "", "~", "null", "Null", "NULL" };

	if (n->kind != YNODE_SCALAR || !n->plain)
		return false;
	for (size_t i = 0; i < sizeof nulls / sizeof *nulls; i++)
		if (strcmp(n->text, nulls[i]) == 0)
			return true;
	return false;
}

const char *tree_kind(const struct ynode *n)
{
	return n->kind == YNODE_MAP ? "a map" : n->kind == YNODE_LIST ? "a list" : "a string";
}

const struct ynode *tree_written(const struct ynode *map, const char *key)
{
	const struct ynode *v = tree_get(map, key);

	return v && !tree_is_null(v) ? v : NULL;
}
