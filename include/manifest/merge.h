/* merge.h - the pairs of a map: double keys found, merge keys resolved. Layer: manifest. */
#ifndef MANIFEST_MERGE_H
#define MANIFEST_MERGE_H

#include "manifest/tree.h"

/* Fills map's item and n from npairs pairs (key, value, ...) as they were written. A plain "<<"
 * takes in a map or a list of maps: a key written in the map itself wins, then the earlier map.
 * Double and non-scalar keys are found and left out. -1: memory is out, or the merge would come to
 * more than CAP_YAML_NODES pairs (found). */
int merge_map(
	struct arena *mem, struct ynode *map, struct ynode **kids, size_t npairs, struct finder *f);

#endif
