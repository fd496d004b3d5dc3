#include "cli/nearest.h"

#include <string.h>

#include "base/units.h"

/* Half of the letters may be wrong, at most 3; or one word begins with the other. */
void nearest_offer(struct nearest *n, const char *candidate)
{
	size_t len = strlen(n->word), other = strlen(candidate), least = len < other ? len : other;
	unsigned distance = word_distance(n->word, candidate), bound = (unsigned)(len + 1) / 2;

	if (least >= 3 && strncmp(n->word, candidate, least) == 0)
		distance = distance ? 1 : 0;
	if (distance > (bound < 3 ? bound : 3) || (n->best && distance >= n->distance))
		return;
	n->best = candidate;
	n->distance = distance;
}
