/* What two manifests have in common. */
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "manifest/manifest.h"

static int by_name(const void *a, const void *b)
{
	const struct service *const *x = a, *const *y = b;

	return strcmp((*x)->name, (*y)->name);
}

int manifest_match(const struct manifest *a, const struct manifest *b, ssize_t *ret)
{
	autofree const struct service **sorted = calloc(b->nservices + 1, sizeof *sorted);

	if (!sorted)
		return -1;
	for (size_t i = 0; i < b->nservices; i++)
		sorted[i] = &b->services[i];
	qsort(sorted, b->nservices, sizeof *sorted, by_name);
	for (size_t i = 0; i < a->nservices; i++) {
		const struct service *key = &a->services[i], **hit;
		hit = bsearch(&key, sorted, b->nservices, sizeof *sorted, by_name);
		ret[i] = hit ? *hit - b->services : -1;
	}
	return 0;
}

static bool same(const char *a, const char *b)
{
	return a && b ? strcmp(a, b) == 0 : a == b;
}

bool manifest_same_settings(const struct manifest *a, const struct manifest *b)
{
	return a->max_concurrent == b->max_concurrent &&
	       a->shutdown_timeout_ns == b->shutdown_timeout_ns &&
	       a->sample_interval_s == b->sample_interval_s &&
	       a->retention_min == b->retention_min && a->logs.max_total == b->logs.max_total &&
	       a->shutdown_delay_ns == b->shutdown_delay_ns && a->control_mode == b->control_mode &&
	       same(a->control_socket, b->control_socket) &&
	       same(a->control_group, b->control_group) &&
	       same(a->exit_code_from, b->exit_code_from);
}
