#include <criterion/criterion.h>
#include <stdlib.h>

#include "base/heap.h"

Test(heap, nodes_come_out_in_order_whatever_was_put_moved_and_taken)
{
	enum { N = 500 };
	struct heap h = { 0 };
	struct heap_node v[N] = { 0 };

	srand(7);
	for (int i = 0; i < N; i++)
		heap_put(&h, &v[i], rand() % 1000);
	for (int i = 0; i < N; i += 3)
		heap_take(&h, &v[i]);
	for (int i = 1; i < N; i += 3)
		heap_put(&h, &v[i], rand() % 1000);
	int64_t last = -1;
	size_t seen = 0;
	for (struct heap_node *m; (m = heap_min(&h)); seen++) {
		cr_assert(m->key >= last);
		last = m->key;
		heap_take(&h, m);
	}
	cr_expect_eq(seen, (size_t)N - (N + 2) / 3);
}
