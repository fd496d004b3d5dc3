/* bundle.h - the files that a manifest is read with, as bytes: fetched by a fork. Layer: super. */
#ifndef SUPER_BUNDLE_H
#define SUPER_BUNDLE_H

#include "base/buf.h"
#include "manifest/manifest.h"
#include "os/account.h"
#include "super/job.h"

/* Zero-initialised is empty. */
struct bundle {
	struct buf bytes;
};

void bundle_done(struct bundle *b);
/* What the services of m are made with: their environment files, and the accounts where users or
 * groups are named. Waits for it, at most 10 s: for the boot. */
int bundle_of(const struct manifest *m, struct bundle *ret, struct err *err);
/* The text of a file that was asked for, borrowed, with a NUL behind it. -1: err says why there is
 * none (sys: errno). */
int bundle_find(const struct bundle *b, const char *path, const char **ret_text, size_t *ret_len,
	struct err *err);
/* account_find() on what the bundle holds; no such file counts as empty. */
int bundle_account(const struct bundle *b, const char *user, const char *group, struct account *ret,
	struct err *err);
/* account_add_group() of each. */
int bundle_groups(const struct bundle *b, char *const *more, struct account *ret, struct err *err);

/* A manifest and its files on their way here. Nothing of it waits. */
struct reading {
	struct super *s;
	pid_t pid;
	struct watch w; /* fd -1: none is under way */
	struct timer timer;
	struct bundle bundle;
	/* Once, from the loop. failed NULL: bundle is complete, and whoever takes it ends it. */
	void (*done)(struct reading *r, const struct err *failed);
};

struct reading_file {
	char *path; /* absolute */
	bool cwd_default;
};
/* These manifests, n > 0 (parsed in the fork to learn what they need), and their files. 10 s.
 * r->done is set by the caller; s is filled in. */
int reading_start(struct super *s, struct reading *r, const struct reading_file *files, size_t n,
	struct err *err);
void reading_stop(struct reading *r); /* done is not called; fine when none is under way */

/* manifest_load() of what the bundle holds under that path. NULL: err is the first error found,
 * with its place before the message; warnings go to the log. */
struct manifest *bundle_manifest(
	const struct bundle *b, const char *path, bool cwd_default, struct err *err);

#endif
