/* The manifests that a supervisor has registered, and what a change makes of them. */
#include <stdio.h>
#include <string.h>

#include "super/change.h"

static ssize_t place_of(const struct change *ch, const char *path)
{
	for (size_t i = 0; i < ch->nfiles; i++)
		if (strcmp(ch->files[i].path, path) == 0)
			return (ssize_t)i;
	return -1;
}

bool change_reads(const struct change *ch, const char *path)
{
	return place_of(ch, path) >= 0;
}

/* Does anything of that file run, or wait for its time? */
static bool lives(const struct super *s, const struct manifest *file)
{
	for (size_t i = 0; i < s->m->nservices; i++) {
		const struct unit *u = s->unit_of[i];
		if (u && s->m->services[i].of == file &&
			(unit_lives(u) || u->state == NODE_BACKOFF || job_of(u)->cron_on))
			return true;
	}
	return false;
}

static bool any_lives(const struct super *s)
{
	const struct manifest *f;
	bool any = false;

	for (size_t i = 0; (f = manifest_file(s->m, i)); i++)
		any |= lives(s, f);
	return any;
}

/* A registered file of which nothing runs any more, where a new one has its names. */
static bool makes_room(const struct super *s, struct manifest *file, struct manifest *fresh)
{
	struct err err;

	return !lives(s, file) &&
	       manifest_disjoint((struct manifest *[]){ file, fresh }, 2, &err) < 0;
}

static struct manifest *read_one(struct change *ch, size_t i, struct err *err)
{
	return bundle_manifest(
		&ch->reading.bundle, ch->files[i].path, ch->files[i].cwd_default, err);
}

/* The registered ones in their order, read again or as they are, and one that is new behind them: it takes the place of
 * all where nothing runs. Returns how many. */
static size_t gather(struct change *ch, struct manifest **v, struct err *err)
{
	struct super *s = ch->s;
	bool new = ch->one_file && !manifest_file_at(s->m, ch->files->path),
	     all = !new || any_lives(s);
	struct manifest *fresh = new ? read_one(ch, 0, err) : NULL;
	const struct manifest *f;
	size_t n = 0;

	if (new && !fresh)
		return 0;
	for (size_t i = 0; all && (f = manifest_file(s->m, i)); i++) {
		struct manifest *file = (struct manifest *)(uintptr_t)f;
		ssize_t at = place_of(ch, f->path);
		if (new &&makes_room(s, file, fresh))
			continue;
		v[n] = at >= 0 ? read_one(ch, (size_t)at, err) : manifest_ref(file);
		if (!v[n]) {
			while (n)
				(void)manifest_free(v[--n]);
			return 0;
		}
		n++;
	}
	if (fresh)
		v[n++] = fresh;
	return n;
}

struct manifest *change_load(struct change *ch, struct err *err)
{
	struct manifest *v[CAP_MANIFESTS + 1], *m = NULL;

	if (!ch->nfiles)
		return manifest_ref(ch->s->m);
	size_t n = gather(ch, v, err);
	if (n)
		m = manifest_join(v, n, err);
	for (size_t i = 0; i < n; i++)
		(void)manifest_free(v[i]);
	const struct manifest *one =
		m && ch->one_file ? manifest_file_at(m, ch->files->path) : NULL;
	if (one && manifest_unheard(m, one))
		snprintf(ch->note, sizeof ch->note,
			"%.200s: what stands beside its services does not count; it is that of the "
			"first manifest",
			one->path);
	return m;
}
