#include "node/keep.h"

int keep_add(struct unit *u, size_t bytes, enum err_code code, struct err *err)
{
	struct unit *root = u->root;

	if (bytes <= CAP_KEPT && root->keeps <= CAP_KEPT - bytes) {
		root->keeps += bytes;
		return 0;
	}
	err_set(err, code, 0,
		"the tree of %s makes the init keep %zu bytes; %zu more would be over %d MiB",
		root->name, root->keeps, bytes, CAP_KEPT >> 20);
	return err_help(
		err, "messages, queued requests and environments count; equal environments once");
}

void keep_sub(struct unit *u, size_t bytes)
{
	struct unit *root = u->root;

	root->keeps -= bytes < root->keeps ? bytes : root->keeps;
}
