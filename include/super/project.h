/* project.h - which projects and manifests are registered, and what of that is remembered. Layer: super. */
#ifndef SUPER_PROJECT_H
#define SUPER_PROJECT_H

#include "super/conn.h"

/* A project that was stopped as a whole is unloaded: it has no units until somebody starts it. */
bool project_unloaded(const struct super *s, const char *id);
bool project_is_unloaded(const struct super *s, const char *selector);
int project_unload(
	struct super *s, const char *selector, struct err *err); /* it is down by somebody's hand */
/* No more: that one, else those of that file; both NULL: none is any more. */
void project_load(struct super *s, const char *selector, const struct manifest *file);
void projects_forget(struct super *s); /* those that the manifest has no more */
int projects_recall(struct super *s, const char *id,
	struct err *err); /* it was unloaded; 0 also for none of ours */
void projects_end(struct super *s);
/* Rows for who asked for all of that project; "": for everything; NULL: for some units. */
void projects_tell(struct conn *c, const struct manifest *m, const char *selector);

/* --- remember.c --- */

void remember(struct super *s);     /* what is registered may have changed */
void remember_end(struct super *s); /* an orderly end: nothing is to be taken up */

#endif
